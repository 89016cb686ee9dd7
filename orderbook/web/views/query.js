/** SQL over the stored ticks: examples, a result of any length, and the same question for other tools. */

import { copyButton, save } from '../clipboard.js';
import { now } from '../clock.js';
import { h, notice, problem, say } from '../dom.js';
import { count, counted } from '../format.js';
import { grid } from '../grid.js';
import { post } from '../http.js';
import { adjust } from '../route.js';
import * as snippets from '../snippets.js';
import * as wire from '../wire.js';

const LIMIT = 100_000;
const BACK = { '1h': 'the last hour', '1d': 'the last day', '7d': 'the last week', '': 'all that is stored' };
const BACK_MS = { '1h': 3_600_000, '1d': 86_400_000, '7d': 604_800_000 };
const FIRST = 'SELECT * FROM ticks ORDER BY event_time DESC LIMIT 10';
const EXAMPLES = [
  ['Newest ticks', FIRST],
  ['How many', 'SELECT count(*) FROM ticks'],
  ['Spread by symbol, last hour', `SELECT symbol, count(*) AS ticks,
       round(avg(ask_price - bid_price), 6) AS mean_spread,
       max(ask_price - bid_price) AS widest
FROM ticks
WHERE event_time >= now() - INTERVAL '1 hour'
GROUP BY symbol ORDER BY symbol`],
  ['Bars of a minute', `SELECT date_trunc('minute', event_time) AS minute, symbol,
       min(bid_price) AS low_bid, max(ask_price) AS high_ask, count(*) AS ticks
FROM ticks
WHERE event_time >= now() - INTERVAL '1 hour'
GROUP BY 1, 2 ORDER BY 1 DESC, 2`],
  ['From event to row', `SELECT symbol, count(*) AS ticks,
       round(avg(epoch(landed_at) - epoch(event_time)), 3) AS mean_seconds,
       round(max(epoch(landed_at) - epoch(event_time)), 3) AS most_seconds
FROM ticks
WHERE event_time >= now() - INTERVAL '10 minutes'
GROUP BY symbol ORDER BY most_seconds DESC`],
  ['100,000 ticks', `SELECT symbol, event_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id
FROM ticks LIMIT 100000`],
];

/** An editor and what it found. */
export class QueryView {
  constructor(app) {
    this.app = app;
    this.answer = null;
    this.editor = h('textarea', {
      class: 'editor', rows: '6', spellcheck: 'false', autocapitalize: 'off', 'aria-label': 'SQL',
      onkeydown: (event) => this.typed(event),
    });
    this.back = h('select', { 'aria-label': 'Which ticks are looked at', onchange: () => adjust({ back: this.back.value }) }, Object.entries(BACK).map(
      ([value, words]) => h('option', { value }, `in ${words}`),
    ));
    this.back.value = '1d';
    this.runButton = h('button', { class: 'action primary', onclick: () => this.run() }, 'Run');
    this.stopButton = h('button', { class: 'action', hidden: true, onclick: () => this.running?.abort() }, 'Stop');
    this.said = h('p', { class: 'said', role: 'status' }, '');
    this.exports = h('div', { class: 'exports', role: 'group', 'aria-label': 'Take it elsewhere' }, this.exportButtons());
    this.result = h('div', { class: 'result' });
    this.element = h(
      'div', { class: 'query' }, h('h1', { class: 'visually-hidden' }, 'Query'),
      h('div', { class: 'examples', role: 'group', 'aria-label': 'Examples' }, EXAMPLES.map(
        ([title, sql]) => h('button', { class: 'chip', onclick: () => this.take(sql) }, title),
      )),
      this.editor,
      h('div', { class: 'tools' }, this.back, this.runButton, this.stopButton, h('kbd', {}, 'Ctrl ↵'), this.said, this.exports),
      this.result,
    );
  }

  show(path, params) {
    const asked = params.get('sql');
    if (BACK[params.get('back')]) this.back.value = params.get('back');
    if (asked !== null && asked !== this.editor.value) {
      this.editor.value = asked;
      if (this.answer === null) this.begin();
    } else if (this.editor.value === '') this.editor.value = FIRST;
    if (this.answer === null && !this.running) this.begin();
  }

  hide() {}

  draw() {}

  restyle() {}

  begin() {
    this.result.replaceChildren(notice('empty', 'Read only: nothing that stands here can change what is stored.', h('button', { class: 'action', onclick: () => this.run() }, 'Run the query')));
  }

  take(sql) {
    this.editor.value = sql;
    this.run();
  }

  typed(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.run();
    } else if (event.key === 'Escape') this.runButton.focus();
  }

  async run() {
    const sql = this.editor.value.trim();
    if (sql === '') return;
    adjust({ sql, back: this.back.value });
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.busy(true);
    const began = performance.now();
    try {
      const answer = wire.result(await post('query', { sql, limit: LIMIT }, { params: this.window(), signal: running.signal }));
      if (this.running === running) this.found(answer, performance.now() - began);
    } catch (error) {
      if (this.running === running) this.failed(error, running.signal.aborted);
    } finally {
      if (this.running === running) {
        this.running = null;
        this.busy(false);
      }
    }
  }

  /** The window that bounds what is looked at. */
  window() {
    const ms = BACK_MS[this.back.value];
    return ms ? { start: new Date(now() - ms).toISOString() } : {};
  }

  busy(isBusy) {
    this.stopButton.hidden = !isBusy;
    this.runButton.disabled = isBusy;
    if (isBusy) say(this.said, 'Asking …');
  }

  found(answer, ms) {
    this.answer = answer;
    const cut = answer.isCut ? ` (the first ${count(LIMIT)})` : '';
    say(this.said, `${counted(answer.rows.length, 'row')}${cut} in ${(ms / 1000).toFixed(2)} s`);
    this.result.replaceChildren(
      answer.rows.length > 0 ? grid(answer.columns, answer.rows, 'Result') : notice('empty', 'No row fits.'),
    );
  }

  failed(error, wasStopped) {
    this.answer = null;
    say(this.said, wasStopped ? 'Stopped.' : '');
    if (!wasStopped) this.result.replaceChildren(problem(error, () => this.run()));
  }

  exportButtons() {
    const sql = () => this.editor.value.trim();
    return [
      h('button', { class: 'action small', onclick: () => this.download() }, 'Download CSV'),
      copyButton('Copy as curl', () => snippets.curl(sql(), this.window())),
      copyButton('Python', () => snippets.python(sql(), this.window())),
      copyButton('SQL', sql),
    ];
  }

  download() {
    if (this.answer === null) return;
    save('orderbook.csv', 'text/csv', snippets.csv(this.answer));
  }
}
