/** The page: what it knows, which view is shown, and the keys. Everything is loaded at once, so it works cut off. */

import { Book } from './book.js';
import { learn, now, zone } from './clock.js';
import { h, mark } from './dom.js';
import { Feed } from './feed.js';
import { invalidate, paced } from './frame.js';
import { helps } from './help.js';
import { ask } from './http.js';
import { listen } from './keys.js';
import { Arrivals } from './latency.js';
import { offers, remembered } from './offers.js';
import { hashOf, parse } from './route.js';
import { themes } from './theme.js';
import { Vitals } from './vitals.js';
import { DataView } from './views/data.js';
import { ExpectationsView } from './views/expectations.js';
import { LiveView } from './views/live.js';
import { PipelineView } from './views/pipeline.js';
import { QueryView } from './views/query.js';
import { ReplayView } from './views/replay.js';
import * as wire from './wire.js';

const STATUS_MS = 2_000;
const SYMBOLS_MS = 10_000;
const DATA_MS = 100; // a number that changes more often is not read
const AGES_MS = 250; // ages change without data; four times a second is calm and true to a tenth

const app = {
  arrivals: new Arrivals(),
  book: new Book(),
  connection: 'connecting',
  connections: 0, // how often the stream was opened
  refusal: null,
  held: false,
  view: null, // the one that is shown
  status: null,
  statusProblem: null,
  symbolsKnown: false,
  offers: remembered(),
  draw() {
    invalidate(draw);
  },
  hold(held) {
    app.held = held;
    app.draw();
  },
};

const VIEWS = [
  ['live', 'Live', LiveView], ['pipeline', 'Pipeline', PipelineView], ['data', 'Data', DataView],
  ['expectations', 'Expectations', ExpectationsView, '/v1/expectations/latest'],
  ['replay', 'Replay', ReplayView, '/v1/replay'], ['query', 'Query', QueryView, '/v1/query'],
].map(([id, title, View, needs]) => ({ id, title, needs, view: new View(app) }));

const main = document.getElementById('main');
const vitals = new Vitals(app);
const feed = new Feed({ event: received, state: connected });
const drawData = paced(app.draw, DATA_MS);
let shown = null;

function draw(frame) {
  vitals.draw();
  shown?.view.draw(frame);
}

function connected(state, problem) {
  if (app.connection === state) return;
  app.connection = state;
  if (state === 'open') {
    app.connections += 1;
    readOffers();
  }
  app.refusal = problem;
  app.draw();
}

function received(name, data) {
  if (data.server_time) learn(wire.millisOf(data.server_time));
  if (name === 'snapshot') snapshot(data);
  else if (name === 'ticks') arrived(data.ticks.map(wire.quote));
  else if (name === 'gap') notices([data]);
  if (name !== 'heartbeat') drawData();
}

function snapshot(data) {
  ticks(data.quotes.map(wire.quote));
  notices(data.gaps);
}

function arrived(quotes) {
  const at = now();
  for (const quote of quotes) app.arrivals.note(quote, at);
  ticks(quotes);
}

function ticks(quotes) {
  app.book.take(quotes, now());
}

function notices(raws) {
  for (const gap of raws.map(wire.gap)) app.book.of(gap.symbol).notice(gap);
}

async function readStatus() {
  try {
    const began = performance.now();
    app.status = wire.status(await ask('status'));
    learn(app.status.serverTime, performance.now() - began);
    app.statusProblem = null;
  } catch (problem) {
    app.statusProblem = problem.sentence ?? String(problem);
  }
  app.draw();
}

async function readSymbols() {
  try {
    for (const row of (await ask('symbols')).symbols.map(wire.symbol)) app.book.of(row.symbol).describe(row);
    app.symbolsKnown = true;
  } catch {
    // the foot of the page tells of an unreachable server already
  }
  app.draw();
}

async function readOffers() {
  try {
    app.offers = await offers();
    showTabs();
    route();
  } catch {
    // without an answer the views of the last visit stay; each tells of the server itself
  }
}

/** The views whose data the server has. */
function offered() {
  return VIEWS.filter(({ needs }) => needs === undefined || app.offers === null || app.offers.has(needs));
}

function showTabs() {
  document.getElementById('tabs').replaceChildren(...offered().map(({ id, title }) => (
    h('a', { href: hashOf(id), 'data-tab': id, 'aria-current': shown?.id === id ? 'page' : null }, title))));
}

/** Ask again and again while somebody looks. */
function poll(read, every) {
  const again = async () => {
    if (!document.hidden && app.connection !== 'refused') await read();
    setTimeout(again, every);
  };
  again();
}

function route() {
  const { tab, path, params } = parse(location.hash);
  const next = offered().find((entry) => entry.id === tab) ?? VIEWS[0];
  if (next !== shown) {
    shown?.view.hide();
    shown = next;
    app.view = next.view;
    main.replaceChildren(next.view.element);
    document.title = `${next.title} · orderbook`;
    for (const link of document.querySelectorAll('#tabs a')) {
      mark(link, 'aria-current', link.dataset.tab === next.id ? 'page' : null);
    }
    mark(document.body, 'data-view', next.id);
  }
  next.view.show(path, params);
  app.draw();
}

function start() {
  showTabs();
  const zoneButton = document.getElementById('zone');
  const showZone = () => { zoneButton.textContent = zone.name; };
  zoneButton.addEventListener('click', () => {
    zone.toggle();
    showZone();
    for (const { view } of VIEWS) view.restyle();
    app.draw();
  });
  showZone();
  themes(document.getElementById('theme'), () => {
    for (const { view } of VIEWS) view.restyle();
    app.draw();
  });
  const openHelp = helps(document.getElementById('help-dialog'), document.getElementById('help'));
  listen({ app, views: offered, shown: () => shown, openHelp });
  window.addEventListener('hashchange', route);
  document.addEventListener('visibilitychange', () => (document.hidden ? feed.stop() : feed.start()));
  document.addEventListener('orderbook:key', () => { feed.stop(); feed.start(); });
  if (!document.hidden) feed.start();
  poll(readStatus, STATUS_MS);
  poll(readSymbols, SYMBOLS_MS);
  setInterval(app.draw, AGES_MS);
  route();
}

start();
