/** What the page knows of each symbol: newest quote, recent history, tape, gaps, and the word that describes it. */

import { decimalsOf } from './format.js';
import { Ring } from './ring.js';

const HISTORY_ROWS = 6_000;
const TAPE_ROWS = 100;
const GAP_SHOWN_MS = 60_000; // a gap that nothing will fill is news for this long; then the foot of the page counts it
const LEAST_PATIENCE_MS = 3_000;
const PATIENCE_UNKNOWN_MS = 30_000;
const INTERVALS_OF_PATIENCE = 10;

/** How often something comes, averaged over the last eight or so. */
class Pace {
  constructor() {
    this.at = NaN;
    this.interval = NaN;
  }

  seen(now) {
    if (now > this.at) {
      const gone = now - this.at;
      this.interval = Number.isFinite(this.interval) ? this.interval + (gone - this.interval) / 8 : gone;
    }
    this.at = now;
  }

  /** How long silence is nothing strange: ten intervals, at least 3 s, never over `patience`. */
  silence(patience) {
    if (!Number.isFinite(this.interval)) return patience;
    return Math.min(patience, Math.max(LEAST_PATIENCE_MS, INTERVALS_OF_PATIENCE * this.interval));
  }
}

/** One symbol. Times are milliseconds of the server's clock; prices stay strings, and doubles only in `history`. */
export class Instrument {
  constructor(symbol) {
    this.symbol = symbol;
    this.quote = null;
    this.decimals = 0;
    this.profile = null;
    this.unit = null;
    this.contract = null; // of power: what is delivered
    this.isOpen = true;
    this.patience = PATIENCE_UNKNOWN_MS;
    this.rate = NaN;
    this.pace = new Pace();
    this.history = new Ring(3, HISTORY_ROWS); // event time, bid, ask
    this.tape = [];
    this.gaps = new Map();
    this.version = 0;
  }

  /** Take a quote unless it is older than the one shown: per symbol the page never goes backwards. */
  take(quote, now) {
    const last = this.quote;
    if (last !== null && (quote.at < last.at || quote.place === last.place)) return false;
    this.quote = quote;
    this.decimals = Math.max(this.decimals, ...[quote.bid, quote.ask].filter((p) => p !== null).map(decimalsOf));
    this.history.push(quote.at, number(quote.bid), number(quote.ask));
    this.tape.unshift(quote);
    if (this.tape.length > TAPE_ROWS) this.tape.pop();
    this.pace.seen(now);
    this.version += 1;
    return true;
  }

  /** What the server says of the symbol itself. */
  describe({ profile, unit, isOpen, rate, patience }) {
    this.profile = profile;
    this.unit = unit;
    this.isOpen = isOpen;
    this.rate = rate;
    if (Number.isFinite(patience)) this.patience = patience;
    if (!Number.isFinite(this.pace.interval) && rate > 0) this.pace.interval = 1000 / rate;
  }

  /** Put stored quotes, oldest first, in the place of what the stream brought of their time: it skips, they do not. */
  remember(stored) {
    if (stored.length === 0) return;
    const [first, last] = [stored[0].at, stored[stored.length - 1].at];
    const kept = this.history.since(0, -Infinity).map((column) => column.slice());
    const keep = (row) => this.history.push(kept[0][row], kept[1][row], kept[2][row]);
    const [before, after] = [kept[0].findIndex((at) => at >= first), kept[0].findIndex((at) => at > last)];
    this.history.clear();
    for (let row = 0; row < (before < 0 ? kept[0].length : before); row += 1) keep(row);
    for (const quote of stored) this.history.push(quote.at, number(quote.bid), number(quote.ask));
    for (let row = after < 0 ? kept[0].length : after; row < kept[0].length; row += 1) keep(row);
    const newer = this.tape.filter((quote) => quote.at > last);
    this.tape = [...newer, ...stored.slice(-TAPE_ROWS).reverse()].slice(0, TAPE_ROWS);
    const newest = stored[stored.length - 1];
    if (this.quote === null || newest.at > this.quote.at) this.quote = newest;
    const sample = stored.slice(-TAPE_ROWS).flatMap((quote) => [quote.bid, quote.ask]).filter((p) => p !== null);
    this.decimals = sample.reduce((most, exact) => Math.max(most, decimalsOf(exact)), this.decimals);
    this.version += 1;
  }

  /** A notice of a gap: new, or what became of it. */
  notice(gap) {
    if (gap.isOpen) this.gaps.set(gap.key, gap);
    else this.gaps.delete(gap.key);
    this.version += 1;
  }

  /** How old the newest quote is, in milliseconds. */
  age(now) {
    return this.quote === null ? NaN : Math.max(0, now - this.quote.at);
  }

  /** How long this symbol may be silent before it is stale. */
  get silence() {
    return this.pace.silence(this.patience);
  }

  /** `live`, `stale`, `gap`, `closed` or `waiting`. */
  state(now) {
    if (!this.isOpen) return 'closed';
    if (this.quote === null) return 'waiting';
    if (this.age(now) > this.silence) return 'stale';
    return this.newGaps(now).length > 0 ? 'gap' : 'live';
  }

  /** Gaps that are open and were found lately. */
  newGaps(now) {
    return [...this.gaps.values()].filter((gap) => now - gap.found < GAP_SHOWN_MS);
  }
}

/** All symbols, and which of them have changed since they were last drawn. */
export class Book {
  constructor() {
    this.instruments = new Map();
    this.names = []; // in order
    this.pace = new Pace();
  }

  /** The instrument of a symbol, made where it is new. */
  of(symbol) {
    let found = this.instruments.get(symbol);
    if (found === undefined) {
      found = new Instrument(symbol);
      this.instruments.set(symbol, found);
      this.names = [...this.instruments.keys()].sort();
    }
    return found;
  }

  /** Take what one event of the stream brought: `quotes` of any symbols. */
  take(quotes, now) {
    for (const quote of quotes) this.of(quote.symbol).take(quote, now);
    this.pace.seen(now);
  }

  /** The word for the whole feed: silent, or with a new gap, or live. One silent symbol among many is told in its row. */
  state(now) {
    const open = [...this.instruments.values()].filter((one) => one.isOpen && one.quote !== null);
    if (open.length === 0) return this.names.length === 0 ? 'waiting' : 'closed';
    if (this.age(now) > this.pace.silence(PATIENCE_UNKNOWN_MS)) return 'stale';
    if (open.every((one) => one.state(now) === 'stale')) return 'stale'; // the stream's own pace may not be known yet
    return open.some((one) => one.newGaps(now).length > 0) ? 'gap' : 'live';
  }

  /** The age of the newest quote of all. */
  age(now) {
    return Math.min(...[...this.instruments.values()].map((one) => one.age(now)).filter(Number.isFinite));
  }
}

function number(exact) {
  return exact === null ? NaN : Number(exact);
}
