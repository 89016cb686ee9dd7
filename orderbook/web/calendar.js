/** Days and symbols as a field of cells: what is stored where, and what is missing. Pure but for the elements. */

import { h, say } from './dom.js';
import { count, counted, percent } from './format.js';

const SIGNS = { hot: '', archived: '', gap: '!', partial: '!', missing: '', none: '' };
export const KINDS = {
  hot: 'in Postgres, complete', archived: 'archived, complete', gap: 'ids or time missing', missing: 'nothing stored',
};
const COMPLETE = 0.9999;

/** Rows `{date, symbol, ticks, coverage, missing, place}` by symbol and date, with all dates between the first and last. */
export function arranged(rows) {
  const dates = [...new Set(rows.map((row) => row.date))].sort();
  const symbols = [...new Set(rows.map((row) => row.symbol))].sort();
  const cells = new Map(rows.map((row) => [`${row.symbol} ${row.date}`, row]));
  return { dates: dates.length > 0 ? between(dates[0], dates[dates.length - 1]) : [], symbols, cells };
}

/** What a cell is: incomplete comes before where it lies. */
export function kindOf(row) {
  if (row === undefined || row.place === 'missing' || row.ticks === 0) return 'missing';
  if (row.missing > 0 || (row.coverage !== null && row.coverage < COMPLETE)) return 'gap';
  return row.place === 'archived' ? 'archived' : 'hot';
}

/** A cell in words. */
export function sentence(row, symbol, date) {
  const kind = kindOf(row);
  if (kind === 'missing') return `${symbol} on ${date}: nothing stored`;
  const where = row.place === 'archived' ? 'archived' : 'in Postgres';
  const gaps = row.missing > 0 ? `, ${counted(row.missing, 'id')} missing` : '';
  const coverage = row.coverage === null ? '' : `, coverage ${percent(row.coverage)}`;
  return `${symbol} on ${date}: ${count(row.ticks)} ticks ${where}${coverage}${gaps}`;
}

/** The field. Arrow keys move in it; the line above says what the cell under focus or pointer is. */
export function calendar(rows, choose) {
  const { dates, symbols, cells } = arranged(rows);
  const line = h('p', { class: 'about-cell', 'aria-live': 'polite' }, 'Point at a day.');
  const cell = (symbol, date) => {
    const row = cells.get(`${symbol} ${date}`);
    const kind = kindOf(row);
    const text = sentence(row, symbol, date);
    return h('td', { role: 'gridcell' }, h('button', {
      class: kind, tabindex: '-1', 'aria-label': text, 'data-text': text, 'data-symbol': symbol, 'data-date': date,
    }, SIGNS[kind]));
  };
  const head = dates.map((date, at) => {
    const isFirst = at === 0 || date.endsWith('-01');
    return h('th', { scope: 'col', class: isFirst ? 'month' : null }, h('abbr', { title: date }, isFirst ? date.slice(5) : date.slice(8)));
  });
  const body = symbols.map((symbol) => h('tr', {}, h('th', { scope: 'row' }, symbol), dates.map((date) => cell(symbol, date))));
  const element = h('table', { class: 'calendar', role: 'grid', 'aria-label': 'Days by symbol' }, h('thead', {}, h('tr', {}, h('td'), head)), h('tbody', {}, body));
  const tell = (event) => { if (event.target.dataset.text) say(line, event.target.dataset.text); };
  element.addEventListener('pointerover', tell);
  element.addEventListener('focusin', tell);
  element.addEventListener('click', (event) => { if (event.target.dataset.symbol) choose(event.target.dataset); });
  element.addEventListener('keydown', (event) => walk(event, element));
  element.querySelector('button')?.setAttribute('tabindex', '0');
  return [legend(), line, h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Coverage' }, element)];
}

function legend() {
  return h('ul', { class: 'legend', 'aria-label': 'Legend' }, Object.entries(KINDS).map(
    ([kind, meaning]) => h('li', {}, h('i', { class: kind, 'aria-hidden': 'true' }, SIGNS[kind]), meaning),
  ));
}

function walk(event, element) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest('td');
  if (!step || !cell) return;
  event.preventDefault();
  event.stopPropagation();
  const rows = element.tBodies[0].rows;
  const row = rows[cell.parentElement.sectionRowIndex + step[0]];
  const next = row?.cells[cell.cellIndex + step[1]]?.querySelector('button');
  if (!next) return;
  event.target.setAttribute('tabindex', '-1');
  next.setAttribute('tabindex', '0');
  next.focus();
}

function between(first, last) {
  const dates = [];
  for (let at = Date.parse(first); at <= Date.parse(last); at += 86_400_000) dates.push(new Date(at).toISOString().slice(0, 10));
  return dates;
}
