/** From the feed to the table: boxes with their rates, the one that holds up the rest, and what is inside each. */

import { instantOf, now } from '../clock.js';
import { h, mark, notice } from '../dom.js';
import { boxes } from '../flow.js';
import { age, count, duration, rate } from '../format.js';
import { ask } from '../http.js';
import { hops } from '../latency.js';
import { Panel, repeat } from '../panel.js';
import { hashOf } from '../route.js';
import { table } from '../table.js';
import * as wire from '../wire.js';

const REFRESH_MS = 2_000;
const RANGES = 100;
const CLOCKS = 'How far receive times are ahead of event times: a constant difference is normal, a jump says that a clock was set.';
const INSIDES = ['feed', 'kafka', 'drainer', 'workers', 'postgres', 'archive'];

/** Boxes, and below them the inside of the chosen one. What the status says is drawn as it comes. */
export class PipelineView {
  constructor(app) {
    this.app = app;
    this.chosen = null;
    this.drawn = null;
    this.flow = h('ol', { class: 'flow', 'aria-label': 'Stages' });
    this.trouble = h('ul', { class: 'errors', 'aria-label': 'What needs a person', hidden: true });
    this.inside = h('div', {});
    this.ranges = new Panel({
      read: async (signal) => (await ask('ranges', { state: 'planned', limit: RANGES }, { signal })).ranges.map(wire.range),
      render: rangesTable,
      empty: noRanges,
    });
    this.clocks = new Panel({
      read: async (signal) => (await ask('clocks', {}, { signal })).clocks.map(wire.clockOf),
      render: clocksTable,
      empty: (rows) => (rows.length > 0 ? null : h('p', { class: 'lead' }, 'No clock was compared in the last day.')),
    });
    this.hops = new Panel({
      read: (signal) => hops(this.app.book.names, this.app.arrivals, signal),
      render: hopsTable,
      loading: 'Reading the newest ticks …',
    });
    this.element = h('div', { class: 'scroll' }, h('h1', { class: 'visually-hidden' }, 'Pipeline'), this.flow, this.trouble, this.inside);
  }

  show(path) {
    this.chosen = INSIDES.includes(path[0]) ? path[0] : 'drainer';
    this.drawn = null;
    this.stop?.();
    const panel = { feed: this.clocks, workers: this.ranges, postgres: this.hops }[this.chosen];
    if (panel) this.stop = repeat(() => panel.load(), REFRESH_MS);
  }

  hide() {
    this.stop?.();
  }

  restyle() {
    this.drawn = null;
    this.clocks.show();
    this.ranges.show();
    this.hops.show();
  }

  draw() {
    const { status, statusProblem } = this.app;
    if (status === null) {
      const waiting = statusProblem === null ? notice('loading', 'Asking how the pipeline stands …') : notice('error', statusProblem);
      if (this.drawn !== (statusProblem ?? '')) this.inside.replaceChildren(waiting);
      this.drawn = statusProblem ?? '';
      return;
    }
    if (this.drawn === status || this.app.held) return;
    this.drawn = status;
    const focused = this.flow.contains(document.activeElement) ? document.activeElement.dataset.box : null;
    const all = boxes(status);
    this.flow.replaceChildren(...all.map((box) => this.box(box)));
    if (focused) this.flow.querySelector(`[data-box="${focused}"]`)?.focus();
    this.tell(all, status);
    this.fill(status);
  }

  tell(all, { alarms }) {
    const lines = all.flatMap((box) => box.errors.map((error) => h('li', {}, h('b', {}, box.title), ' ', error)));
    lines.push(...alarms.map(({ sentence, at }) => h('li', {}, sentence, ' ', h('small', {}, instantOf(at)))));
    this.trouble.replaceChildren(...lines);
    mark(this.trouble, 'hidden', lines.length === 0 ? '' : null);
  }

  fill(status) {
    if (this.chosen === 'workers') {
      const waiting = Object.entries(status.queues ?? {}).map(([name, length]) => `${name} ${count(length)}`).join(' · ');
      this.inside.replaceChildren(h('p', { class: 'lead' }, `Messages that wait: ${waiting || 'unknown while Redis is away'}`), this.ranges.element);
    } else if (this.chosen === 'postgres') {
      this.inside.replaceChildren(h('p', { class: 'lead' }, 'How long ticks of the last minute took.'), this.hops.element);
    } else if (this.chosen === 'feed') {
      this.inside.replaceChildren(h('p', { class: 'lead' }, CLOCKS), this.clocks.element);
    } else {
      const top = this.inside.querySelector('.table')?.scrollLeft ?? 0;
      this.inside.replaceChildren(partitionsTable(status.partitions));
      const found = this.inside.querySelector('.table');
      if (found) found.scrollLeft = top;
    }
  }

  box({ id, title, figures, errors, out, isBottleneck, link }) {
    const kind = errors.length > 0 ? 'broken' : isBottleneck ? 'bottleneck' : 'fine';
    const word = { broken: 'needs a person', bottleneck: 'holds up the rest', fine: '' }[kind];
    return h(
      'li', { class: kind },
      h(
        'a', { class: 'box', href: hashOf('pipeline', [id]), 'data-box': id, 'aria-current': id === this.chosen ? 'true' : null },
        h('b', {}, title), h('span', { class: 'word' }, word),
        h('dl', {}, figures.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
      ),
      link ? h('a', { class: 'beside', href: link.href, rel: 'noreferrer' }, link.text) : null,
      h('span', { class: 'line' }, Number.isFinite(out) ? `${rate(out)}/s` : ''),
    );
  }
}

function partitionsTable(rows) {
  if (rows.length === 0) return notice('empty', 'No partition was drained yet: start beat and a worker.', h('code', {}, 'celery -A orderbook beat'));
  return table([
    { title: 'partition', of: (row) => String(row.partition), class: 'number' },
    { title: 'stored up to', of: (row) => count(row.committed), class: 'number' },
    { title: 'planned up to', of: (row) => count(row.planned), class: 'number' },
    { title: 'log end', of: (row) => count(logEnd(row)), class: 'number' },
    { title: 'lag', of: (row) => count(row.lag), class: 'number' },
    { title: 'oldest', of: (row) => age(row.lagSeconds), class: 'number' },
    { title: 'open ranges', of: (row) => count(row.open), class: 'number' },
    { title: 'deaths', of: (row) => count(row.deaths), class: 'number' },
    { title: 'drained', of: (row) => (Number.isFinite(row.drained) ? `${age(row.drained)} ago` : '–'), class: 'number' },
    { title: 'state', of: (row) => (row.halted === null ? 'runs' : `halted: ${row.halted}`) },
  ], rows, { label: 'Partitions', more: (row) => ({ class: row.halted === null ? null : 'alert' }) });
}

/** Log and ledger are looked at a second apart: the log reaches what was planned since. Not where it was cut off: that halts. */
function logEnd({ end, planned, halted }) {
  return Number.isFinite(end) && halted === null ? Math.max(end, planned) : end;
}

function noRanges(rows) {
  return rows.length > 0 ? null : h('p', { class: 'lead' }, 'No range is open: everything that was planned is stored.');
}

function rangesTable(rows) {
  return table([
    { title: 'range', of: (row) => row.name, class: 'number' },
    { title: 'offsets', of: (row) => count(row.offsets), class: 'number' },
    { title: 'state', of: (row) => row.state },
    { title: 'held', of: (row) => (row.lease > now() ? 'by a worker' : 'waits') },
    { title: 'deaths', of: (row) => count(row.deaths), class: 'number' },
    { title: 'lease until', of: (row) => instantOf(row.lease) },
  ], rows, { label: 'Open ranges' });
}

function clocksTable(rows) {
  const ahead = (seconds) => (seconds < 0 ? `−${duration(-seconds * 1000)}` : duration(seconds * 1000));
  return table([
    { title: 'feed', of: (row) => row.feed },
    { title: 'usual', of: (row) => ahead(row.usual), class: 'number' },
    { title: 'newest', of: (row) => ahead(row.newest), class: 'number' },
    { title: 'measured', of: (row) => instantOf(row.at), class: 'number' },
    { title: 'was set', of: (row) => (Number.isFinite(row.stepped) ? instantOf(row.stepped) : 'never seen') },
  ], rows, { label: 'Clocks of each feed' });
}

function hopsTable(rows) {
  return table([
    { title: 'hop', of: (row) => row.name },
    { title: 'median', of: (row) => duration(row.median), class: 'number' },
    { title: '99 %', of: (row) => duration(row.high), class: 'number' },
    { title: 'ticks', of: (row) => count(row.ticks), class: 'number' },
  ], rows, { label: 'Latency of each hop' });
}
