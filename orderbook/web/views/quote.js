/** One symbol's quote in large digits: bid, ask, sizes, spread in price and basis points, imbalance. */

import { now } from '../clock.js';
import * as contracts from '../contracts.js';
import { h, mark, say } from '../dom.js';
import { age, difference, fixed, price, size } from '../format.js';
import * as ticker from '../ticker.js';
import { badge, show } from '../vitals.js';

const LIVE = {
  state: (element, instrument) => show(element, instrument.state(now()), instrument.age(now())),
  about: (instrument) => [
    instrument.isOpen ? 'session open' : 'session closed',
    instrument.contract && contracts.told(instrument.contract, now()),
    instrument.quote && `${age(instrument.age(now()) / 1000)} old`,
  ],
};

const NONE = { bid: null, ask: null, bidSize: null, askSize: null };

/** The heading and the figures; `as` says what is said of an instrument's state. */
export class QuotePanel {
  constructor(as = LIVE) {
    this.as = as;
    this.instrument = null;
    this.version = -1;
    this.name = h('h1', {}, '');
    this.unit = h('span', { class: 'unit' }, '');
    this.badge = badge();
    this.about = h('p', { class: 'about' }, '');
    this.bid = ticker.ticker('bid');
    this.ask = ticker.ticker('ask');
    this.bidSize = h('span', { class: 'size' }, '');
    this.askSize = h('span', { class: 'size' }, '');
    this.spread = h('span', {}, '');
    this.points = h('span', { class: 'points' }, '');
    this.meter = h('div', { class: 'meter', role: 'img' }, h('i', {}));
    this.share = h('span', { class: 'share' }, '');
    this.element = h(
      'section', { class: 'instrument', 'aria-label': 'Quote' },
      h('div', { class: 'title' }, this.name, this.unit, this.badge, this.about),
      h(
        'dl', { class: 'figures' },
        h('div', { class: 'side bid' }, h('dt', {}, 'bid'), h('dd', {}, this.bid, this.bidSize)),
        h('div', { class: 'side middle' }, h('dt', {}, 'spread'), h('dd', {}, this.spread, this.points)),
        h('div', { class: 'side ask' }, h('dt', {}, 'ask'), h('dd', {}, this.askSize, this.ask)),
        h('div', { class: 'side imbalance' }, h('dt', {}, 'imbalance'), h('dd', {}, this.meter, this.share)),
      ),
    );
  }

  /** Show an instrument. */
  draw(instrument, frame) {
    this.as.state(this.badge, instrument);
    say(this.about, [instrument.profile && `profile ${instrument.profile}`, ...this.as.about(instrument)].filter(Boolean).join(' · '));
    if (this.instrument !== instrument) this.begin(instrument);
    if (this.version === instrument.version) return;
    this.version = instrument.version;
    this.figures(instrument, frame);
  }

  begin(instrument) {
    this.instrument = instrument;
    this.version = -1;
    say(this.name, instrument.symbol);
    ticker.reset(this.bid);
    ticker.reset(this.ask);
  }

  figures({ quote: known, decimals, unit }, frame) {
    const quote = known ?? NONE;
    say(this.unit, unit ?? '');
    ticker.show(this.bid, quote.bid, decimals, frame);
    ticker.show(this.ask, quote.ask, decimals, frame);
    say(this.bidSize, size(quote.bidSize));
    say(this.askSize, size(quote.askSize));
    const twoSided = quote.bid !== null && quote.ask !== null;
    say(this.spread, twoSided ? price(difference(quote.ask, quote.bid), decimals) : '–');
    say(this.points, twoSided ? basisPoints(Number(quote.bid), Number(quote.ask)) : '');
    this.imbalance(amount(quote.bidSize), amount(quote.askSize));
  }

  imbalance(bid, ask) {
    const share = bid + ask > 0 ? bid / (bid + ask) : NaN;
    const percent = Number.isFinite(share) ? Math.round(share * 100) : null;
    mark(this.meter, 'data-none', percent === null ? 'true' : null);
    this.meter.firstElementChild.style.width = `${percent ?? 0}%`;
    const words = percent === null ? 'no sizes' : `${percent} % of the size is bid`;
    mark(this.meter, 'aria-label', words);
    say(this.share, percent === null ? '–' : `${percent} % bid`);
  }
}

/** A size as a number; NaN where the side is absent. */
function amount(exact) {
  return exact === null ? NaN : Number(exact);
}

/** Spread in hundredths of a percent of the mid; no meaning near or below zero. */
function basisPoints(bid, ask) {
  const mid = (bid + ask) / 2;
  return mid > 0 ? `${fixed(((ask - bid) / mid) * 10_000, 1)} bp` : '';
}
