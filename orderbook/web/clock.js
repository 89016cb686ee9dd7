/** The server's clock, and whether times are shown in UTC or local time. */

import { clock as clockText, instant } from './format.js';

const ZONE = 'orderbook.zone';

let offset = 0;
let least = Infinity;

/** Learn the server's time from an answer that took `tripMs`; the quickest answer is the truest. */
export function learn(serverMs, tripMs = 1_000) {
  if (!Number.isFinite(serverMs)) return;
  least += 5; // ms: clocks drift, so an old quick answer is outdone in time
  if (tripMs > least) return;
  least = tripMs;
  offset = serverMs - Date.now() + tripMs / 2;
}

/** The server's time in milliseconds. */
export function now() {
  return Date.now() + offset;
}

/** UTC or local, kept in this browser. */
export const zone = {
  utc: localStorage.getItem(ZONE) !== 'local',
  toggle() {
    zone.utc = !zone.utc;
    localStorage.setItem(ZONE, zone.utc ? 'utc' : 'local');
  },
  get name() {
    return zone.utc ? 'UTC' : 'local';
  },
};

/** A clock time in the chosen zone. */
export const timeOf = (ms, digits = 1) => clockText(ms, zone.utc, digits);

/** A date and time in the chosen zone. */
export const instantOf = (ms, digits = 0) => instant(ms, zone.utc, digits);

