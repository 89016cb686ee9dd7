/** From the feed to the table: boxes with their rates, the one that holds up the rest, and what is inside each. */

import { instantOf } from '../clock.js';
import { h, notice } from '../dom.js';
import { boxes } from '../flow.js';
import { age, count, rate } from '../format.js';
import { ask } from '../http.js';
import { Panel, repeat } from '../panel.js';
import { adjust, hashOf } from '../route.js';
import { table } from '../table.js';
import * as wire from '../wire.js';

const REFRESH_MS = 2_000;
const RANGES = 100;

/** Boxes, and below them the inside of the chosen one. */
export class PipelineView {
  constructor(app) {
    this.app = app;
    this.chosen = 'drainer';
    this.flow = new Panel({ read: (signal) => this.read(signal), render: (found) => this.render(found) });
    this.inside = new Panel({
      read: (signal) => this.readInside(signal),
      render: (found) => found.element,
    });
    this.element = h('div', { class: 'scroll' }, h('h1', { class: 'visually-hidden' }, 'Pipeline'), this.flow.element, this.inside.element);
  }

  show(path) {
    const chosen = path[0] ?? 'drainer';
    if (chosen !== this.chosen) this.inside.clear();
    this.chosen = chosen;
    this.stop?.();
    this.stop = repeat(async () => {
      await this.flow.load();
      await this.inside.load();
    }, REFRESH_MS);
  }

  hide() {
    this.stop?.();
  }

  draw() {}

  restyle() {
    this.flow.show();
    this.inside.show();
  }

  async read(signal) {
    const raw = await ask('pipeline', {}, { signal });
    return { status: wire.status(raw.status ?? raw), partitions: wire.rows(raw, 'partitions').map(wire.partition), links: raw.links };
  }

  render(found) {
    this.partitions = found.partitions;
    const focused = document.activeElement?.dataset?.box;
    const all = boxes(found);
    const list = h('ol', { class: 'flow', 'aria-label': 'Stages' }, all.map((box) => this.box(box)));
    queueMicrotask(() => focused && list.querySelector(`[data-box="${focused}"]`)?.focus());
    return [list, this.errors(all), this.alarms(found.status)];
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

  errors(all) {
    const sentences = all.flatMap((box) => box.errors.map((error) => [box.title, error]));
    if (sentences.length === 0) return null;
    return h('ul', { class: 'errors', 'aria-label': 'Errors' }, sentences.map(([title, text]) => h('li', {}, h('b', {}, title), ' ', text)));
  }

  alarms({ alarms }) {
    if (alarms.length === 0) return null;
    return h('ul', { class: 'errors', 'aria-label': 'Alarms' }, alarms.map((text) => h('li', {}, text)));
  }

  async readInside(signal) {
    if (this.chosen === 'workers') {
      const found = wire.rows(await ask('ranges', { state: 'planned', limit: RANGES }, { signal }), 'ranges').map(wire.range);
      return { element: ranges(found) };
    }
    if (this.chosen === 'postgres') return { element: latencies(await ask('pipeline', {}, { signal })) };
    return { element: partitions(this.partitions ?? []) };
  }
}

function partitions(rows) {
  if (rows.length === 0) return notice('empty', 'No partition was drained yet: start beat and a worker.', h('code', {}, 'celery -A orderbook beat'));
  return table([
    { title: 'partition', of: (row) => String(row.partition), class: 'number' },
    { title: 'stored up to', of: (row) => count(row.committed), class: 'number' },
    { title: 'planned up to', of: (row) => count(row.planned), class: 'number' },
    { title: 'log end', of: (row) => count(row.end), class: 'number' },
    { title: 'lag', of: (row) => count(row.lag), class: 'number' },
    { title: 'open ranges', of: (row) => count(row.open), class: 'number' },
    { title: 'deaths', of: (row) => count(row.deaths), class: 'number' },
    { title: 'drained', of: (row) => (Number.isFinite(row.drained) ? `${age(row.drained)} ago` : '–'), class: 'number' },
    { title: 'state', of: (row) => (row.halted === null ? 'runs' : `halted: ${row.halted}`) },
  ], rows, { label: 'Partitions', more: (row) => ({ class: row.halted === null ? null : 'alert' }) });
}

function ranges(rows) {
  if (rows.length === 0) return notice('empty', 'No range is open: everything that was planned is stored.', h('button', { class: 'action', onclick: () => adjust({}) }, 'Look again'));
  return table([
    { title: 'range', of: (row) => row.name, class: 'number' },
    { title: 'offsets', of: (row) => count(row.offsets), class: 'number' },
    { title: 'state', of: (row) => row.state },
    { title: 'held', of: (row) => (row.isHeld ? 'by a worker' : 'waits') },
    { title: 'deaths', of: (row) => count(row.deaths), class: 'number' },
    { title: 'lease until', of: (row) => instantOf(row.lease) },
  ], rows, { label: 'Open ranges' });
}

function latencies(raw) {
  const hops = Object.entries(raw.latency ?? {});
  if (hops.length === 0) return notice('empty', 'Latencies are not measured here.', h('a', { class: 'action', href: 'metrics' }, 'See the metrics'));
  const seconds = (value) => (value === null || value === undefined ? '–' : value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`);
  return table([
    { title: 'hop', of: ([name]) => name.replaceAll('_', ' ') },
    { title: 'median', of: ([, value]) => seconds(value.p50), class: 'number' },
    { title: '99 %', of: ([, value]) => seconds(value.p99), class: 'number' },
  ], hops, { label: 'Latency of each hop' });
}
