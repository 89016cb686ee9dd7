/** The list of symbols: quote, sizes, spread, age, rate and a minute's shape of each. */

import { now } from '../clock.js';
import { h, mark, say } from '../dom.js';
import { age, difference, price, rate, size } from '../format.js';
import { Spark } from '../spark.js';
import * as ticker from '../ticker.js';

const SPARK_MS = 1_000; // between two drawings of a minute in 56 pixels
const STATE_SIGNS = { live: '', stale: 'stale', gap: 'gap', closed: 'closed', waiting: 'no data' };

/** A filter and a list; calls `choose(symbol)` and `filtered(text)`. */
export class SymbolList {
  constructor({ choose, filtered }) {
    this.choose = choose;
    this.rows = new Map();
    this.chosen = null;
    this.filter = '';
    this.field = h('input', {
      type: 'search', placeholder: 'Filter  /', 'aria-label': 'Filter symbols', autocomplete: 'off', spellcheck: 'false',
      oninput: () => filtered(this.field.value.trim()),
      onkeydown: (event) => this.typed(event),
    });
    this.list = h('ul', { role: 'listbox', 'aria-label': 'Symbols', tabindex: '0', onclick: (event) => this.clicked(event) });
    this.none = h('p', { class: 'none', hidden: true }, 'No symbol fits the filter.');
    this.total = h('span', { class: 'total' }, '');
    this.element = h(
      'aside', { class: 'symbols', id: 'symbols', 'aria-label': 'Symbols' },
      h('div', { class: 'filter' }, this.field, this.total), this.list, this.none,
    );
  }

  /** Show what fits `filter`, with `chosen` marked. */
  draw(book, chosen, frame) {
    if (this.names !== book.names || this.drawnFilter !== this.filter) this.arrange(book);
    const at = now();
    for (const name of this.visible) this.rows.get(name).draw(book.of(name), at, frame);
    if (this.chosen !== chosen) this.mark(chosen);
  }

  /** The symbol `step` places from the chosen one. */
  neighbour(step) {
    const at = this.visible?.indexOf(this.chosen) ?? -1;
    return this.visible?.[Math.min(this.visible.length - 1, Math.max(0, at + step))];
  }

  /** Draw all anew. */
  restyle() {
    for (const row of this.rows.values()) row.restyle();
  }

  arrange(book) {
    this.names = book.names;
    this.drawnFilter = this.filter;
    const wanted = this.filter.toLowerCase();
    this.visible = book.names.filter((name) => name.toLowerCase().includes(wanted));
    for (const name of this.visible) if (!this.rows.has(name)) this.rows.set(name, new Row(name, this.rows.size));
    this.list.replaceChildren(...this.visible.map((name) => this.rows.get(name).element));
    mark(this.none, 'hidden', this.visible.length > 0 || book.names.length === 0 ? '' : null);
    say(this.total, this.filter ? `${this.visible.length} of ${book.names.length}` : `${book.names.length}`);
    this.chosen = null;
    if (this.field.value.trim() !== this.filter) this.field.value = this.filter;
  }

  mark(chosen) {
    for (const [name, row] of this.rows) mark(row.element, 'aria-selected', name === chosen ? 'true' : 'false');
    const row = this.rows.get(chosen);
    mark(this.list, 'aria-activedescendant', row?.element.id ?? null);
    if (this.chosen !== null || row) row?.element.scrollIntoView({ block: 'nearest' });
    this.chosen = chosen;
  }

  clicked(event) {
    const row = event.target.closest('li');
    if (row) this.choose(row.dataset.symbol);
  }

  typed(event) {
    if (event.key === 'Escape') {
      this.field.value = '';
      this.field.dispatchEvent(new Event('input'));
      this.list.focus();
    } else if (event.key === 'Enter' && this.visible.length > 0) {
      this.choose(this.visible[0]);
      this.list.focus();
    }
  }
}

class Row {
  constructor(symbol, number) {
    this.version = -1;
    this.sparkAt = -Infinity;
    this.bid = ticker.ticker('bid');
    this.ask = ticker.ticker('ask');
    this.sizes = h('span', { class: 'sizes' }, '');
    this.spread = h('span', { class: 'spread' }, '');
    this.rate = h('span', { class: 'rate' }, '');
    this.age = h('span', { class: 'age' }, '');
    this.state = h('span', { class: 'state' }, '');
    this.spark = new Spark();
    this.element = h(
      'li', { role: 'option', id: `symbol-${number}`, 'data-symbol': symbol, 'aria-selected': 'false' },
      h('span', { class: 'name' }, symbol), this.state,
      h('span', { class: 'quote' }, this.bid, h('span', { class: 'times', 'aria-hidden': 'true' }, '×'), this.ask),
      this.spark.canvas,
      h('span', { class: 'small' }, this.sizes, this.spread, this.rate, this.age),
    );
  }

  draw(instrument, at, frame) {
    const state = instrument.state(at);
    mark(this.element, 'data-state', state);
    say(this.state, STATE_SIGNS[state]);
    say(this.age, age(instrument.age(at) / 1000));
    say(this.rate, Number.isFinite(instrument.rate) ? `${rate(instrument.rate)}/s` : '');
    if (instrument.version === this.version) return;
    this.version = instrument.version;
    const { quote, decimals } = instrument;
    if (quote === null) return;
    ticker.show(this.bid, quote.bid, decimals, frame);
    ticker.show(this.ask, quote.ask, decimals, frame);
    say(this.sizes, `${size(quote.bidSize)} × ${size(quote.askSize)}`);
    say(this.spread, quote.bid === null || quote.ask === null ? '' : price(difference(quote.ask, quote.bid), decimals));
    if (at - this.sparkAt < SPARK_MS) return;
    this.sparkAt = at;
    this.spark.draw(instrument.history);
  }

  restyle() {
    this.version = -1;
    this.sparkAt = -Infinity;
  }
}
