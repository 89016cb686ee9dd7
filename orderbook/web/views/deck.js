/** The controls of a replay: what, from when to when, how fast, and where in it. */

import { copyButton } from '../clipboard.js';
import { instantOf } from '../clock.js';
import { h, mark, say } from '../dom.js';
import * as extent from '../extent.js';
import { age, counted } from '../format.js';
import { iso } from '../player.js';
import { Timeline } from './timeline.js';

export const SPEEDS = ['0.1', '1', '10', '100', '1000', 'max'];
const LATE_SECONDS = 0.5; // less is no news

/** `ask(changes)` wants another symbol, range or speed; `toggle()` plays or pauses; `seek(ms)` goes somewhere. */
export class Deck {
  constructor({ player, ask, toggle, seek }) {
    this.player = player;
    this.ask = ask;
    this.symbol = h('select', { 'aria-label': 'Symbol', onchange: () => ask({ symbol: this.symbol.value }) });
    this.from = this.field('From', () => this.entered());
    this.to = this.field('To', () => this.entered());
    this.wrong = h('p', { class: 'trouble', role: 'alert', hidden: true }, '');
    this.button = h('button', { class: 'action primary play', onclick: toggle }, 'Play');
    this.speeds = h('div', { class: 'spans', role: 'group', 'aria-label': 'Speed' }, SPEEDS.map(
      (speed) => h('button', { 'data-speed': speed, onclick: () => ask({ speed }) }, speed === 'max' ? 'max' : `×${speed}`),
    ));
    this.place = h('output', { class: 'place', 'aria-label': 'Replayed up to' }, '');
    this.count = h('p', { class: 'said' }, '');
    this.timeline = new Timeline({ seek });
    this.told = h('p', { class: 'sum', role: 'status' }, '');
    this.hash = h('code', { class: 'hash' }, '');
    this.element = h('section', { class: 'deck', 'aria-label': 'Player' }, this.rows());
  }

  rows() {
    const offered = Object.entries(extent.OFFERED).map(
      ([title, ms]) => h('button', { class: 'action small', onclick: () => this.ask({ last: ms }) }, `Last ${title}`),
    );
    return [
      h('div', { class: 'tools' }, this.button, this.symbol, h('span', { class: 'range' }, this.from, h('span', { 'aria-hidden': 'true' }, '–'), this.to), h('span', { class: 'offered', role: 'group', 'aria-label': 'Ranges' }, offered), this.wrong),
      h('div', { class: 'tools' }, this.speeds, this.place, this.count),
      this.timeline.element,
      h('div', { class: 'tools' }, this.told, this.hash, h('span', { class: 'exports' }, copyButton('Copy as command', () => this.command()))),
    ];
  }

  field(label, entered) {
    return h('input', {
      class: 'instant', 'aria-label': label, autocomplete: 'off', spellcheck: 'false', size: '19', onchange: entered,
      onkeydown: (event) => { if (event.key === 'Enter') entered(); },
      onblur: () => { if (this.wrong.hidden) this.write(this.player); },
    });
  }

  /** Show a range in the fields. */
  write({ from, to }) {
    if (document.activeElement !== this.from) this.from.value = instantOf(from);
    if (document.activeElement !== this.to) this.to.value = instantOf(to);
    this.complain(null);
  }

  /** What was written in the fields, where it is a range. */
  entered() {
    const [from, to] = [this.from, this.to].map((field) => extent.instantIn(field.value));
    mark(this.from, 'aria-invalid', Number.isNaN(from) ? 'true' : null);
    mark(this.to, 'aria-invalid', Number.isNaN(to) ? 'true' : null);
    if (Number.isNaN(from + to)) this.complain('Write a time as 2026-01-05 08:30:00.');
    else if (from >= to) this.complain('The end is not after the beginning.');
    else if (from === this.player.from && to === this.player.to) this.complain(null);
    else this.ask({ range: { from, to } });
  }

  complain(sentence) {
    mark(this.wrong, 'hidden', sentence === null ? '' : null);
    say(this.wrong, sentence ?? '');
  }

  /** Show how it stands; `known` is what is known of the whole range, `trouble` why that is nothing. */
  draw(names, known, trouble) {
    const { player } = this;
    this.choices(names);
    say(this.button, player.isPlaying ? 'Pause' : player.state === 'ended' ? 'Play again' : 'Play');
    for (const button of this.speeds.children) mark(button, 'aria-pressed', String(button.dataset.speed === player.speed));
    say(this.place, instantOf(player.at, 1));
    say(this.count, this.counts());
    say(this.told, this.sentence(known, trouble));
    say(this.hash, player.sum && !player.problem ? `sha256 ${player.sum.sha256}` : '');
    mark(this.told, 'data-alert', player.problem || trouble ? 'true' : null);
    this.timeline.draw(player, known);
  }

  choices(names) {
    if (names !== this.names) {
      this.names = names;
      const all = names.includes(this.player.symbol) ? names : [...names, this.player.symbol];
      this.symbol.replaceChildren(...all.map((name) => h('option', { value: name }, name)));
    }
    if (this.symbol.value !== this.player.symbol && document.activeElement !== this.symbol) this.symbol.value = this.player.symbol;
  }

  counts() {
    const { ticks, gaps, behind } = this.player;
    const late = behind > LATE_SECONDS ? ` · ${age(behind)} behind` : '';
    return `${counted(ticks, 'tick')} · ${counted(gaps, 'gap')}${late}`;
  }

  /** One sentence: what is wrong, what was sent, or which run this is. */
  sentence(known, trouble) {
    const { player } = this;
    if (player.problem) return [player.problem.sentence, player.problem.hint].filter(Boolean).join(' ');
    if (player.sum) return `Run ${player.run} is over; of its last ${counted(player.sum.ticks, 'tick')}:`;
    if (player.run) return `Run ${player.run}`;
    if (trouble) return trouble;
    if (known === null) return 'Reading the range …';
    if (known.quotes === 0) return `No tick of ${player.symbol} with both sides is stored in this range.`;
    return `${counted(known.quotes, 'tick')} with both sides in this range. Space plays and pauses, ← → go a step.`;
  }

  /** The same range for a shell. */
  command() {
    const { symbol, from, to, speed } = this.player;
    const quoted = `'${symbol.replaceAll("'", "'\\''")}'`;
    return `orderbook replay --from ${iso(from)} --to ${iso(to)} --symbols ${quoted} --speed ${speed}`;
  }

  restyle() {
    this.write(this.player);
    this.timeline.restyle();
  }
}
