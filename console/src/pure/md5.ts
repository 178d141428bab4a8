// MD5 (RFC 1321): what Kinesis hashes partition keys with, and what closes an aggregated record. Pure.

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const SINES = Int32Array.from({ length: 64 }, (_, at) => Math.floor(Math.abs(Math.sin(at + 1)) * 2 ** 32) | 0);

/** The 16 bytes of a digest. */
export function md5(message: Uint8Array): Uint8Array {
  const length = ((message.length + 8) >>> 6) * 64 + 64;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 8, (message.length << 3) >>> 0, true);
  view.setUint32(length - 4, Math.floor(message.length / 2 ** 29), true);
  let [a, b, c, d] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let block = 0; block < length; block += 64) {
    let [e, f, g, h] = [a, b, c, d];
    for (let step = 0; step < 64; step++) {
      const round = step >> 4;
      const mixed =
        round === 0 ? (f & g) | (~f & h) : round === 1 ? (h & f) | (~h & g) : round === 2 ? f ^ g ^ h : g ^ (f | ~h);
      const at = round === 0 ? step : round === 1 ? (5 * step + 1) & 15 : round === 2 ? (3 * step + 5) & 15 : (7 * step) & 15;
      const sum = (e + mixed + SINES[step]! + view.getInt32(block + at * 4, true)) | 0;
      const shift = SHIFTS[round * 4 + (step & 3)]!;
      [e, h, g, f] = [h, g, f, (f + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
    }
    [a, b, c, d] = [(a + e) | 0, (b + f) | 0, (c + g) | 0, (d + h) | 0];
  }
  const digest = new DataView(new ArrayBuffer(16));
  [a, b, c, d].forEach((word, at) => digest.setInt32(at * 4, word, true));
  return new Uint8Array(digest.buffer);
}
