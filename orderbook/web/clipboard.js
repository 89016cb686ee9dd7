/** Copying text, with a word of success in the button that asked. */

import { h } from './dom.js';

const THANKS_MS = 1_500;

/** A button that copies what `text()` returns. */
export function copyButton(label, text) {
  const button = h('button', {
    class: 'action small',
    onclick: async () => {
      const worked = await copy(text());
      button.textContent = worked ? 'Copied' : 'Not allowed';
      setTimeout(() => { button.textContent = label; }, THANKS_MS);
    },
  }, label);
  return button;
}

/** Save text as a file. */
export function save(name, type, parts) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOld(text);
  }
}

/** Where the page is not served from a secure origin, the clipboard is reached by a selection only. */
function copyOld(text) {
  const area = h('textarea', { class: 'visually-hidden' });
  area.value = text;
  document.body.append(area);
  area.select();
  const worked = document.execCommand('copy');
  area.remove();
  return worked;
}
