/** Rejected records: why, which field, and the bytes as they came. */

import { instantOf } from '../clock.js';
import { copyButton } from '../clipboard.js';
import { h, notice } from '../dom.js';
import { bytes } from '../format.js';
import { dump, fromBase64, utf8 } from '../hex.js';
import { ask } from '../http.js';
import { Panel } from '../panel.js';
import { go, hashOf } from '../route.js';
import { table } from '../table.js';
import * as wire from '../wire.js';

const ROWS = 200;

/** A panel; `chosen()` names the reject that the address asks for, as generation/partition/offset. */
export function quarantine(chosen) {
  return new Panel({
    read: async (signal) => {
      const { rejects: found } = await ask('quarantine', { limit: ROWS }, { signal });
      return { rows: found.map(wire.reject), raw: await readRaw(chosen(), signal) };
    },
    render: ({ rows, raw }) => [raw && bytesOf(raw), rejects(rows, chosen())].filter(Boolean),
    empty: ({ rows }) => (rows.length > 0 ? null : notice(
      'empty', 'Nothing is in quarantine.', h('code', {}, 'python -m orderbook.simulator --fault malformed'),
      'A record that is no valid tick is kept here, with its bytes and the reason.',
    )),
  });
}

/** The chosen reject with its bytes; null where none is chosen. */
async function readRaw(place, signal) {
  if (place === null) return null;
  try {
    return wire.reject(await ask(`quarantine/${place}`, {}, { signal }));
  } catch (problem) {
    if (signal.aborted) throw problem;
    return { place, reason: 'bytes', detail: 'not shown', problem };
  }
}

function rejects(rows, chosen) {
  return table([
    { title: 'landed', of: (row) => instantOf(row.at) },
    { title: 'reason', of: (row) => row.reason },
    { title: 'field', of: (row) => row.field ?? '–' },
    { title: 'detail', of: (row) => row.detail, class: 'text' },
    { title: 'place', of: (row) => h('a', { href: hashOf('data', ['quarantine', ...row.place.split('/')]) }, row.place), class: 'number' },
    { title: 'size', of: (row) => bytes(row.bytes), class: 'number' },
    { title: 'resolution', of: (row) => row.resolution },
  ], rows, {
    label: 'Rejected records',
    more: (row) => ({ 'aria-selected': row.place === chosen ? 'true' : null, class: row.place === chosen ? 'chosen' : null }),
  });
}

function bytesOf(row) {
  const close = h('button', { class: 'action small', onclick: () => go(hashOf('data', ['quarantine'])) }, 'Close');
  const title = h('h2', {}, row.place, h('small', {}, ` ${row.reason}: ${row.detail}`));
  return h('section', { class: 'bytes', 'aria-label': 'Bytes of the record' }, h('header', {}, title, close), content(row));
}

function content(row) {
  if (row.problem) return notice('error', row.problem.sentence, null, row.problem.hint);
  if (row.value === null) return notice('empty', 'This record has no value: a tombstone, or one that could not be read.');
  const value = fromBase64(row.value);
  const text = utf8(value);
  const cut = row.bytes > value.length ? h('p', { class: 'lead' }, `The first ${bytes(value.length)} of ${bytes(row.bytes)}.`) : null;
  return [
    h('pre', { class: 'dump', tabindex: '0', 'aria-label': 'Hexadecimal' }, dump(value)),
    text === null ? h('p', { class: 'lead' }, 'Not UTF-8.') : h('pre', { class: 'dump text', tabindex: '0', 'aria-label': 'Text' }, text),
    cut,
    copyButton('Copy as base64', () => row.value),
  ];
}
