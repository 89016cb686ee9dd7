/** A part of a view that shows an answer of the server: loading, error, empty and full are each designed. */

import { h, notice, problem } from './dom.js';

/** `read(signal)` fetches, `render(answer)` returns elements; `empty(answer)` returns a notice or null. */
export class Panel {
  constructor({ read, render, empty = () => null, loading = 'Reading …' }) {
    this.read = read;
    this.render = render;
    this.empty = empty;
    this.loading = loading;
    this.answer = undefined; // until one came: an answer may be null
    this.error = null;
    this.element = h('div', { class: 'panel' });
  }

  /** Read, and show; a later call makes an earlier one void. What is shown stays while it is read anew. */
  async load() {
    this.reading?.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    if (this.answer === undefined) this.element.replaceChildren(notice('loading', this.loading));
    try {
      const answer = await this.read(signal);
      if (signal.aborted) return;
      this.answer = answer;
      this.error = null;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.show();
  }

  /** Forget the answer, for another question. */
  clear() {
    this.answer = undefined;
  }

  /** Show again what was read. */
  show() {
    if (this.error !== null && this.answer === undefined) {
      this.element.replaceChildren(problem(this.error, () => this.load()));
      return;
    }
    if (this.answer === undefined) return;
    const nothing = this.empty(this.answer);
    const shown = nothing ? [nothing] : [this.render(this.answer)].flat(Infinity).filter(Boolean);
    this.element.replaceChildren(...shown);
  }
}

/** Call `load` now and every `ms` until `stop` is called on what is returned. Skips turns while the tab is hidden. */
export function repeat(load, ms) {
  let timer = null;
  const turn = async () => {
    if (!document.hidden) await load();
    if (timer !== null) timer = setTimeout(turn, ms);
  };
  timer = setTimeout(turn, 0);
  return () => {
    clearTimeout(timer);
    timer = null;
  };
}
