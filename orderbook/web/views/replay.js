/** The past again: a range of one symbol, played at any speed, with a place that can be moved. */

import { h, mark } from '../dom.js';
import * as extent from '../extent.js';
import { invalidate } from '../frame.js';
import * as past from '../past.js';
import { iso, Player } from '../player.js';
import { adjust, go, hashOf } from '../route.js';
import * as ticker from '../ticker.js';
import { showWord } from '../vitals.js';
import { Chart } from './chart.js';
import { Deck, SPEEDS } from './deck.js';
import { QuotePanel } from './quote.js';
import { Tape } from './tape.js';
import { Unplayed } from './unplayed.js';

const CHART_MS = 100;
const SPANS = { '1m': 60_000, '5m': 300_000 };
const FALLBACK = { span: '5m', ms: extent.OFFERED['10 min'] };

/** Deck, quote, chart, tape. The address says which range of which symbol, the place in it and the speed. */
export class ReplayView {
  constructor(app) {
    this.app = app;
    this.known = null;
    this.trouble = null;
    this.span = FALLBACK.span;
    this.player = new Player({ changed: () => app.draw() });
    this.deck = new Deck({
      player: this.player, ask: (changes) => this.ask(changes), toggle: () => this.toggle(), seek: (at) => this.seek(at),
    });
    this.build();
    document.addEventListener('visibilitychange', () => this.looked());
  }

  build() {
    this.quote = new QuotePanel({
      state: (element) => showWord(element, 'replay', this.badge() ?? 'REPLAY'), about: () => [],
    });
    this.legend = h('div', { class: 'legend-of-chart', 'aria-hidden': 'true' });
    this.chart = new Chart(this.legend);
    this.tape = new Tape();
    this.spans = h('div', { class: 'spans', role: 'group', 'aria-label': 'Span of the chart' }, Object.keys(SPANS).map(
      (span) => h('button', { 'data-span': span, onclick: () => adjust({ span: span === FALLBACK.span ? '' : span }) }, span),
    ));
    this.detail = h(
      'div', { class: 'detail' }, this.quote.element,
      h('section', { class: 'history', 'aria-label': 'Chart' }, h('div', { class: 'tools' }, this.spans, this.legend), this.chart.element),
      this.tape.element,
    );
    this.unplayed = new Unplayed();
    this.element = h('div', { class: 'replay' }, this.deck.element, this.detail, this.unplayed.element);
  }

  show(path, params) {
    this.asked = [path, params];
    if (this.isBare(path, params)) {
      this.tell(this.player.at);
      return;
    }
    const range = this.range(path[0] ?? null, params);
    const speed = SPEEDS.includes(params.get('speed')) ? params.get('speed') : '1';
    this.span = SPANS[params.get('span')] ? params.get('span') : FALLBACK.span;
    for (const button of this.spans.children) mark(button, 'aria-pressed', String(button.dataset.span === this.span));
    this.player.pace(speed);
    if (range === null) return;
    const place = Date.parse(params.get('at') ?? '');
    const at = place >= range.from && place < range.to ? place : range.from;
    const isOther = ['symbol', 'from', 'to'].some((name) => this.player[name] !== range[name]);
    if (isOther) this.look(range);
    if (isOther || (params.get('at') ?? null) !== this.toldAt) this.player.load(range, at);
    this.toldAt = params.get('at') ?? null;
    this.deck.write(range);
  }

  /** Whether an address says no more than what is here already. */
  isBare(path, params) {
    return this.player.symbol !== null && (path[0] ?? this.player.symbol) === this.player.symbol && params.size === 0;
  }

  /** The range that an address names; where it names none, the newest minutes of a symbol. Null while none is known. */
  range(named, params) {
    const symbol = named ?? this.player.symbol ?? this.app.book.names[0] ?? null;
    if (symbol === null) return null;
    const [from, to] = [Date.parse(params.get('from') ?? ''), Date.parse(params.get('to') ?? '')];
    if (from < to) return { symbol, from, to };
    if (this.player.symbol === symbol) return { symbol, from: this.player.from, to: this.player.to };
    return this.newest(symbol, FALLBACK.ms);
  }

  /** The newest `ms` of a symbol; null while it has no tick. */
  newest(symbol, ms) {
    const quote = this.app.book.instruments.get(symbol)?.quote ?? null;
    if (quote === null) return null;
    const to = Math.ceil(quote.at / 1000) * 1000;
    return { symbol, from: to - ms, to };
  }

  /** Another range, symbol or speed. */
  ask({ symbol = this.player.symbol, range = this.player, last = null, speed = this.player.speed }) {
    const wanted = last === null ? { symbol, from: range.from, to: range.to } : this.newest(symbol, last) ?? range;
    const isOther = ['symbol', 'from', 'to'].some((name) => this.player[name] !== wanted[name]);
    this.write({ symbol, ...wanted, at: isOther ? null : this.toldAt, speed });
  }

  /** What is known of the range as a whole. */
  async look({ symbol, from, to }) {
    this.looking?.abort();
    this.looking = new AbortController();
    const { signal } = this.looking;
    this.known = null;
    this.trouble = null;
    try {
      this.known = await extent.overview(symbol, from, to, signal);
    } catch (problem) {
      if (signal.aborted) return;
      this.trouble = problem.sentence ?? String(problem);
    }
    this.app.draw();
  }

  toggle() {
    const { player } = this;
    if (player.isPlaying) {
      player.pause();
      this.tell(player.at);
    } else {
      if (player.state === 'ended') this.seek(player.from);
      player.play();
    }
  }

  /** Go to an instant; what was playing plays on from there. */
  seek(at) {
    const { player } = this;
    const wasPlaying = player.isPlaying;
    player.load(player, Math.floor(Math.min(Math.max(at, player.from), player.to - 1)));
    this.tell(player.at);
    if (wasPlaying) player.play();
  }

  /** Let the address say where we are, without going there. */
  tell(at) {
    this.toldAt = iso(at);
    this.write({ ...this.player, at: this.toldAt });
  }

  write({ symbol, from, to, at, speed }) {
    const params = { from: iso(from), to: iso(to), at, speed: speed === '1' ? '' : speed, span: this.span === FALLBACK.span ? '' : this.span };
    go(hashOf('replay', [symbol], params), { replace: true });
  }

  /** Nothing is played to a hidden tab; it goes on where it was when it is looked at again. */
  looked() {
    if (document.hidden) {
      this.wasPlaying = this.player.isPlaying;
      this.player.pause();
    } else if (this.wasPlaying && this.app.view === this) this.player.play();
  }

  hide() {
    this.player.pause();
  }

  badge() {
    const { state, speed } = this.player;
    if (state === 'ready') return null;
    if (this.player.isPlaying) return speed === 'max' ? 'REPLAY MAX' : `REPLAY ×${speed}`;
    return `REPLAY ${{ ended: 'OVER', broken: 'BROKEN', paused: 'PAUSED' }[state]}`;
  }

  draw(frame) {
    const { player, app } = this;
    if (player.symbol === null) this.show(...this.asked); // its newest tick may be known by now
    const isEmpty = player.symbol === null;
    mark(this.detail, 'hidden', isEmpty ? '' : null);
    mark(this.deck.element, 'hidden', isEmpty ? '' : null);
    mark(this.unplayed.element, 'hidden', isEmpty ? null : '');
    if (isEmpty) {
      this.unplayed.draw(app);
      return;
    }
    this.unplayed.clear();
    this.deck.draw(app.book.names, this.known, this.trouble);
    this.remember(player.instrument);
    player.instrument.profile = app.book.instruments.get(player.symbol)?.profile ?? null;
    this.quote.draw(player.instrument, frame);
    this.tape.draw(player.instrument);
    this.drawChart(player.instrument, frame);
    if (ticker.fade(frame)) invalidate(this.fading ??= (at) => { if (ticker.fade(at)) invalidate(this.fading); });
  }

  /** Read what was before the place at which the player was set down, once. */
  async remember(instrument) {
    if (this.remembered === instrument) return;
    this.remembered = instrument;
    try {
      instrument.remember(await past.ticks(instrument.symbol, SPANS['5m'], null, this.player.began));
      this.app.draw();
    } catch {
      // the deck tells of a server that cannot be reached; what is played fills the chart
    }
  }

  drawChart(instrument, frame) {
    const sign = `${instrument.version} ${this.span} ${this.known !== null}`;
    if (instrument === this.drawnInstrument && (sign === this.drawnChart || frame - this.chartAt < CHART_MS)) return;
    Object.assign(this, { drawnInstrument: instrument, drawnChart: sign, chartAt: frame });
    const ms = SPANS[this.span];
    const before = this.known?.gaps.filter((gap) => gap.to <= this.player.began) ?? [];
    this.chart.draw(instrument.history.since(0, instrument.history.last(0) - ms), {
      spanMs: ms, gaps: [...before, ...instrument.gaps.values()], decimals: instrument.decimals, tint: this.player.began,
    });
  }

  key(event) {
    if (event.key === ' ' && !event.target.matches('button, a, summary')) this.toggle();
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      const step = (this.player.to - this.player.from) / 50;
      this.seek(this.player.at + (event.key === 'ArrowLeft' ? -step : step));
    } else return false;
    return true;
  }

  restyle() {
    this.chart.restyle();
    this.tape.restyle();
    this.deck.restyle();
    this.drawnChart = null;
  }
}
