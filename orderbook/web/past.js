/** The part of a chart that was before the page was opened: ticks where they are few, bars where they are many. */

import { now } from './clock.js';
import { ask } from './http.js';
import * as wire from './wire.js';

const MOST_TICKS = 5_000;
const SECONDS = { '15s': 15, '5m': 300 };

/** The spans that a chart offers; those of an hour and more are read as bars. */
export const SPANS = {
  '1m': { ms: 60_000, bars: null },
  '5m': { ms: 300_000, bars: null },
  '1h': { ms: 3_600_000, bars: '15s' },
  '1d': { ms: 86_400_000, bars: '5m' },
};

/** The newest ticks of a span up to now or `end`, oldest first; the newest ones where there are too many. Throws `Problem`. */
export async function ticks(symbol, spanMs, signal, end = null) {
  const range = { start: new Date((end ?? now()) - spanMs).toISOString(), end: end === null ? null : new Date(end).toISOString() };
  const answer = await ask('ticks', { symbols: symbol, ...range, order: 'desc', limit: MOST_TICKS }, { signal });
  return answer.ticks.map(wire.quote).reverse();
}

/** Times, bids and asks at the end of each bar of a span: close of the mid, less and more half its mean spread. */
export async function bars(symbol, { ms, bars: interval }, signal) {
  const start = new Date(now() - ms).toISOString();
  const answer = await ask('bars', { symbol, interval, start }, { signal });
  const seconds = SECONDS[interval];
  const columns = [[], [], []];
  for (const bar of answer.bars.map(wire.bar)) {
    columns[0].push(bar.at + seconds * 1000);
    columns[1].push(bar.close - bar.spread / 2);
    columns[2].push(bar.close + bar.spread / 2);
  }
  return columns;
}

/** The gaps of a symbol in a span. */
export async function gaps(symbol, spanMs, signal) {
  const start = new Date(now() - spanMs).toISOString();
  const answer = await ask('gaps', { symbols: symbol, kind: 'gap', start, limit: 500 }, { signal });
  return answer.events.map(wire.gap);
}
