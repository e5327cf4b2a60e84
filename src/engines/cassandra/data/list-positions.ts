/**
 * Positions for elements that are put before all others of a list: version 1 UUIDs whose time runs back from 2010, so
 * that each comes before those that were given earlier (Lists.java, PrecisionTime).
 */
const reference = 1_262_304_000_000n;
const gregorian = 122_192_928_000_000_000n;

export class ListPositions {
  readonly #now: () => number;
  #last = 1n << 62n;

  constructor(now: () => number) {
    this.#now = now;
  }

  next(): Buffer {
    const wanted = (reference - (BigInt(this.#now()) - reference)) * 10_000n + gregorian;
    this.#last = wanted < this.#last ? wanted : this.#last - 1n;
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(Number(this.#last & 0xffffffffn), 0);
    bytes.writeUInt16BE(Number((this.#last >> 32n) & 0xffffn), 4);
    bytes.writeUInt16BE(Number((this.#last >> 48n) & 0x0fffn) | 0x1000, 6);
    bytes[8] = 0x80;
    return bytes;
  }
}
