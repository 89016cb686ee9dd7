/** The live stream: connects, notices silence, comes back by itself, resumes after the last event it has seen. */

import { address, headers, refused } from './http.js';
import { events } from './sse.js';

const SILENCE_MS = 8_000; // the server's heartbeats come at least every 2 s
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8_000;
const HOPELESS = new Set([401, 403, 404]); // asking again the same way would be answered the same way

/**
 * Calls `on.event(name, data)` for each event and `on.state(state, problem)` as it changes: `connecting`, `open`,
 * `reconnecting`, `refused`.
 */
export class Feed {
  constructor(on, path = 'live') {
    this.on = on;
    this.path = path;
    this.stopped = new AbortController();
    this.lastId = null;
    this.running = false;
  }

  /** Connect, and stay connected until `stop`. */
  start() {
    if (this.running) return;
    this.running = true;
    this.stopped = new AbortController();
    this.run(this.stopped.signal);
  }

  /** Close the stream. The next `start` begins with a snapshot. */
  stop() {
    this.running = false;
    this.lastId = null;
    this.stopped.abort();
  }

  async run(stopped) {
    let failures = 0;
    this.on.state('connecting', null);
    while (!stopped.aborted) {
      try {
        await this.read(stopped, () => { failures = 0; });
      } catch (problem) {
        if (stopped.aborted) return;
        if (HOPELESS.has(problem.status)) {
          this.running = false;
          this.on.state('refused', problem);
          return;
        }
      }
      if (stopped.aborted) return;
      this.on.state('reconnecting', null);
      await delay(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.75 + Math.random() / 2), stopped);
      failures += 1;
    }
  }

  async read(stopped, succeeded) {
    const silent = new AbortController();
    const watch = () => setTimeout(() => silent.abort(), SILENCE_MS);
    let timer = watch();
    const signal = AbortSignal.any([stopped, silent.signal]);
    try {
      const resume = this.lastId === null ? {} : { 'Last-Event-ID': this.lastId };
      const response = await fetch(address(this.path), {
        headers: headers({ Accept: 'text/event-stream', ...resume }), signal, cache: 'no-store',
      });
      if (!response.ok) throw await refused(response);
      for await (const event of events(response.body)) {
        clearTimeout(timer);
        timer = watch();
        succeeded();
        if (event !== null) this.take(event);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  take(event) {
    if (event.id !== null) this.lastId = event.id;
    this.on.state('open', null);
    this.on.event(event.event, JSON.parse(event.data));
  }
}

/** Waits, but no longer than until the browser finds a network: a server on this machine is there without one. */
function delay(ms, stopped) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      window.removeEventListener('online', done);
      resolve();
    }
    window.addEventListener('online', done);
    stopped.addEventListener('abort', done, { once: true });
  });
}
