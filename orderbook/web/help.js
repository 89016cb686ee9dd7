/** What the keys do, and what the words mean. */

import { h } from './dom.js';

const KEYS = [
  ['1 – 6', 'views'],
  ['/', 'filter symbols'],
  ['↑ ↓', 'previous, next symbol'],
  ['Space', 'hold the picture; data keep arriving. In a replay: play, pause'],
  ['← →', 'in a replay: a step back, a step on'],
  ['?', 'this help'],
  ['Esc', 'close'],
];
const WORDS = [
  ['LIVE', 'ticks arrive as they should'],
  ['STALE', 'silent for longer than ten of its usual intervals, at most its profile’s patience'],
  ['GAP', 'the source passed over sequence ids: shown for a minute, or until they came after all'],
  ['CLOSED', 'outside the trading sessions of the profile'],
  ['REPLAY ×10', 'the past, ten times as fast as it was'],
  ['HELD', 'the picture stands still because you asked'],
  ['RECONNECTING', 'no contact with the server; what is shown is as of the last one'],
];

/** A dialog that `button` and `?` open. */
export function helps(dialog, button) {
  const list = (pairs, key) => h('dl', {}, pairs.map(([term, meaning]) => [
    h('dt', {}, h(key, {}, term)), h('dd', {}, meaning),
  ]));
  dialog.append(
    h('h2', { id: 'help-title' }, 'Keys'),
    list(KEYS, 'kbd'),
    h('h2', {}, 'Words'),
    list(WORDS, 'b'),
    h('p', {}, 'The same data: ', h('a', { href: 'docs' }, 'HTTP API'), ', ', h('a', { href: 'metrics' }, 'metrics'), '.'),
    h('form', { method: 'dialog' }, h('button', { class: 'action' }, 'Close')),
  );
  const open = () => { if (!dialog.open) dialog.showModal(); };
  button.addEventListener('click', open);
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  return open;
}
