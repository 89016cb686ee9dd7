/** The keyboard. Keys belong to a field while one is typed in. */

import { go, hashOf } from './route.js';

/**
 * Listen to the keys of the whole page. Numbers name those of `views()`; the shown one takes
 * a key by `view.key(event)` returning true. */
export function listen({ app, views, shown, openHelp }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (isTyping(event.target)) return;
    if (shown()?.view.key?.(event)) event.preventDefault();
    else if (event.key === '?') openHelp();
    else if (event.key === ' ' && !isControl(event.target)) {
      event.preventDefault();
      app.hold(!app.held);
    } else {
      const view = views()[Number(event.key) - 1];
      if (view) go(hashOf(view.id));
    }
  });
}

function isTyping(target) {
  return target.matches('input, textarea, select, [contenteditable]');
}

function isControl(target) {
  return target.matches('button, a, summary');
}
