/** Where the reader is, kept in the address: `#/live/TTF-GAS?range=5m&filter=gas`. Every view can be shared. */

/** The tab, the path behind it and the parameters of an address' hash. */
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [tab = '', ...rest] = path.split('/').map(decoded);
  return { tab, path: rest.filter(Boolean), params: new URLSearchParams(query) };
}

/** The hash of a tab, a path and parameters; empty parameters are left out. */
export function hashOf(tab, path = [], params = {}) {
  const kept = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const query = new URLSearchParams(kept).toString();
  const place = [tab, ...path].map(encodeURIComponent).join('/');
  return `#/${place}${query ? `?${query}` : ''}`;
}

/** Go somewhere; `replace` leaves no step in the browser's history. */
export function go(hash, { replace = false } = {}) {
  if (location.hash === hash) return;
  if (replace) {
    history.replaceState(null, '', hash);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else location.hash = hash;
}

/** Change parameters of the present address, without a step in the history. */
export function adjust(changes) {
  const { tab, path, params } = parse(location.hash);
  go(hashOf(tab, path, { ...Object.fromEntries(params), ...changes }), { replace: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
