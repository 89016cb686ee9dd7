/** Power contracts: what the chosen symbol delivers, and until when it is traded. */

import { instantOf } from './clock.js';
import { age } from './format.js';
import { ask } from './http.js';
import * as wire from './wire.js';

const SYMBOL = /^[A-Z]{2}-(QH|H)-\d{8}T\d{4}Z$/;

/** The contract of a symbol; null where it is none, or none that was listed. Throws `Problem`. */
export async function contractOf(symbol, signal) {
  if (!SYMBOL.test(symbol)) return null;
  const [found] = (await ask('contracts', { symbols: symbol }, { signal })).contracts.map(wire.contract);
  return found ?? null;
}

/** What people want to know of a contract at an instant. */
export function told({ area, from, to, closes }, at) {
  const minutes = Math.round((to - from) / 60_000);
  const left = (closes - at) / 1000;
  return `${area} delivers ${minutes} min from ${instantOf(from)} · ${left > 0 ? `trading ends in ${age(left)}` : `trading ended ${age(-left)} ago`}`;
}
