/** A plain table of a bounded answer: columns say how a row is read. */

import { h } from './dom.js';

/** Columns are `{title, of, class}`; `of(row)` returns text or an element. `more(row)` are attributes of the row. */
export function table(columns, rows, { label, more = () => ({}) } = {}) {
  return h(
    'div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': label },
    h(
      'table', {},
      h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: column.class }, column.title)))),
      h('tbody', {}, rows.map((row) => h(
        'tr', more(row), columns.map((column) => h('td', { class: column.class }, column.of(row) ?? '–')),
      ))),
    ),
  );
}
