/** What this server offers: views whose data it does not serve are left out. Kept, so that a later visit knows at once. */

import { headers, send } from './http.js';

const OFFERS = 'orderbook.offers';

/** The paths that were offered at the last visit; null at the first one, when any may be. */
export function remembered() {
  const kept = localStorage.getItem(OFFERS);
  return kept === null ? null : new Set(JSON.parse(kept));
}

/** The paths of the server's own description. Throws `Problem`. */
export async function offers() {
  const response = await send(new URL('openapi.json', document.baseURI), { headers: headers() }, null);
  const paths = Object.keys((await response.json()).paths);
  localStorage.setItem(OFFERS, JSON.stringify(paths));
  return new Set(paths);
}
