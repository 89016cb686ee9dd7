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

/** A panel; `chosen()` names the reject that the address asks for, as `partition-offset`. */
export function quarantine(chosen) {
  return new Panel({
    read: async (signal) => {
      const rows = wire.rows(await ask('quarantine', { limit: ROWS }, { signal }), 'rejects', 'quarantine').map(wire.reject);
      return { rows, raw: await readRaw(rows.find((row) => row.key === chosen()), signal) };
    },
    render: ({ rows, raw }) => [raw && bytesOf(raw), rejects(rows, chosen())].filter(Boolean),
    empty: ({ rows }) => (rows.length > 0 ? null : notice(
      'empty', 'Nothing is in quarantine.', h('code', {}, 'python -m orderbook.simulator --fault malformed'),
      'A record that is no valid tick is kept here, with its bytes and the reason.',
    )),
  });
}

async function readRaw(row, signal) {
  if (row === undefined || row.value !== undefined) return row;
  try {
    const place = { generation: row.generation, partition: row.partition, offset: row.offset, raw: true };
    const found = wire.rows(await ask('quarantine', place, { signal }), 'rejects', 'quarantine').map(wire.reject);
    return found.find((one) => one.key === row.key) ?? row;
  } catch (problem) {
    if (signal.aborted) throw problem;
    return { ...row, problem };
  }
}

function rejects(rows, chosen) {
  return table([
    { title: 'landed', of: (row) => instantOf(row.at) },
    { title: 'reason', of: (row) => row.reason },
    { title: 'field', of: (row) => row.field ?? '–' },
    { title: 'detail', of: (row) => row.detail, class: 'text' },
    { title: 'place', of: (row) => h('a', { href: hashOf('data', ['quarantine', row.key]) }, `${row.partition}/${row.offset}`), class: 'number' },
    { title: 'size', of: (row) => bytes(row.bytes), class: 'number' },
    { title: 'resolution', of: (row) => row.resolution },
  ], rows, {
    label: 'Rejected records',
    more: (row) => ({ 'aria-selected': row.key === chosen ? 'true' : null, class: row.key === chosen ? 'chosen' : null }),
  });
}

function bytesOf(row) {
  const close = h('button', { class: 'action small', onclick: () => go(hashOf('data', ['quarantine'])) }, 'Close');
  const title = h('h2', {}, `${row.partition}/${row.offset}`, h('small', {}, ` ${row.reason}: ${row.detail}`));
  return h('section', { class: 'bytes', 'aria-label': 'Bytes of the record' }, h('header', {}, title, close), content(row));
}

function content(row) {
  if (row.problem) return notice('error', row.problem.sentence, null, row.problem.hint);
  if (row.value === undefined) return notice('empty', 'The bytes are not part of the answer.', h('code', {}, `orderbook quarantine show ${row.partition} ${row.offset}`));
  if (row.value === null) return notice('empty', 'This record has no value: a tombstone, or one that could not be read.');
  const value = fromBase64(row.value);
  const text = utf8(value);
  return [
    h('pre', { class: 'dump', tabindex: '0', 'aria-label': 'Hexadecimal' }, dump(value)),
    text === null ? h('p', { class: 'lead' }, 'Not UTF-8.') : h('pre', { class: 'dump text', tabindex: '0', 'aria-label': 'Text' }, text),
    copyButton('Copy as base64', () => row.value),
  ];
}
