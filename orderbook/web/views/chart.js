/** Bid, ask and mid as steps over time, with gaps as hatched bands. */

import uPlot from '../vendor/uplot/uPlot.esm.js';

import { timeOf, zone } from '../clock.js';
import { h, mark } from '../dom.js';
import { fixed } from '../format.js';
import { colour } from '../theme.js';

const FONT_REM = 0.6875;
const FAMILY = 'ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", monospace';
const HALF_LABEL = 28; // pixels: a time nearer to the edge would be cut
const LEAST_BAND = 3; // pixels: a gap between two ticks of a fast feed is a fraction of one

/** A chart that fills its element, its legend in `legend`. `draw` it with columns in milliseconds and prices. */
export class Chart {
  constructor(legend) {
    this.legend = legend;
    this.element = h('div', { class: 'chart', role: 'img', 'aria-label': 'Bid, ask and mid over time' });
    this.plot = null;
    this.gaps = [];
    this.tint = null;
    this.decimals = 2;
    this.range = null;
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.element);
  }

  /**
   * Show `[times, bids, asks]`, the newest `spanMs` of them, `gaps`, `decimals` on the price axis, and a `tint` behind
   * what was replayed since that time. */
  draw([times, bids, asks], { spanMs, gaps, decimals, tint = null }) {
    const end = times.length > 0 ? times[times.length - 1] / 1000 : NaN;
    this.range = Number.isFinite(end) ? [end - spanMs / 1000, end] : null;
    this.gaps = gaps;
    this.tint = tint;
    this.decimals = decimals;
    mark(this.element, 'data-empty', times.length === 0 ? 'true' : null);
    if (times.length === 0) {
      this.restyle();
      return;
    }
    const data = [Array.from(times, (ms) => ms / 1000), ...sides(bids, asks)];
    if (this.plot === null) this.build(data);
    else this.plot.setData(data);
  }

  /** Build anew, in the colours and the zone of now. */
  restyle() {
    this.plot?.destroy();
    this.plot = null;
  }

  build(data) {
    const { width, height } = this.box();
    if (width === 0) return;
    this.plot = new uPlot(this.options(width, height), data, this.element);
  }

  resize() {
    const { width, height } = this.box();
    if (this.plot !== null && width > 0) this.plot.setSize({ width, height });
  }

  box() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  options(width, height) {
    const ink = colour('muted');
    const text = FONT_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const axis = { stroke: ink, font: `${text}px ${FAMILY}`, grid: { stroke: colour('grid'), width: 1 }, ticks: { show: false } };
    const steps = uPlot.paths.stepped({ align: 1 });
    const side = (label, name, more = {}) => ({
      label, stroke: colour(name), width: 1.4, paths: steps, points: { show: false },
      value: (_, value) => (value === null ? '–' : fixed(value, this.decimals)), ...more,
    });
    return {
      width, height, ms: 1e-3, pxAlign: 1, padding: [8, 4, 0, 0],
      legend: { show: true, live: true, mount: (_, element) => this.legend.replaceChildren(element) },
      tzDate: (seconds) => (zone.utc ? uPlot.tzDate(new Date(seconds * 1e3), 'Etc/UTC') : new Date(seconds * 1e3)),
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 5 } },
      scales: { x: { time: true, range: () => this.range ?? [0, 1] }, y: { range: padded } },
      axes: [
        { ...axis, values: (plot, splits) => splits.map((s) => (plot.valToPos(s, 'x') < HALF_LABEL ? '' : timeOf(s * 1000, 0))), space: 72, size: 28 },
        { ...axis, side: 1, size: 74, values: (_, splits) => splits.map((v) => fixed(v, this.axisDecimals(splits))) },
      ],
      series: [
        { label: 'time', value: (_, seconds) => (seconds === null ? '–' : timeOf(seconds * 1000, 3)) },
        side('mid', 'faint', { width: 1 }), side('bid', 'bid'), side('ask', 'ask'),
      ],
      hooks: { drawClear: [(plot) => this.bands(plot)] },
    };
  }

  /** As many digits as tell the axis' own steps apart, and no fewer than the symbol has. */
  axisDecimals(splits) {
    const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
    return Math.min(9, Math.max(this.decimals, Math.ceil(-Math.log10(step) - 1e-9)));
  }

  bands(plot) {
    if (this.range === null) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (this.tint !== null) {
      const left = Math.max(bbox.left, plot.valToPos(this.tint / 1000, 'x', true));
      ctx.fillStyle = colour('replay-tint');
      ctx.fillRect(left, bbox.top, bbox.left + bbox.width - left, bbox.height);
    }
    ctx.fillStyle = hatching(ctx, colour('gap'));
    for (const gap of this.gaps) {
      const left = plot.valToPos(gap.from / 1000, 'x', true);
      const right = plot.valToPos(gap.to / 1000, 'x', true);
      const wide = Math.max(LEAST_BAND * devicePixelRatio, right - left);
      if (right > bbox.left) ctx.fillRect(right - wide, bbox.top, wide, bbox.height);
    }
    ctx.restore();
  }
}

/** Mid, bid and ask; null where a side is absent, so that the line is broken there. */
function sides(bids, asks) {
  const value = (number) => (Number.isNaN(number) ? null : number);
  return [
    Array.from(bids, (bid, row) => value((bid + asks[row]) / 2)),
    Array.from(bids, value),
    Array.from(asks, value),
  ];
}

/** The prices' own range with a tenth around it. */
function padded(_, least, most) {
  if (least === null || most === null) return [0, 1];
  const room = (most - least || Math.abs(most) * 0.001 || 1) * 0.1;
  return [least - room, most + room];
}

function hatching(context, stroke) {
  const size = 6 * devicePixelRatio;
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext('2d');
  pen.strokeStyle = stroke;
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}
