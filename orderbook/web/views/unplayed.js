/** Why there is nothing to replay: each reason is a designed state. */

import { h, notice } from '../dom.js';
import { hashOf } from '../route.js';

/** Stands in the place of the player until a symbol is known. */
export class Unplayed {
  constructor() {
    this.element = h('div', { class: 'state-of-view', hidden: true });
    this.shown = null;
  }

  /** Say nothing more: there is something to play. */
  clear() {
    if (this.shown !== null) this.element.replaceChildren();
    this.shown = null;
  }

  /** Say why. */
  draw({ connection, refusal, symbolsKnown, book }) {
    const why = connection === 'refused' ? 'refused' : symbolsKnown && book.names.length === 0 ? 'empty' : 'connecting';
    if (why === this.shown) return;
    this.shown = why;
    this.element.replaceChildren(NOTICES[why](refusal));
  }
}

const NOTICES = {
  connecting: () => notice('loading', 'Looking for what can be played …'),
  refused: (problem) => notice(
    'error', problem?.sentence ?? 'The server wants a key.', h('a', { class: 'action', href: hashOf('live') }, 'Give a key'),
  ),
  empty: () => notice(
    'empty', 'No tick is stored yet.', h('code', {}, 'python -m orderbook.simulator'),
    'What is stored can be played again, as often as you like.',
  ),
};
