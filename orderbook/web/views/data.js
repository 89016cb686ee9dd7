/** What is stored: the calendar of days, gaps, rejects with their bytes, archived files. */

import { instantOf, now } from '../clock.js';
import { calendar } from '../calendar.js';
import { h, mark, notice } from '../dom.js';
import { downloadLink } from '../download.js';
import { age, bytes, count, counted } from '../format.js';
import { ask } from '../http.js';
import { Panel, repeat } from '../panel.js';
import { go, hashOf } from '../route.js';
import { table } from '../table.js';
import * as wire from '../wire.js';
import { quarantine } from './quarantine.js';

const DAYS = 30;
const DAY_MS = 86_400_000;
const ROWS = 500;
const REFRESH_MS = 15_000;
const AROUND_MS = 60_000;

/** The parts of this view; the address names one. */
export class DataView {
  constructor(app) {
    this.app = app;
    this.parts = {
      calendar: ['Calendar', new Panel({ read: readCalendar, render: (rows) => calendar(rows, seeDay), empty: nothingStored })],
      gaps: ['Gaps', new Panel({ read: (signal) => this.readGaps(signal), render: gapsTable, empty: noGaps })],
      quarantine: ['Quarantine', quarantine(() => this.path.slice(1).join('/') || null)],
      files: ['Files', new Panel({ read: readFiles, render: filesTable, empty: noFiles })],
    };
    this.nav = h('nav', { class: 'subtabs', 'aria-label': 'Parts of the data' }, Object.entries(this.parts).map(
      ([id, [title]]) => h('a', { href: hashOf('data', id === 'calendar' ? [] : [id]), 'data-part': id }, title),
    ));
    this.body = h('div', {});
    this.element = h('div', { class: 'scroll' }, h('h1', { class: 'visually-hidden' }, 'Data'), this.nav, this.body);
  }

  show(path, params) {
    this.path = path;
    const symbol = params.get('symbol');
    const id = this.parts[path[0]] ? path[0] : 'calendar';
    for (const link of this.nav.children) mark(link, 'aria-current', link.dataset.part === id ? 'page' : null);
    const [, panel] = this.parts[id];
    if (symbol !== this.symbol) this.parts.gaps[1].clear();
    this.symbol = symbol;
    this.panel = panel;
    this.body.replaceChildren(panel.element);
    this.stop?.();
    this.stop = repeat(() => (panel.element.contains(document.activeElement) ? null : panel.load()), REFRESH_MS);
  }

  hide() {
    this.stop?.();
  }

  draw() {}

  restyle() {
    this.panel?.show();
  }

  async readGaps(signal) {
    const answer = await ask('gaps', { symbols: this.symbol, limit: ROWS }, { signal });
    return answer.events.map(wire.gap);
  }
}

async function readCalendar(signal) {
  const start = new Date(Math.floor(now() / DAY_MS) * DAY_MS - (DAYS - 1) * DAY_MS).toISOString();
  return (await ask('coverage', { per: 'day', start }, { signal })).rows.map(wire.dayCoverage);
}

function seeDay({ symbol, date }) {
  go(hashOf('query', [], { sql: `SELECT * FROM ticks\nWHERE symbol = '${symbol.replaceAll("'", "''")}'\n  AND event_time >= '${date}' AND event_time < '${date}'::date + 1\nORDER BY event_time LIMIT 1000` }));
}

function nothingStored(rows) {
  return rows.length > 0 ? null : notice(
    'empty', 'Nothing is stored yet.', h('code', {}, 'python -m orderbook.simulator'), 'A day appears here with its first tick.',
  );
}

function gapsTable(rows) {
  return table([
    { title: 'found', of: (row) => instantOf(row.found) },
    { title: 'symbol', of: (row) => h('a', { href: hashOf('live', [row.symbol]) }, row.symbol) },
    { title: 'kind', of: (row) => row.kind },
    { title: 'state', of: (row) => row.state.replace('_', ' ') },
    { title: 'cause', of: (row) => row.cause ?? '–' },
    { title: 'ids', of: (row) => (row.first === row.last ? String(row.first) : `${row.first} – ${row.last}`), class: 'number' },
    { title: 'missing still', of: (row) => row.missing || 'none', class: 'number' },
    { title: 'took', of: (row) => (row.seconds === null ? '–' : age(row.seconds)), class: 'number' },
    { title: 'at', of: (row) => h('a', { href: around(row), title: 'Replay what was around it' }, instantOf(row.to, 3)) },
  ], rows, { label: 'Sequence events' });
}

/** The minutes before and after an event, to be played again. */
function around({ symbol, from, to }) {
  const [first, last] = [Math.floor((from || to) / 1000) * 1000 - AROUND_MS, Math.ceil(to / 1000) * 1000 + AROUND_MS];
  return hashOf('replay', [symbol], { from: new Date(first).toISOString(), to: new Date(last).toISOString() });
}

function noGaps(rows) {
  return rows.length > 0 ? null : notice('empty', 'No gap, repeat, reorder, reset or stall was found.', h(
    'code', {}, 'python -m orderbook.simulator --fault gap:0.1%'), 'To see one, let the simulator break something.');
}

async function readFiles(signal) {
  return (await ask('files', {}, { signal })).files.map(wire.file);
}

function filesTable(rows) {
  const total = rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0);
  return [
    h('p', { class: 'lead' }, `${counted(rows.length, 'file')}, ${bytes(total)}.`),
    table([
      { title: 'day', of: (row) => row.day },
      { title: 'file', of: (row) => downloadLink(`files/${row.id}`, `ticks-${row.day}-${row.id}.parquet`, `part-${row.id}.parquet`) },
      { title: 'rows', of: (row) => count(row.rows), class: 'number' },
      { title: 'size', of: (row) => bytes(row.bytes), class: 'number' },
      { title: 'sha256', of: (row) => h('code', { title: row.sha256 }, row.sha256.slice(0, 16)) },
      { title: 'verified', of: (row) => row.problem ?? 'fine', class: 'text' },
    ], rows, { label: 'Archived files' }),
  ];
}

function noFiles(rows) {
  return rows.length > 0 ? null : notice('empty', 'No day is archived yet.', h('code', {}, 'orderbook archive run'), 'Days are frozen to Parquet once they are old enough.');
}
