/*
 * MurmurHash64A (Austin Appleby, public domain) with the seed of Redis' HyperLogLog, on pairs of 32-bit halves: bigint
 * arithmetic would be twenty times slower.
 */

const mHigh = 0xc6a4a793;
const mLow = 0x5bd1e995;

let high = 0;
let low = 0;

/** Sets high:low to the product of two 64-bit numbers. */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const p00 = a0 * b0;
  const p01 = a0 * b1;
  const p10 = a1 * b0;
  const middle = (p00 >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  low = ((middle << 16) | (p00 & 0xffff)) >>> 0;
  const carry = Math.floor(p01 / 65536) + Math.floor(p10 / 65536) + (middle >>> 16) + a1 * b1;
  high = (carry + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) >>> 0;
}

/** The 64-bit hash of a string of bytes, as its halves. */
export function murmur64(text: string): { readonly high: number; readonly low: number } {
  const { length } = text;
  multiply(0, length, mHigh, mLow);
  let hHigh = high;
  let hLow = (low ^ 0xadc83b19) >>> 0;
  const whole = length - (length & 7);
  let at = 0;
  for (; at < whole; at += 8) {
    const kLow =
      (text.charCodeAt(at) |
        (text.charCodeAt(at + 1) << 8) |
        (text.charCodeAt(at + 2) << 16) |
        (text.charCodeAt(at + 3) << 24)) >>>
      0;
    const kHigh =
      (text.charCodeAt(at + 4) |
        (text.charCodeAt(at + 5) << 8) |
        (text.charCodeAt(at + 6) << 16) |
        (text.charCodeAt(at + 7) << 24)) >>>
      0;
    multiply(kHigh, kLow, mHigh, mLow);
    // k ^= k >> 47: only the upper 17 bits reach down.
    multiply(high, (low ^ (high >>> 15)) >>> 0, mHigh, mLow);
    hHigh = (hHigh ^ high) >>> 0;
    hLow = (hLow ^ low) >>> 0;
    multiply(hHigh, hLow, mHigh, mLow);
    hHigh = high;
    hLow = low;
  }
  const rest = length & 7;
  if (rest > 0) {
    for (let i = 0; i < rest; i++) {
      const code = text.charCodeAt(at + i);
      if (i < 4) hLow = (hLow ^ (code << (8 * i))) >>> 0;
      else hHigh = (hHigh ^ (code << (8 * (i - 4)))) >>> 0;
    }
    multiply(hHigh, hLow, mHigh, mLow);
    hHigh = high;
    hLow = low;
  }
  hLow = (hLow ^ (hHigh >>> 15)) >>> 0;
  multiply(hHigh, hLow, mHigh, mLow);
  return { high, low: (low ^ (high >>> 15)) >>> 0 };
}
