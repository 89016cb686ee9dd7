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
  button.addEventListener('click', () => {
    chosen = NEXT[chosen];
    localStorage.setItem(THEME, chosen);
    apply();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

/** A colour of the style sheet, for what is drawn on a canvas. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
