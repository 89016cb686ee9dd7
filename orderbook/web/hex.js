/** Bytes as people read them: offsets, hexadecimal, text; sixteen a line. */

const PER_LINE = 16;
const PER_LINE_NARROW = 8;

/** The bytes of a base64 string. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A dump; what is not printable ASCII is a middle dot. */
export function dump(bytes, narrow = matchMedia('(max-width: 640px)').matches) {
  const wide = narrow ? PER_LINE_NARROW : PER_LINE;
  const lines = [];
  for (let at = 0; at < bytes.length; at += wide) {
    const part = [...bytes.subarray(at, at + wide)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(wide * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}

/** The bytes as UTF-8; null where they are none. */
export function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
