/** The badge and the figures of the header, and the one line of truth at the foot of every view. */

import { now, timeOf } from './clock.js';
import { h, mark, say } from './dom.js';
import { age, count, counted, percent, rate } from './format.js';
import { hashOf } from './route.js';

const WORDS = {
  live: 'LIVE', stale: 'STALE', gap: 'GAP', closed: 'CLOSED', waiting: 'NO DATA', held: 'HELD',
  replay: 'REPLAY', connecting: 'CONNECTING', reconnecting: 'RECONNECTING', refused: 'NO ACCESS',
};

/** The word of a state, with the age where it is stale. */
export function word(state, ageMs) {
  return state === 'stale' && Number.isFinite(ageMs) ? `STALE ${age(ageMs / 1000)}` : WORDS[state];
}

/** A badge: a dot, and a word that says the same. */
export function badge() {
  return h('span', { class: 'badge' }, h('i', { 'aria-hidden': 'true' }), h('b', {}, ''));
}

/** Show a state in a badge. */
export function show(element, state, ageMs) {
  showWord(element, state, word(state, ageMs));
}

/** Show a word of one's own for a state. */
export function showWord(element, state, text) {
  mark(element, 'data-state', state);
  say(element.lastElementChild, text);
}

/** Header and foot over what `app` knows. */
export class Vitals {
  constructor(app) {
    this.app = app;
    this.badge = document.getElementById('badge');
    this.rate = document.getElementById('rate');
    this.lag = document.getElementById('lag');
    this.announcer = document.getElementById('announcer');
    this.told = null;
    this.foot = this.buildFoot(document.getElementById('truth'));
  }

  /** The state that the header names. */
  get state() {
    const { app } = this;
    if (app.connection !== 'open') return app.connection;
    return app.held ? 'held' : app.book.state(now());
  }

  /** Draw; cheap where nothing has changed. */
  draw() {
    const { app } = this;
    const replay = app.view?.badge?.() ?? null;
    const state = replay === null ? this.state : 'replay';
    if (replay === null) show(this.badge, state, app.book.age(now()));
    else showWord(this.badge, 'replay', replay);
    this.announce(state);
    const { status } = app;
    say(this.rate, status ? `${rate(status.rateOut)} tick/s` : '– tick/s');
    say(this.lag, status ? `lag ${age(status.lagSeconds)}` : 'lag –');
    mark(this.lag, 'data-alert', status?.lagSeconds > 30 ? 'true' : null);
    this.drawFoot(status);
  }

  announce(state) {
    if (state === this.told) return;
    this.told = state;
    say(this.announcer, `Feed: ${WORDS[state].toLowerCase()}`);
  }

  buildFoot(foot) {
    const link = (tab, path, title) => h('a', { href: hashOf(tab, path), title }, '');
    const parts = {
      through: link('pipeline', [], 'Every record up to here is stored, or known to be lost'),
      coverage: link('data', [], 'Of the sequence ids and open hours of the last 24 hours, the share that is here; of the least covered symbol'),
      gaps: link('data', ['gaps'], 'Sequence ids that sources passed over'),
      quarantine: link('data', ['quarantine'], 'Rejected records, kept with their bytes'),
      trouble: link('pipeline', [], 'What needs a person'),
    };
    parts.trouble.classList.add('trouble');
    foot.append(...Object.values(parts));
    return parts;
  }

  drawFoot(status) {
    const { through, coverage, gaps, quarantine, trouble } = this.foot;
    const isOld = this.app.connection !== 'open' || this.app.statusProblem !== null;
    mark(document.getElementById('truth'), 'data-old', isOld ? 'true' : null);
    say(through, `complete through ${status ? timeOf(status.completeThrough) : '–'}`);
    say(coverage, `coverage ${percent(status?.coverage)}`);
    say(gaps, status ? `${counted(status.gaps, 'gap')} in 24 h` : 'gaps –');
    say(quarantine, `${count(status?.quarantine)} in quarantine`);
    const sentences = [...(status?.down ?? []), ...(status?.alarms ?? [])].map((one) => one.sentence);
    if (this.app.statusProblem !== null && this.app.connection === 'open') sentences.unshift(this.app.statusProblem);
    say(trouble, sentences.length === 0 ? '' : sentences.length === 1 ? sentences[0] : `${sentences[0]} +${sentences.length - 1}`);
    mark(trouble, 'hidden', sentences.length === 0 ? '' : null);
  }
}
