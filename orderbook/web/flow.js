/** The pipeline as boxes: what each one does, how fast, how far behind, and which of them holds the rest up. Pure. */

import { age, count, counted, percent, rate } from './format.js';

const LATE_SECONDS = 5; // under this no box is called a bottleneck
const SILENT_SECONDS = 30; // the drainer looks at a partition twice a second

/** The boxes of a status, left to right. Each: id, title, figures, errors, `out` (a rate), isBottleneck, link. */
export function boxes(status) {
  const { partitions, links } = status;
  const away = (name) => status.down.filter((one) => one.name === name).map((one) => one.sentence);
  const behind = holdup(status);
  const all = [
    box('feed', 'Feed', [['sends', `${rate(status.rateIn)}/s`], ['log grows to', count(sum(partitions, 'end'))]], [], status.rateIn),
    box('kafka', 'Kafka', [['partitions', count(partitions.length)], ['lag', count(status.lagMessages)]], away('kafka'), status.rateIn),
    box('drainer', 'Drainer', [['open ranges', count(sum(partitions, 'open'))], ['seen', seen(partitions)]], partitions.filter((one) => one.halted !== null).map(haltedSentence), status.rateOut),
    box('workers', 'Workers', [['hold', counted(sum(partitions, 'held'), 'range')], ['lag', age(status.lagSeconds)]], away('redis'), status.rateOut),
    box('postgres', 'Postgres', [['stored', count(status.stored)], ['coverage', percent(status.coverage)]], away('postgres'), NaN),
  ];
  if (status.archive) all.push(box('archive', 'Parquet', archived(status), [], NaN));
  if (links.flower) all[3].link = { href: links.flower, text: 'Flower' };
  return all.map((one) => ({ ...one, isBottleneck: one.id === behind }));
}

function archived({ archive: { files, rows, last }, serverTime }) {
  const newest = Number.isFinite(last) ? `${age((serverTime - last) / 1000)} ago` : '–';
  return [['files', count(files)], ['ticks', count(rows)], ['newest', newest]];
}

/** The id of the box that holds the rest up; null while nothing is late. */
export function holdup({ down, partitions, lagSeconds }) {
  const away = down.map((one) => one.name);
  if (away.includes('postgres')) return 'postgres';
  if (away.includes('kafka')) return 'kafka';
  if (partitions.some((one) => one.halted !== null)) return 'drainer';
  if (!(lagSeconds > LATE_SECONDS)) return null;
  if (partitions.some((one) => one.drained > SILENT_SECONDS)) return 'drainer';
  return sum(partitions, 'open') > 0 ? 'workers' : 'drainer';
}

/** How a halted partition is set going again. */
function haltedSentence({ partition, halted }) {
  return `Partition ${partition} is halted (${halted}). See orderbook ranges ls, then orderbook ranges resume ${partition}.`;
}

function seen(partitions) {
  const oldest = Math.max(...partitions.map((one) => one.drained));
  return Number.isFinite(oldest) ? `${age(oldest)} ago` : '–';
}

/** The sum of a field; null where one is unknown or there is none. */
function sum(rows, name) {
  return rows.length === 0 || rows.some((row) => row[name] === null) ? null : rows.reduce((total, row) => total + row[name], 0);
}

function box(id, title, figures, errors, out) {
  return { id, title, figures, errors, out };
}
