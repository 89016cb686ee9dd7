/** Playing the past: where the reader is in a range of one symbol, and the stream that brings what comes next. */

import { Instrument } from './book.js';
import { address, headers, refused } from './http.js';
import { events } from './sse.js';
import * as wire from './wire.js';

const SILENCE_MS = 8_000; // heartbeats come each second
const AGAIN_MS = 1_000;
const SLICE_MS = 12; // of one task: what is unpaced comes faster than it can be drawn
const PASSING = new Set([0, 429, 503]); // what mends itself

/**
 * `state` is `ready`, `playing`, `waiting` (it will go on by itself), `paused`, `ended` or `broken`. Pausing closes the
 * stream; going on asks for the rest of the same run. Calls `changed()` whenever there is something to draw. */
export class Player {
  constructor({ changed }) {
    this.changed = changed;
    this.speed = '1';
    this.stopped = null;
    this.load({ symbol: null, from: NaN, to: NaN }, NaN);
  }

  /** Stand at `at` in a range, with nothing played yet. */
  load({ symbol, from, to }, at) {
    this.stop();
    Object.assign(this, { symbol, from, to, at, began: at });
    Object.assign(this, { instrument: new Instrument(symbol ?? ''), state: 'ready', problem: null, sum: null });
    Object.assign(this, { run: null, lastId: null, ticks: 0, gaps: 0, behind: 0 });
    this.changed();
  }

  get isPlaying() {
    return this.state === 'playing' || this.state === 'waiting';
  }

  /** Go on; from the beginning where the end was reached. */
  play() {
    if (this.isPlaying || this.symbol === null) return;
    if (this.state === 'ended') this.load(this, this.from);
    this.state = 'playing';
    this.problem = null;
    this.stopped = new AbortController();
    this.follow(this.stopped.signal);
    this.changed();
  }

  /** Stand still; nothing is lost. */
  pause() {
    if (!this.isPlaying) return;
    this.stop();
    this.state = 'paused';
    this.changed();
  }

  /** Play faster or slower, at once. */
  pace(speed) {
    if (speed === this.speed) return;
    this.speed = speed;
    if (!this.isPlaying) return;
    this.pause();
    this.play();
  }

  stop() {
    this.stopped?.abort();
    this.stopped = null;
  }

  async follow(stopped) {
    while (!stopped.aborted) {
      try {
        await this.read(stopped);
        this.changed();
        if (this.state === 'ended' || this.state === 'broken') return;
        throw Object.assign(new Error('The stream ended early.'), { status: 0 });
      } catch (problem) {
        if (stopped.aborted) return;
        const status = problem.status ?? 0;
        this.state = PASSING.has(status) ? 'waiting' : 'broken';
        this.problem = status === 0 ? { sentence: 'The server cannot be reached; this goes on when it can.' } : problem;
        this.changed();
        if (this.state === 'broken') return;
      }
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  }

  async read(stopped) {
    const silent = new AbortController();
    const watch = () => setTimeout(() => silent.abort(), SILENCE_MS);
    let timer = watch();
    try {
      const response = await fetch(this.address(), {
        headers: headers({ Accept: 'text/event-stream', ...(this.lastId === null ? {} : { 'Last-Event-ID': this.lastId }) }),
        signal: AbortSignal.any([stopped, silent.signal]), cache: 'no-store',
      });
      if (!response.ok) throw await refused(response);
      if (response.status === 204) this.state = 'ended';
      let since = performance.now();
      for await (const event of events(response.body ?? new Blob().stream())) {
        clearTimeout(timer);
        timer = watch();
        if (stopped.aborted) return;
        if (event !== null) this.take(event);
        if (performance.now() - since < SLICE_MS) continue;
        await breath();
        since = performance.now();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** What is asked for, as far as it is not in a header. */
  address() {
    const from = Number.isFinite(this.began) ? this.began : this.from;
    return address('replay', { symbols: this.symbol, start: iso(from), end: iso(this.to), speed: this.speed });
  }

  take(event) {
    const data = JSON.parse(event.data);
    this.lastId = event.id;
    this.run = data.run;
    if (this.state === 'waiting') Object.assign(this, { state: 'playing', problem: null });
    if (event.event === 'snapshot') this.quotes(data.quotes);
    else if (event.event === 'ticks') this.ticked(data.ticks);
    else if (event.event === 'gap') this.gapped(wire.replayedGap(data));
    else if (event.event === 'heartbeat') this.beat(wire.replayBeat(data));
    else if (event.event === 'end') Object.assign(this, { state: 'ended', at: this.to, behind: 0, sum: wire.replaySum(data) });
    else if (event.event === 'problem') Object.assign(this, { state: 'broken', problem: wire.replayProblem(data) });
    this.changed();
  }

  quotes(raws) {
    for (const raw of raws) this.instrument.take(wire.quote(raw), this.at);
  }

  ticked(raws) {
    for (const raw of raws) {
      this.ticks += 1;
      const quote = wire.replayed(raw, this.ticks);
      this.instrument.take(quote, quote.at);
      this.at = Math.max(this.at, quote.at);
    }
  }

  gapped(gap) {
    this.gaps += 1;
    this.instrument.notice(gap);
  }

  beat({ at, behind }) {
    if (at > this.at) this.at = at;
    this.behind = behind;
  }
}

/** An instant as the server takes it. */
export function iso(ms) {
  return new Date(ms).toISOString();
}

/** Lets the browser do what else is due; unlike a timer, as soon as in a hidden tab. */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(null);
  });
}
