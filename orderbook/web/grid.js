/** A result of any length: only the rows in sight are elements. */

import { h, say } from './dom.js';

const ROW_REM = 1.5; // the height of the style sheet's `.grid .row`
const SPARE = 10; // rows above and below what is seen
const TALLEST = 12_000_000; // pixels: browsers draw no element much taller than this
const SAMPLE = 200; // rows that decide how wide a column is

/** Show `columns` of `{name, isNumber}` and `rows` of values. */
export function grid(columns, rows, label) {
  const widths = columns.map((column, at) => widthOf(column, rows, at));
  const fixed = `4.5ch ${widths.map((characters) => `${characters}ch`).join(' ')}`;
  const head = h('div', { class: 'row head', role: 'row' }, cell('#', 'columnheader', 'n'), columns.map(
    ({ name, isNumber }) => cell(name, 'columnheader', isNumber ? 'number' : ''),
  ));
  const space = h('div', { class: 'space', role: 'presentation' });
  const element = h(
    'div', { class: 'grid', role: 'table', 'aria-label': label, 'aria-rowcount': String(rows.length + 1), tabindex: '0' },
    head, space,
  );
  head.style.gridTemplateColumns = fixed;
  space.style.minWidth = `calc(${widths.reduce((sum, one) => sum + one, 4.5)}ch + ${columns.length + 1} * 1.2em)`;
  const height = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const pool = [];
  space.style.height = `${Math.min(TALLEST, rows.length * height)}px`;
  const draw = () => fill({ element, space, pool, columns, rows, fixed, height });
  element.addEventListener('scroll', draw, { passive: true });
  new ResizeObserver(draw).observe(element);
  return element;
}

function fill({ element, space, pool, columns, rows, fixed, height }) {
  const most = Math.ceil(element.clientHeight / height) + 2 * SPARE;
  const travel = Math.max(1, space.offsetHeight - element.clientHeight + height);
  const hidden = Math.max(0, rows.length * height - space.offsetHeight); // what a very long result has over `TALLEST`
  const shift = (element.scrollTop / travel) * hidden;
  const first = Math.max(0, Math.floor((element.scrollTop + shift) / height) - SPARE);
  while (pool.length < Math.min(most, rows.length)) pool.push(line(columns, space, fixed));
  pool.forEach((row, at) => {
    const index = Math.min(first, Math.max(0, rows.length - pool.length)) + at;
    row.style.transform = `translateY(${index * height - shift}px)`;
    if (row.dataset.index === String(index)) return;
    row.dataset.index = index;
    row.setAttribute('aria-rowindex', index + 2);
    say(row.children[0], String(index + 1));
    rows[index].forEach((value, column) => put(row.children[column + 1], value));
  });
}

function line(columns, space, fixed) {
  const row = h('div', { class: 'row', role: 'row' }, cell('', 'cell', 'n'), columns.map(
    ({ isNumber }) => cell('', 'cell', isNumber ? 'number' : ''),
  ));
  row.style.gridTemplateColumns = fixed;
  space.append(row);
  return row;
}

function put(element, value) {
  say(element, value === null ? '∅' : typeof value === 'object' ? JSON.stringify(value) : String(value));
  element.classList.toggle('null', value === null);
}

function cell(text, role, name) {
  return h('span', { role, class: name }, text);
}

function widthOf({ name }, rows, at) {
  let most = name.length;
  for (let row = 0; row < Math.min(SAMPLE, rows.length); row += 1) {
    const value = rows[row][at];
    const length = value === null ? 1 : typeof value === 'object' ? 24 : String(value).length;
    if (length > most) most = length;
  }
  return Math.min(60, most + 2);
}
