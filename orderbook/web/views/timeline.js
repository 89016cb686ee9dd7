/** A whole range at a glance, and the reader's place in it: the mid, gaps, what was played, and a handle to move. */

import { instantOf } from '../clock.js';
import { h, mark, say } from '../dom.js';
import { colour } from '../theme.js';

const STEPS = 1_000;
const LEAST_BAND = 2; // pixels

/** A slider over a picture. Calls `seek(ms)` when it is let go. */
export class Timeline {
  constructor({ seek }) {
    this.isHeld = false;
    this.canvas = h('canvas', { 'aria-hidden': 'true' });
    this.slider = h('input', {
      type: 'range', min: '0', max: String(STEPS), step: '1', value: '0', 'aria-label': 'Place in the range',
      oninput: () => this.hold(),
      onchange: () => { this.isHeld = false; seek(this.instantAt(Number(this.slider.value))); },
    });
    this.first = h('span', {}, '');
    this.last = h('span', {}, '');
    this.hint = h('span', { class: 'hint' }, '');
    this.element = h(
      'div', { class: 'timeline' }, h('div', { class: 'track' }, this.canvas, this.slider),
      h('div', { class: 'ends' }, this.first, this.hint, this.last),
    );
    new ResizeObserver(() => this.restyle()).observe(this.canvas);
  }

  /** Show a range `{from, to}`, what is known of it, and what was played of it, up to `at`. */
  draw({ from, to, began, at }, known) {
    Object.assign(this, { from, to });
    if (!this.isHeld) this.place(at);
    say(this.first, instantOf(from));
    say(this.last, instantOf(to));
    const sign = `${from} ${to} ${began} ${Math.round(this.x(at))} ${known === this.known}`;
    this.known = known;
    if (sign !== this.drawn) this.paint(began, at);
    this.drawn = sign;
  }

  /** Draw all anew. */
  restyle() {
    this.drawn = null;
    if (this.from !== undefined) this.draw({ ...this, began: this.began, at: this.at }, this.known);
  }

  hold() {
    this.isHeld = true;
    const at = this.instantAt(Number(this.slider.value));
    say(this.hint, instantOf(at, 1));
    mark(this.slider, 'aria-valuetext', instantOf(at));
  }

  place(at) {
    const value = String(Math.round(((at - this.from) / (this.to - this.from)) * STEPS));
    if (value !== this.slider.value || !this.slider.hasAttribute('aria-valuetext')) {
      this.slider.value = value;
      mark(this.slider, 'aria-valuetext', instantOf(at));
    }
    say(this.hint, '');
  }

  instantAt(step) {
    return this.from + ((this.to - this.from) * step) / STEPS;
  }

  x(at) {
    return ((at - this.from) / (this.to - this.from)) * this.canvas.clientWidth;
  }

  paint(began, at) {
    Object.assign(this, { began, at });
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext('2d');
    pen.scale(scale, scale);
    pen.fillStyle = colour('replay-tint');
    pen.fillRect(this.x(began), 0, this.x(at) - this.x(began), height);
    if (!this.known) return;
    pen.fillStyle = colour('gap');
    for (const gap of this.known.gaps) {
      const right = this.x(gap.to);
      const wide = Math.max(LEAST_BAND, right - this.x(gap.from));
      pen.fillRect(right - wide, height - 5, wide, 5);
    }
    this.line(pen, height);
  }

  line(pen, height) {
    const { times, mids } = this.known;
    const seen = mids.filter(Number.isFinite);
    const [least, most] = [Math.min(...seen), Math.max(...seen)];
    const y = (mid) => (most === least ? height / 2 : height - 10 - ((mid - least) / (most - least)) * (height - 16));
    pen.strokeStyle = colour('mid');
    pen.lineWidth = 1.2;
    pen.lineJoin = 'round';
    pen.beginPath();
    let isOn = false;
    times.forEach((time, at) => {
      if (!Number.isFinite(mids[at])) isOn = false;
      else if (isOn) pen.lineTo(this.x(time), y(mids[at]));
      else pen.moveTo(this.x(time), y(mids[at]));
      isOn = Number.isFinite(mids[at]);
    });
    pen.stroke();
  }
}
