/** The few words this page needs to build and change elements. */

/** An element; `attributes` named `on…` are listeners, `class` and `data-…` are as in HTML, null ones are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set the text of an element, touching the document only where it differs. */
export function say(element, text) {
  const node = element.firstChild;
  if (node === null) element.append(text);
  else if (node.data !== text) node.data = text;
}

/** Set an attribute, touching the document only where it differs. */
export function mark(element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** A designed state: one sentence and one action. `kind` is empty, loading or error. */
export function notice(kind, sentence, action = null, detail = null) {
  return h(
    'div',
    { class: `notice ${kind}`, role: kind === 'error' ? 'alert' : null },
    h('p', {}, sentence),
    detail && h('p', { class: 'detail' }, detail),
    action,
  );
}

/** What an error of the server means to a person, with a button that tries again. */
export function problem(error, retry) {
  const action = h('button', { class: 'action', onclick: retry }, 'Try again');
  return notice('error', error.sentence ?? String(error), action, error.hint ?? null);
}
