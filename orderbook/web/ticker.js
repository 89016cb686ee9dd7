/** A price whose changed digits are tinted for a moment. The text never changes its width or place. */

import { h, mark } from './dom.js';
import { price } from './format.js';

const TINT_MS = 300;
const fading = new Map(); // element → when its tint ends

/** An element for a price; `show` it with `quoteText`. */
export function ticker(className) {
  return h('span', { class: `ticker ${className}` }, h('span', {}, ''), h('em', {}, ''));
}

/** Show an exact price with `decimals` digits; tint what differs from the text before. */
export function show(element, exact, decimals, frame) {
  const text = price(exact, decimals);
  const before = element.dataset.text;
  if (before === text) return;
  element.dataset.text = text;
  const same = before === undefined || before.length !== text.length ? text.length : firstDifference(before, text);
  const [still, changed] = element.children;
  still.textContent = text.slice(0, same);
  changed.textContent = text.slice(same);
  if (same < text.length) {
    mark(changed, 'data-tint', 'true');
    fading.set(changed, frame + TINT_MS);
  }
}

/** Show a price of another symbol: nothing has changed, so nothing is tinted. */
export function reset(element) {
  delete element.dataset.text;
}

/** End the tints whose time is over; returns whether some are left. */
export function fade(frame) {
  for (const [element, end] of fading) {
    if (frame < end) continue;
    mark(element, 'data-tint', null);
    fading.delete(element);
  }
  return fading.size > 0;
}

function firstDifference(a, b) {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
