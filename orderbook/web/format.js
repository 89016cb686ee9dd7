/** Numbers, times and ages as people read them. Pure: prices stay the strings that the server sent. */

const MINUS = '−';

/** How many digits stand behind the point of an exact decimal. */
export function decimalsOf(exact) {
  const point = exact.indexOf('.');
  return point < 0 ? 0 : exact.length - point - 1;
}

/** An exact decimal with at least `decimals` digits behind the point; digits are added, never rounded away. */
export function price(exact, decimals) {
  if (exact === null || exact === undefined) return '–';
  const missing = decimals - decimalsOf(exact);
  let text = exact;
  if (missing > 0) text += (decimalsOf(exact) === 0 ? '.' : '') + '0'.repeat(missing);
  return text.startsWith('-') ? MINUS + text.slice(1) : text;
}

/** A number with a fixed count of digits, and a real minus sign. */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return '–';
  const text = value.toFixed(digits);
  return text.startsWith('-') ? MINUS + text.slice(1) : text;
}

/** The exact difference of two decimals of at most 18 digits. */
export function difference(minuend, subtrahend) {
  const digits = Math.max(decimalsOf(minuend), decimalsOf(subtrahend));
  const units = unitsOf(minuend, digits) - unitsOf(subtrahend, digits);
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const whole = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  return units < 0n ? `-${whole}` : whole;
}

function unitsOf(exact, digits) {
  const negative = exact.startsWith('-');
  const [whole, fraction = ''] = (negative ? exact.slice(1) : exact).split('.');
  const units = BigInt(whole + fraction.padEnd(digits, '0'));
  return negative ? -units : units;
}

/** A size without the zeros that mean nothing. */
export function size(exact) {
  if (exact === null || exact === undefined) return '–';
  return exact.includes('.') ? exact.replace(/\.?0+$/, '') : exact;
}

/** An age in the largest unit that fits: 0.3 s, 42 s, 4 min, 7 h, 2 d. */
export function age(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.max(0, seconds);
  if (s < 10) return `${(Math.floor(s * 10) / 10).toFixed(1)} s`;
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** A duration of some milliseconds or seconds. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return '–';
  return ms < 1000 ? `${fixed(ms, ms < 10 ? 1 : 0)} ms` : `${fixed(ms / 1000, 2)} s`;
}

/** How often, each second: 0.2, 20.0, 1,250. */
export function rate(value) {
  if (!Number.isFinite(value)) return '–';
  return value < 100 ? value.toFixed(1) : count(Math.round(value));
}

/** A whole number with thousands apart. */
export function count(value) {
  if (value === null || value === undefined) return '–';
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A count with its noun in the right number. */
export function counted(value, noun, plural = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A share as percent; never 100 while something is missing. */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  if (share >= 1) return '100 %';
  const floored = Math.floor(share * 10_000) / 100;
  return `${floored.toFixed(2)} %`;
}

/** Bytes in binary units. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let left = value;
  while (left >= 1024 && at < units.length - 1) {
    left /= 1024;
    at += 1;
  }
  return `${at === 0 ? left : left.toFixed(1)} ${units[at]}`;
}

const pad = (value, digits = 2) => String(value).padStart(digits, '0');

/** The clock time of an instant in milliseconds, to a tenth (`digits` 1) or finer; in UTC or local time. */
export function clock(ms, utc, digits = 1) {
  if (!Number.isFinite(ms)) return '–';
  const at = parts(ms, utc);
  const time = `${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
  return digits === 0 ? time : `${time}.${pad(at.millisecond, 3).slice(0, digits)}`;
}

/** Date and clock time. */
export function instant(ms, utc, digits = 0) {
  if (!Number.isFinite(ms)) return '–';
  return `${day(ms, utc)} ${clock(ms, utc, digits)}`;
}

/** The date of an instant. */
export function day(ms, utc) {
  const at = parts(ms, utc);
  return `${at.year}-${pad(at.month)}-${pad(at.day)}`;
}

function parts(ms, utc) {
  const at = new Date(ms);
  const of = (name) => at[`get${utc ? 'UTC' : ''}${name}`]();
  return {
    year: of('FullYear'), month: of('Month') + 1, day: of('Date'),
    hour: of('Hours'), minute: of('Minutes'), second: of('Seconds'), millisecond: of('Milliseconds'),
  };
}

/** The instant of an ISO time in milliseconds, microseconds kept as a fraction; null stays NaN. */
export function millis(iso) {
  if (!iso) return NaN;
  const micro = /\.\d{3}(\d{1,3})/.exec(iso);
  return Date.parse(iso) + (micro ? Number(micro[1].padEnd(3, '0')) / 1000 : 0);
}
