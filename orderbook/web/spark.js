/** The shape of the last minute of a mid price, as small as a word. */

import { colour } from './theme.js';

const WIDTH = 56;
const HEIGHT = 18;
const SPAN_MS = 60_000;

/** A canvas that is decoration to a screen reader: the numbers stand beside it. */
export class Spark {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.canvas.className = 'spark';
    this.canvas.setAttribute('aria-hidden', 'true');
    this.scale = 0;
  }

  /** Draw the rows (time, bid, ask) of the newest minute; as steps, since a quote holds until the next. */
  draw(history) {
    const [times, bids, asks] = history.since(0, history.last(0) - SPAN_MS);
    const context = this.cleared();
    if (times.length < 2) return;
    const [least, most] = bounds(bids, asks);
    const end = times[times.length - 1];
    const x = (at) => ((at - (end - SPAN_MS)) / SPAN_MS) * (WIDTH - 2) + 1;
    const y = (mid) => (most === least ? HEIGHT / 2 : HEIGHT - 2 - ((mid - least) / (most - least)) * (HEIGHT - 4));
    context.beginPath();
    let last = NaN;
    for (let row = 0; row < times.length; row += 1) {
      const mid = (bids[row] + asks[row]) / 2;
      if (Number.isNaN(mid)) continue;
      if (Number.isNaN(last)) context.moveTo(x(times[row]), y(mid));
      else {
        context.lineTo(x(times[row]), y(last));
        context.lineTo(x(times[row]), y(mid));
      }
      last = mid;
    }
    context.stroke();
  }

  cleared() {
    const scale = window.devicePixelRatio || 1;
    if (this.scale !== scale) {
      this.canvas.width = WIDTH * scale;
      this.canvas.height = HEIGHT * scale;
      this.scale = scale;
    }
    const context = this.canvas.getContext('2d');
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    context.strokeStyle = colour('mid');
    context.lineWidth = 1.2;
    context.lineJoin = 'round';
    return context;
  }
}

function bounds(bids, asks) {
  let least = Infinity;
  let most = -Infinity;
  for (let row = 0; row < bids.length; row += 1) {
    const mid = (bids[row] + asks[row]) / 2;
    if (mid < least) least = mid;
    if (mid > most) most = mid;
  }
  return [least, most];
}
