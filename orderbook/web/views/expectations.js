/** What is expected of a day's ticks, and which expectations failed. */

import { instantOf, timeOf } from '../clock.js';
import { h, notice } from '../dom.js';
import { count, counted } from '../format.js';
import { ask } from '../http.js';
import { Panel, repeat } from '../panel.js';
import { table } from '../table.js';
import * as wire from '../wire.js';

const REFRESH_MS = 30_000;
const HOW = 'orderbook expectations run --last-hour';

/** The latest run, what failed first, and the runs before. */
export class ExpectationsView {
  constructor(app) {
    this.app = app;
    this.panel = new Panel({ read, render, empty: nothing });
    this.element = h('div', { class: 'scroll' }, h('h1', { class: 'visually-hidden' }, 'Expectations'), this.panel.element);
  }

  show() {
    this.stop?.();
    this.stop = repeat(() => this.panel.load(), REFRESH_MS);
  }

  hide() {
    this.stop?.();
  }

  draw() {}

  restyle() {
    this.panel.show();
  }
}

async function read(signal) {
  return wire.expectations(await ask('expectations/latest', {}, { signal }));
}

function nothing(run) {
  return run !== null ? null : notice('empty', 'No run of the expectations is stored yet.', h('code', {}, HOW), 'Once a day, and for the last hour, what is stored is held against what its profile promises.');
}

function render(run) {
  const failed = run.results.filter((result) => result.passed === false);
  const open = run.results.filter((result) => result.passed === null);
  const met = run.results.filter((result) => result.passed === true);
  return [verdict(run, failed), about(run), trend(run.trend), failures(failed), list(open, 'Not judged'), list(met, 'Met')];
}

function verdict({ outcome, results, detail }, failed) {
  const total = counted(results.length, 'expectation');
  if (outcome === 'error') return h('p', { class: 'verdict broken' }, h('b', {}, 'Broke off'), ` ${detail}`);
  if (failed.length > 0) return h('p', { class: 'verdict broken' }, h('b', {}, `${count(failed.length)} failed`), ` of ${total}`);
  return h('p', { class: 'verdict fine' }, h('b', {}, outcome === 'empty' ? 'Nothing to judge' : 'All met'), ` ${total}`);
}

function about(run) {
  const window = run.scope === 'day' ? `day ${instantOf(run.from).slice(0, 10)}` : `${instantOf(run.from)} to ${timeOf(run.to, 0)}`;
  return h('p', { class: 'lead' }, `${window} · ${counted(run.ticks, 'tick')} · judged ${instantOf(run.at)}`);
}

function list(results, title) {
  if (results.length === 0) return null;
  return h('section', {}, h('h2', {}, title), table([
    { title: 'expectation', of: (row) => row.name },
    { title: 'profile', of: (row) => row.profile ?? 'all' },
    { title: 'severity', of: (row) => row.severity },
    { title: 'checked', of: (row) => count(row.checked), class: 'number' },
    { title: 'failed', of: (row) => count(row.failed), class: 'number' },
    { title: 'said', of: (row) => row.told, class: 'text' },
  ], results, { label: title, more: (row) => ({ class: row.passed === false ? 'alert' : null }) }));
}

/** What failed, and the first rows of each failure. */
function failures(failed) {
  if (failed.length === 0) return null;
  return [list(failed, 'Failed'), failed.filter((one) => one.rows.length > 0).map((one) => {
    const columns = Object.keys(one.rows[0]).map((name) => ({ title: name, of: (row) => row[name] ?? '∅' }));
    return h('details', {}, h('summary', {}, `First rows that fail “${one.name}”`), table(columns, one.rows, { label: one.name }));
  })];
}

/** One bar a run, newest at the right: its height is the number of failures. */
function trend(runs) {
  if (runs.length < 2) return null;
  const most = Math.max(1, ...runs.map((run) => run.failed));
  const words = `Failures of the last ${runs.length} runs: ${runs.map((run) => run.failed).join(', ')}`;
  return h('div', { class: 'trend', role: 'img', 'aria-label': words, title: words }, runs.map((run) => {
    const bar = h('i', { class: run.failed > 0 ? 'broken' : 'fine' });
    bar.style.height = `${Math.max(8, (run.failed / most) * 100)}%`;
    return bar;
  }));
}
