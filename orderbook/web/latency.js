/** How long ticks take from hop to hop: from the times that they carry, and from when this page received them. */

import { now } from './clock.js';
import { ask } from './http.js';
import * as wire from './wire.js';

const KEPT = 2_000;
const SAMPLE = 2_000;
const WINDOW_MS = 60_000;
const MOST_SYMBOLS = 20; // whose ticks are looked at: the answer is by symbol, and one alone would not stand for all

/** The newest ages at arrival, in milliseconds, of quotes that the stream has brought. */
export class Arrivals {
  constructor() {
    this.ages = [];
  }

  /** Note the age of a quote that arrives now. */
  note(quote, at) {
    this.ages.push(at - quote.at);
    if (this.ages.length > 2 * KEPT) this.ages.splice(0, KEPT);
  }
}

/** Hops `{name, median, high, ticks}` in milliseconds, over ticks of the last minute. Throws `Problem`. */
export async function hops(symbols, arrivals, signal) {
  const start = new Date(now() - WINDOW_MS).toISOString();
  const query = { symbols: symbols.slice(0, MOST_SYMBOLS).join(','), start, order: 'desc', limit: SAMPLE };
  const ticks = (await ask('ticks', query, { signal })).ticks.map(wire.quote);
  return [
    hop('event to feed', ticks.map((tick) => tick.received - tick.at)),
    hop('feed to row', ticks.map((tick) => tick.landed - tick.received)),
    hop('event to row', ticks.map((tick) => tick.landed - tick.at)),
    hop('event to this page', arrivals.ages.slice(-KEPT)),
  ];
}

/** Median and 99th percentile (nearest rank). */
export function hop(name, samples) {
  const sorted = samples.filter(Number.isFinite).sort((a, b) => a - b);
  const rank = (share) => (sorted.length === 0 ? NaN : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]);
  return { name, median: rank(0.5), high: rank(0.99), ticks: sorted.length };
}
