/** The pipeline as boxes: what each one does, how fast, how far behind, and which of them holds the rest up. Pure. */

import { age, count, percent, rate } from './format.js';

const LATE_SECONDS = 5; // under this no box is called a bottleneck
const STALLED_SECONDS = 30; // a partition that the drainer has not looked at for so long

/** The boxes of a pipeline `{status, partitions, facts}`, left to right. Each: id, title, figures, errors, out. */
export function boxes({ status, partitions, links = {} }) {
  const sum = (name) => partitions.reduce((total, one) => total + (one[name] ?? 0), 0);
  const open = sum('open');
  const down = (name) => status.down.filter((sentence) => sentence.toLowerCase().startsWith(name));
  const halted = partitions.filter((one) => one.halted !== null);
  const behind = holdup({ status, partitions, open });
  const all = [
    box('feed', 'Feed', [['sends', `${rate(status.rateIn)}/s`]], [], status.rateIn),
    box('kafka', 'Kafka', [['partitions', count(partitions.length)], ['log end', count(sum('end'))]], down('kafka'), status.rateIn),
    box('drainer', 'Drainer', [['planned', count(sum('planned'))], ['lag', count(status.lagMessages)]], halted.map(haltedSentence), status.rateOut),
    box('workers', 'Workers', [['open ranges', count(open)], ['lag', age(status.lagSeconds)]], down('redis'), status.rateOut),
    box('postgres', 'Postgres', [['stored', `${rate(status.rateOut)}/s`], ['coverage', percent(status.coverage)]], down('postgres'), NaN),
  ];
  if (links.flower) all[3].link = { href: links.flower, text: 'Flower' };
  return all.map((one) => ({ ...one, isBottleneck: one.id === behind }));
}

/** The id of the box that holds the rest up; null while nothing is late. */
export function holdup({ status, partitions, open }) {
  const away = status.down.map((sentence) => sentence.split(' ')[0].toLowerCase());
  if (away.includes('postgres')) return 'postgres';
  if (away.includes('kafka')) return 'kafka';
  if (partitions.some((one) => one.halted !== null)) return 'drainer';
  if (!(status.lagSeconds > LATE_SECONDS)) return null;
  if (partitions.some((one) => one.drained > STALLED_SECONDS)) return 'drainer';
  return open > 0 ? 'workers' : 'drainer';
}

/** How a halted partition is set going again, by why it was halted. */
function haltedSentence({ partition, halted }) {
  return `Partition ${partition} is halted (${halted}): see orderbook ranges ls, then orderbook ranges resume.`;
}

function box(id, title, figures, errors, out) {
  return { id, title, figures, errors, out };
}
