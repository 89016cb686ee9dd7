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

/** A tick of a replay, the `number`th of its run: it may be there twice, as the log has it. */
export function replayed(raw, number) {
  return { ...quote(raw), place: `${raw.run}/${number}` };
}

/** A gap as a replay tells it: as it was found, whatever became of it later. */
export function replayedGap(raw) {
  const to = millis(raw.event_time);
  const { symbol, kind, first_sequence: first, last_sequence: last, seconds } = raw;
  return {
    key: `${kind} ${first}-${last} ${raw.event_time}`, symbol, kind, first, last, seconds,
    from: to - (seconds ?? 0) * 1000, to, found: to, isOpen: kind === 'gap',
  };
}

/** How far a replay is. */
export function replayBeat(raw) {
  return { at: millis(raw.at), behind: raw.behind_seconds };
}

/** What a replay sent, at its end. */
export function replaySum(raw) {
  return { ticks: raw.ticks_sent, gaps: raw.gaps_sent, sha256: raw.sha256 };
}

/** Why a replay broke off. */
export function replayProblem(raw) {
  return { sentence: raw.detail, hint: raw.hint };
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
    archive: !raw.archive ? null : { ...raw.archive, last: millis(raw.archive.last) },
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

/** One bar of the mid, at the time at which it begins. */
export function bar(raw) {
  return { at: millis(raw.time), close: raw.close === null ? NaN : Number(raw.close), spread: raw.spread ?? 0, count: raw.count };
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
  return { name: raw.range, state: raw.state, offsets: raw.offsets, deaths: raw.deaths, lease: millis(raw.lease_until) };
}

/** A power contract: what it delivers, and until when it is traded. */
export function contract(raw) {
  return {
    symbol: raw.symbol, area: raw.area, from: millis(raw.delivery_start), to: millis(raw.delivery_end), closes: millis(raw.gate_closure),
  };
}

/** The clocks of a feed: seconds that receive times are ahead of event times. */
export function clockOf(raw) {
  return { feed: raw.feed, usual: raw.usual_seconds, newest: raw.newest_seconds, at: millis(raw.measured_at), stepped: millis(raw.stepped_at) };
}

/** Coverage of a symbol's day. */
export function dayCoverage(raw) {
  return {
    date: raw.start.slice(0, 10), symbol: raw.symbol, ticks: raw.ticks, coverage: raw.coverage, missing: raw.missing, place: raw.place,
  };
}

/** A cold file. */
export function file(raw) {
  return { id: raw.id, day: raw.day, rows: raw.rows, bytes: raw.bytes, sha256: raw.sha256, problem: raw.problem };
}

/** A reject; `value` is the base64 of its first bytes, null where it had none, undefined where the answer left it out. */
export function reject(raw) {
  return {
    place: `${raw.generation}/${raw.partition}/${raw.offset}`,
    reason: raw.reason,
    field: raw.field,
    detail: raw.detail,
    bytes: raw.bytes,
    resolution: raw.resolution,
    at: millis(raw.at),
    value: raw.value,
  };
}

/** A query's answer: columns `{name, isNumber}` and rows of values. */
export function result(raw) {
  const columns = raw.columns.map(({ name, type }) => ({ name, isNumber: /int|decimal|float|double/.test(type) }));
  return { columns, rows: raw.rows, isCut: raw.truncated, seconds: raw.seconds };
}

/** The newest run of the expectations, and the failures of the runs before it, oldest first; null where there is none. */
export function expectations({ run, results, runs }) {
  if (run === null) return null;
  return {
    at: millis(run.finished_at),
    from: millis(run.window_start),
    to: millis(run.window_end),
    scope: run.scope,
    outcome: run.outcome,
    detail: run.detail,
    ticks: run.ticks,
    results: results.map(expectation),
    trend: runs.map(({ failed }) => ({ failed })).reverse(),
  };
}

function expectation(raw) {
  return {
    name: raw.name, profile: raw.profile, severity: raw.severity, passed: raw.passed, checked: raw.checked,
    failed: raw.failed, told: raw.told, rows: raw.rows ?? [],
  };
}
