/** The newest ticks of one symbol, newest on top, in rows that are made once. */

import { timeOf } from '../clock.js';
import { h, mark, say } from '../dom.js';
import { price, size } from '../format.js';

const ROWS = 40;
const COLUMNS = ['time', 'size', 'bid', 'ask', 'size', 'sequence', 'skipped'];

/** A table. */
export class Tape {
  constructor() {
    this.lines = Array.from({ length: ROWS }, line);
    this.element = h(
      'section', { class: 'tape', 'aria-label': 'Newest ticks', tabindex: '0' },
      h(
        'table', {},
        h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col', class: name }, name)))),
        h('tbody', {}, this.lines.map(({ row }) => row)),
      ),
    );
  }

  /** Show an instrument's tape. */
  draw(instrument) {
    if (this.drawn === instrument && this.version === instrument.version) return;
    this.drawn = instrument;
    this.version = instrument.version;
    this.lines.forEach(({ row, cells }, at) => {
      const quote = instrument.tape[at];
      mark(row, 'hidden', quote === undefined ? '' : null);
      if (quote === undefined) return;
      const values = [
        timeOf(quote.at, 3), size(quote.bidSize), price(quote.bid, instrument.decimals),
        price(quote.ask, instrument.decimals), size(quote.askSize), String(quote.sequence),
        skipped(quote),
      ];
      values.forEach((value, column) => say(cells[column], value));
    });
  }

  /** Draw all anew. */
  restyle() {
    this.version = -1;
  }
}

/** The stream carries the newest tick of each landing: how many landed together with it. */
function skipped({ together }) {
  return together > 1 ? `+${together - 1}` : '';
}

function line() {
  const cells = COLUMNS.map((name) => h('td', { class: name }, ''));
  return { row: h('tr', { hidden: true }, cells), cells };
}
