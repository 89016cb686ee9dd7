/** The first view: symbols, and one of them in full. */

import { now } from '../clock.js';
import { contractOf } from '../contracts.js';
import { h, mark, notice, say } from '../dom.js';
import { invalidate } from '../frame.js';
import { key } from '../http.js';
import * as past from '../past.js';
import { adjust, go, hashOf } from '../route.js';
import * as ticker from '../ticker.js';
import { Chart } from './chart.js';
import { QuotePanel } from './quote.js';
import { SymbolList } from './symbols.js';
import { Tape } from './tape.js';

const FALLBACK = '5m';
const CHART_MS = 200; // between two drawings of the chart: a step more often is lost in five minutes of them

/** List, quote, chart, tape. The address says which symbol, which span and which filter. */
export class LiveView {
  constructor(app) {
    this.app = app;
    this.symbol = null;
    this.span = FALLBACK;
    this.loaded = null; // what the chart's past was read for
    this.bars = null;
    this.pastGaps = [];
    this.build();
    document.getElementById('drawer').addEventListener('click', () => this.drawer());
  }

  build() {
    this.symbols = new SymbolList({
      choose: (symbol) => this.choose(symbol),
      filtered: (filter) => adjust({ filter }),
    });
    this.quote = new QuotePanel();
    this.legend = h('div', { class: 'legend-of-chart', 'aria-hidden': 'true' });
    this.chart = new Chart(this.legend);
    this.tape = new Tape();
    this.trouble = h('p', { class: 'trouble', hidden: true }, '');
    this.spans = h('div', { class: 'spans', role: 'group', 'aria-label': 'Span of the chart' }, Object.keys(past.SPANS).map(
      (span) => h('button', { 'data-span': span, onclick: () => adjust({ range: span }) }, span),
    ));
    this.again = h('button', { class: 'icon again', 'aria-label': 'Replay this', title: 'Replay this', onclick: () => this.replay() }, '↻');
    this.detail = h(
      'div', { class: 'detail' }, this.quote.element,
      h('section', { class: 'history', 'aria-label': 'Chart' }, h('div', { class: 'tools' }, this.spans, this.legend, this.trouble, this.again), this.chart.element),
      this.tape.element,
    );
    this.state = h('div', { class: 'state-of-view' });
    this.element = h('div', { class: 'live' }, this.symbols.element, this.detail, this.state);
  }

  show(path, params) {
    this.wanted = path[0] ?? (this.app.book.instruments.has(this.symbol) ? this.symbol : null);
    this.isNamed = path.length > 0;
    this.symbols.filter = params.get('filter') ?? '';
    if (past.SPANS[params.get('range')]) this.span = params.get('range');
    for (const button of this.spans.children) mark(button, 'aria-pressed', String(button.dataset.span === this.span));
  }

  hide() {
    this.drawer(false);
  }

  draw(frame) {
    const { app } = this;
    const waiting = this.waiting();
    mark(this.state, 'hidden', waiting === null ? '' : null);
    mark(this.detail, 'hidden', waiting === null ? null : '');
    if (waiting !== this.waitingFor) {
      this.waitingFor = waiting;
      this.state.replaceChildren(...(waiting === null ? [] : [this.noticeOf(waiting)]));
    }
    if (app.held) return;
    this.symbol = this.wanted ?? this.liveliest();
    this.symbols.draw(app.book, this.symbol, frame);
    if (waiting === null) this.drawSymbol(frame);
    if (waiting === null && !this.isNamed) this.name();
    if (ticker.fade(frame)) invalidate(this.fading ??= (at) => { if (ticker.fade(at)) invalidate(this.fading); });
  }

  /** The first symbol that is live; where none is, the first. */
  liveliest() {
    const { book } = this.app;
    return book.names.find((name) => book.of(name).state(now()) === 'live') ?? book.names[0] ?? null;
  }

  /** Let the address say what is shown. */
  name() {
    this.isNamed = true;
    go(this.place(this.symbol), { replace: true });
  }

  place(symbol) {
    return hashOf('live', [symbol], { range: this.span === FALLBACK ? '' : this.span, filter: this.symbols.filter });
  }

  drawSymbol(frame) {
    const instrument = this.app.book.of(this.symbol);
    this.quote.draw(instrument, frame);
    this.tape.draw(instrument);
    this.load(instrument);
    this.drawChart(instrument, frame);
  }

  drawChart(instrument, frame) {
    const sign = `${instrument.symbol} ${instrument.version} ${this.span} ${this.pastVersion}`;
    if (sign === this.drawnChart) return;
    const isNew = this.chart.plot === null || !this.drawnChart?.startsWith(`${instrument.symbol} `);
    if (!isNew && frame - this.chartAt < CHART_MS) return; // ages are drawn four times a second: then it is due
    this.chartAt = frame;
    this.drawnChart = sign;
    const { ms } = past.SPANS[this.span];
    this.chart.draw(this.columns(instrument, ms), {
      spanMs: ms, gaps: [...this.pastGaps, ...instrument.gaps.values()], decimals: instrument.decimals,
    });
  }

  columns(instrument, ms) {
    const recent = instrument.history.since(0, instrument.history.last(0) - ms);
    if (this.bars === null) return recent;
    const end = this.bars[0].at(-1) ?? -Infinity;
    const from = recent[0].findIndex((at) => at > end);
    return recent.map((values, column) => (from < 0 ? this.bars[column] : [...this.bars[column], ...values.subarray(from)]));
  }

  /** Play what the chart shows once more. */
  replay() {
    const { quote } = this.app.book.of(this.symbol);
    if (quote === null) return;
    const to = Math.ceil(quote.at / 1000) * 1000;
    const from = to - past.SPANS[this.span].ms;
    go(hashOf('replay', [this.symbol], { from: new Date(from).toISOString(), to: new Date(to).toISOString() }));
  }

  /** Read what was before, once for each symbol, span and connection. */
  async load(instrument) {
    const wanted = `${instrument.symbol} ${this.span} ${this.app.connections}`;
    if (this.loaded === wanted || this.app.connection !== 'open') return;
    this.loaded = wanted;
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    const span = past.SPANS[this.span];
    if (span.bars === null || !this.barsOf?.startsWith(`${instrument.symbol} ${this.span}`)) this.bars = null;
    try {
      if (span.bars === null) instrument.remember(await past.ticks(instrument.symbol, span.ms, signal));
      else {
        this.bars = await past.bars(instrument.symbol, span, signal);
        this.barsOf = wanted;
      }
      instrument.contract ??= await contractOf(instrument.symbol, signal);
      this.pastGaps = await past.gaps(instrument.symbol, span.ms, signal);
      this.tell(null);
    } catch (problem) {
      if (!signal.aborted) this.tell(`The chart begins with this visit: ${problem.sentence ?? problem}`);
    }
    this.pastVersion = wanted;
    this.app.draw();
  }

  tell(sentence) {
    mark(this.trouble, 'hidden', sentence === null ? '' : null);
    say(this.trouble, sentence ?? '');
  }

  waiting() {
    const { app } = this;
    if (app.connection === 'refused') return 'refused';
    if (app.book.names.length > 0) return this.wanted && !this.isKnown() ? 'unknown' : null;
    return app.connection === 'open' && app.symbolsKnown ? 'empty' : 'connecting';
  }

  isKnown() {
    return this.app.book.instruments.has(this.wanted);
  }

  noticeOf(waiting) {
    if (waiting === 'connecting') return notice('loading', 'Connecting to the live stream …');
    if (waiting === 'refused') return refusal(this.app.refusal);
    if (waiting === 'unknown') {
      return notice('empty', `No tick of ${this.wanted} is stored.`, h('a', { class: 'action', href: hashOf('live') }, 'Show the first symbol'));
    }
    return notice(
      'empty', 'No tick is stored yet.', h('code', {}, 'python -m orderbook.simulator'),
      'Start the simulator in a shell of its own, or point a feed at the topic; quotes appear here by themselves.',
    );
  }

  choose(symbol) {
    this.drawer(false);
    this.app.hold(false);
    go(this.place(symbol));
  }

  drawer(open = !this.element.classList.contains('drawn')) {
    this.element.classList.toggle('drawn', open);
    mark(document.getElementById('drawer'), 'aria-expanded', String(open));
  }

  key(event) {
    if (event.key === '/') {
      this.drawer(true);
      this.symbols.field.focus();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const next = this.symbols.neighbour(event.key === 'ArrowDown' ? 1 : -1);
      if (next) this.choose(next);
    } else if (event.key === 'Escape') this.drawer(false);
    else return false;
    return true;
  }

  restyle() {
    this.chart.restyle();
    this.symbols.restyle();
    this.tape.restyle();
    this.drawnChart = null;
  }
}

function refusal(problem) {
  const field = h('input', { type: 'password', id: 'key', autocomplete: 'current-password', required: true });
  const submit = (event) => {
    event.preventDefault();
    key.set(field.value);
    document.dispatchEvent(new Event('orderbook:key'));
  };
  return notice(
    'error', problem?.sentence ?? 'The server wants a key.',
    h('form', { class: 'key', onsubmit: submit }, h('label', { for: 'key' }, 'Key'), field, h('button', { class: 'action' }, 'Open')),
    problem?.hint,
  );
}
