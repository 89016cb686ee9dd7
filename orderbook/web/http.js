/** Asking the server. Every failure becomes a `Problem`: a sentence, and what to do about it. */

const KEY = 'orderbook.key';
const PATIENCE_MS = 20_000;

/** Why an answer did not come. `status` is 0 where nothing answered. */
export class Problem extends Error {
  constructor(status, sentence, hint = null) {
    super(sentence);
    this.status = status;
    this.sentence = sentence;
    this.hint = hint;
  }
}

/** The key that this tab sends, kept until the tab is closed. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** Headers of a request. */
export function headers(more = {}) {
  const held = key.get();
  return held ? { ...more, Authorization: `Bearer ${held}` } : more;
}

/** The address of a path under `v1/` with its parameters; null ones are left out. */
export function address(path, params = {}) {
  const kept = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const query = new URLSearchParams(kept).toString();
  return new URL(`v1/${path}${query ? `?${query}` : ''}`, document.baseURI);
}

/** The answer of a GET. Throws `Problem`; an abort by `signal` throws the abort. */
export async function ask(path, params = {}, { signal = null } = {}) {
  return (await send(address(path, params), { headers: headers({ Accept: 'application/json' }) }, signal)).json();
}

/** The answer of a POST with a JSON body. Throws `Problem`. */
export async function post(path, body, { params = {}, signal = null } = {}) {
  const request = {
    method: 'POST',
    headers: headers({ 'Content-Type': 'application/json', Accept: 'application/json' }),
    body: JSON.stringify(body),
  };
  return (await send(address(path, params), request, signal, 60_000)).json();
}

/** A response that is fine; anything else is a `Problem`. */
export async function send(url, request, signal, patience = PATIENCE_MS) {
  const limit = AbortSignal.timeout(patience);
  let response;
  try {
    response = await fetch(url, { ...request, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === 'TimeoutError') throw new Problem(0, 'The server took too long to answer.');
    throw unreachable();
  }
  if (!response.ok) throw await refused(response);
  return response;
}

function unreachable() {
  return new Problem(0, 'The server cannot be reached.', 'Data on this page are as of the last contact.');
}

/** An answer that says no, in the words of its problem document. */
export async function refused(response) {
  let document = {};
  try {
    document = await response.json();
  } catch {
    // a proxy's own page: the status says enough
  }
  const sentence = document.detail ?? document.title ?? `The server answered ${response.status}.`;
  return new Problem(response.status, typeof sentence === 'string' ? sentence : JSON.stringify(sentence), document.hint);
}
