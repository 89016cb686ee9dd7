/** The server's answers as the page's own values. The only file that knows the names of their fields. */

import { millis } from './format.js';

export { millis as millisOf };

/** A tick, wherever it stands: prices and sizes as exact strings, times in milliseconds. */
export function quote(raw) {
  return {
    symbol: raw.symbol,
    at: millis(raw.event_time),
    received: millis(raw.received_time),
    landed: millis(raw.landed_at),
    bid: exact(raw.bid_price),
    ask: exact(raw.ask_price),
    bidSize: exact(raw.bid_volume),
    askSize: exact(raw.ask_volume),
    sequence: raw.sequence_id,
    place: raw.place ?? `${raw.generation_id}/${raw.kafka_partition}/${raw.kafka_offset}`,
    together: raw.ticks ?? 1, // ticks of the symbol that landed at once, of which this is the newest
  };
}

/** A sequence event; `from` and `to` are the event times of the ticks on both sides. */
export function gap(raw) {
  const to = millis(raw.event_time);
  return {
    key: String(raw.id),
    symbol: raw.symbol,
    kind: raw.kind,
    state: raw.state,
    cause: raw.cause ?? null,
    first: raw.first_sequence,
    last: raw.last_sequence,
    missing: raw.missing, // ids that did not come since, as `4-7 9`
    seconds: raw.seconds,
    from: to - raw.seconds * 1000,
    to,
    found: millis(raw.detected_at),
    isOpen: raw.kind === 'gap' && raw.state === 'open',
  };
}

/** The rows of an answer, whatever its list is called. */
export function rows(answer, ...names) {
  if (Array.isArray(answer)) return answer;
  for (const name of [...names, 'items', 'rows']) if (Array.isArray(answer?.[name])) return answer[name];
  return [];
}

function exact(value) {
  return value === null || value === undefined ? null : String(value);
}

/** What `/v1/status` says; null or NaN is what it does not know now. */
export function status(raw) {
  const down = Object.entries(raw.sources).filter(([, source]) => !source.up);
  return {
    serverTime: millis(raw.server_time),
    completeThrough: millis(raw.complete_through),
    coverage: raw.coverage,
    gaps: raw.gaps_today,
    gapsOpen: raw.gaps_open,
    quarantine: raw.quarantine_open,
    lost: raw.lost,
    stored: raw.stored,
    rateIn: raw.rate_in ?? NaN,
    rateOut: raw.rate_out ?? NaN,
    lagMessages: raw.lag_messages,
    lagSeconds: raw.lag_seconds ?? NaN,
    landed: raw.last_landed_seconds_ago ?? NaN,
    queues: raw.queues,
    partitions: raw.partitions.map(partition),
    down: down.map(([name, source]) => ({ name, sentence: `${title(name)} is away: ${source.error}` })),
    alarms: raw.alarms.map(alarm),
    alarmsOpen: raw.alarms_open,
    archive: raw.archive ?? null,
    links: raw.links ?? {},
  };
}

function alarm(raw) {
  const where = raw.partition === null ? '' : `, partition ${raw.partition}`;
  return { sentence: `${title(raw.kind.replaceAll('_', ' '))}${where}: ${raw.detail}`, at: millis(raw.raised_at) };
}

/** One row of `/v1/symbols`. */
export function symbol(raw) {
  return {
    symbol: raw.symbol,
    profile: raw.profile ?? null,
    unit: raw.unit ?? null,
    status: raw.status,
    isOpen: raw.open ?? raw.status !== 'closed',
    rate: raw.rate ?? NaN,
    patience: (raw.stale_after_seconds ?? NaN) * 1000,
    first: millis(raw.first_time),
    last: millis(raw.last_time),
  };
}

function title(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** One bar of the mid. */
export function bar(raw) {
  const spread = Number(raw.spread ?? raw.mean_spread ?? 0);
  return { end: millis(raw.end ?? raw.time ?? raw.start), close: Number(raw.close), spread, count: raw.count };
}

/** A partition of the log; what Kafka alone knows is null while it is away. */
function partition(raw) {
  return {
    partition: raw.partition,
    committed: raw.committed,
    planned: raw.planned,
    end: raw.log_end,
    lag: raw.lag_messages,
    lagSeconds: raw.lag_seconds ?? NaN,
    open: raw.open_ranges,
    held: raw.held_ranges,
    deaths: raw.most_deaths,
    drained: raw.drained_seconds_ago ?? NaN,
    halted: raw.halted_reason,
  };
}

/** A range of the ledger. */
export function range(raw) {
  const start = raw.start_offset ?? raw.start;
  const end = raw.end_offset ?? raw.end;
  return {
    name: raw.name ?? `${raw.partition}/${start}–${end - 1}`,
    offsets: end - start,
    state: raw.state,
    isHeld: Boolean(raw.holder ?? raw.held),
    deaths: raw.deaths ?? 0,
    lease: millis(raw.lease_until),
  };
}

/** Coverage of a symbol's day. */
export function dayCoverage(raw) {
  const ticks = raw.ticks ?? raw.count ?? 0;
  return {
    date: raw.date ?? raw.day ?? String(raw.start ?? '').slice(0, 10),
    symbol: raw.symbol,
    ticks,
    coverage: raw.coverage ?? null,
    gaps: raw.gaps ?? (raw.missing > 0 ? 1 : 0),
    place: raw.place ?? (ticks > 0 ? 'hot' : 'missing'),
  };
}

/** A cold file. */
export function file(raw) {
  const path = raw.path ?? raw.name ?? String(raw.id);
  return {
    id: raw.id, day: raw.day ?? raw.date ?? null, name: path.split('/').pop(), rows: raw.rows, bytes: raw.bytes ?? raw.size,
    sha256: raw.sha256, made: millis(raw.created_at ?? raw.archived_at),
  };
}

/** A reject; its `value` is base64, undefined where the answer left it out. */
export function reject(raw) {
  return {
    key: `${raw.generation_id ?? 0}-${raw.partition}-${raw.offset}`,
    generation: raw.generation_id ?? null,
    partition: raw.partition,
    offset: raw.offset,
    reason: raw.reason,
    field: raw.field ?? null,
    detail: raw.detail ?? '',
    bytes: raw.bytes ?? null,
    resolution: raw.resolution,
    at: millis(raw.landed_at ?? raw.at),
    value: raw.value,
  };
}

/** A query's answer: columns `{name, type, isNumber}` and rows of values. */
export function result(raw) {
  const columns = (raw.columns ?? []).map((column) => (typeof column === 'string' ? { name: column } : column));
  const rows = (raw.rows ?? []).map((row) => (Array.isArray(row) ? row : columns.map(({ name }) => row[name])));
  const isNumber = (column, at) => /int|numeric|decimal|float|double|real/i.test(column.type ?? '') || typeof rows[0]?.[at] === 'number';
  return {
    columns: columns.map((column, at) => ({ ...column, isNumber: isNumber(column, at) })),
    rows,
    isCut: Boolean(raw.truncated),
    seconds: raw.seconds ?? null,
  };
}

/** A run of the expectations, and the failures of the runs before it, oldest first; null where there is none. */
export function expectations(raw) {
  const run = raw?.run ?? raw;
  if (!run?.results) return null;
  return {
    at: millis(run.finished_at),
    from: millis(run.window_start),
    to: millis(run.window_end),
    scope: run.scope,
    outcome: run.outcome,
    detail: run.detail ?? '',
    ticks: run.ticks,
    results: run.results.map(expectation),
    trend: (raw.runs ?? []).map((one) => ({ at: millis(one.finished_at), failed: one.failed })).reverse(),
  };
}

function expectation(raw) {
  return {
    name: raw.name, profile: raw.profile, severity: raw.severity, passed: raw.passed, checked: raw.checked,
    failed: raw.failed, told: raw.told, rows: raw.rows ?? [],
  };
}
