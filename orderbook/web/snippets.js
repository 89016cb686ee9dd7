/** The same question for other tools, and a result as CSV (RFC 4180). Pure but for the page's own address. */

import { address } from './http.js';

const ROWS_AT_ONCE = 5_000;

/** A line for a shell. */
export function curl(sql, window) {
  const body = JSON.stringify({ sql }).replaceAll("'", "'\\''");
  return `curl -sS '${address('query', window)}' -H 'Content-Type: application/json' --data '${body}'`;
}

/** A few lines of Python that need no package. */
export function python(sql, window) {
  return `import json
import urllib.request

request = urllib.request.Request(
    ${JSON.stringify(String(address('query', window)))},
    data=json.dumps({"sql": ${JSON.stringify(sql)}}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as response:
    answer = json.load(response)
`;
}

/** Pieces of a CSV file. */
export function csv({ columns, rows }) {
  const pieces = [`${columns.map(({ name }) => field(name)).join(',')}\r\n`];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    pieces.push(rows.slice(at, at + ROWS_AT_ONCE).map((row) => `${row.map(field).join(',')}\r\n`).join(''));
  }
  return pieces;
}

function field(value) {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
