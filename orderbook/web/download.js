/** A link that saves what the server has, also where that wants a key: a browser's own download sends none. */

import { save } from './clipboard.js';
import { h, mark } from './dom.js';
import { address, headers, key, send } from './http.js';

const PATIENCE_MS = 3_600_000; // a day of a large market, over a slow line

/** A link to `path` under `v1/`, saved as `name`. Without a key the browser itself fetches it, in parts to the disk. */
export function downloadLink(path, name, text) {
  const told = h('span', { class: 'trouble', role: 'alert', hidden: true }, '');
  const link = h('a', { href: `v1/${path}`, download: name, onclick: (event) => fetchWithKey(event, path, name, told) }, text);
  return h('span', { class: 'download' }, link, told);
}

async function fetchWithKey(event, path, name, told) {
  if (key.get() === null) return;
  event.preventDefault();
  const link = event.currentTarget;
  if (link.getAttribute('aria-busy') === 'true') return;
  mark(link, 'aria-busy', 'true');
  mark(told, 'hidden', '');
  try {
    const answer = await send(address(path), { headers: headers() }, null, PATIENCE_MS);
    save(name, answer.headers.get('Content-Type'), [await answer.blob()]);
  } catch (problem) {
    told.textContent = ` Not saved: ${problem.sentence ?? 'the connection broke off.'}`;
    mark(told, 'hidden', null);
  } finally {
    mark(link, 'aria-busy', null);
  }
}
