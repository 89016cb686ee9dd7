/** Ranges of the past: as text in a field, as they are offered, and what is known of them as a whole. */

import { zone } from './clock.js';
import { ask } from './http.js';
import * as wire from './wire.js';

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?( ?Z)?$/;
const MOST_BARS = 1_000; // more than a line on a screen has places
const SECONDS = { '1s': 1, '5s': 5, '10s': 10, '15s': 15, '1m': 60, '5m': 300, '15m': 900, '1h': 3600, '1d': 86_400 };

/** Ranges that end with a symbol's newest tick, in milliseconds. */
export const OFFERED = { '10 min': 600_000, '1 h': 3_600_000, '6 h': 21_600_000, '1 d': 86_400_000 };

/** The instant that a person wrote, in the chosen zone; NaN where it is none. */
export function instantIn(text) {
  const found = INSTANT.exec(text.trim());
  if (found === null) return NaN;
  const [year, month, day, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map((part) => (part === undefined ? undefined : Number(part)));
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return NaN;
  const ms = Math.floor(Number(found[7] ?? 0) * 1000);
  const parts = [year, month - 1, day, hour, minute, second, ms];
  return zone.utc || found[8] ? Date.UTC(...parts) : new Date(...parts).getTime();
}

/** The narrowest bars that are no more than a screen shows. */
export function intervalFor(ms) {
  const fits = Object.keys(SECONDS).find((name) => ms / 1000 / SECONDS[name] <= MOST_BARS);
  return fits ?? '1d';
}

/** Times (of the bars' ends) and mids of a range, how many quotes have a mid, and its gaps. Throws `Problem`. */
export async function overview(symbol, from, to, signal) {
  const interval = intervalFor(to - from);
  const range = { start: new Date(from).toISOString(), end: new Date(to).toISOString() };
  const [bars, gaps] = await Promise.all([
    ask('bars', { symbol, interval, ...range }, { signal }),
    ask('gaps', { symbols: symbol, kind: 'gap', limit: 500, ...range }, { signal }),
  ]);
  const found = bars.bars.map(wire.bar);
  return {
    times: found.map((bar) => Math.min(to, bar.at + SECONDS[interval] * 1000)),
    mids: found.map((bar) => bar.close),
    quotes: found.reduce((sum, bar) => sum + bar.count, 0),
    gaps: gaps.events.map(wire.gap),
  };
}
