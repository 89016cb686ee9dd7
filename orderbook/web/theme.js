/** Light, dark, or as the system: one button, kept in this browser. */

const THEME = 'orderbook.theme';
const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const SIGN = { system: '◐', light: '○', dark: '●' };

/** Apply what was chosen before, and let `button` go on to the next; `changed` is called when colours differ. */
export function themes(button, changed) {
  let chosen = localStorage.getItem(THEME) ?? 'system';
  const apply = () => {
    if (chosen === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    const words = chosen === 'system' ? 'as the system' : chosen;
    button.textContent = SIGN[chosen];
    button.title = `Theme: ${words}`;
    button.setAttribute('aria-label', `Theme: ${words}`);
  };
  apply();
  const differ = () => {
    colours.clear();
    changed();
  };
  button.addEventListener('click', () => {
    chosen = NEXT[chosen];
    localStorage.setItem(THEME, chosen);
    apply();
    differ();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', differ);
}

const colours = new Map(); // asking for a computed style makes the browser compute it, forty times a frame

/** A colour of the style sheet, for what is drawn on a canvas. */
export function colour(name) {
  let found = colours.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    colours.set(name, found);
  }
  return found;
}
