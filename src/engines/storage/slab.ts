/** Values up to this many bytes share slabs; larger ones get memory of their own. */
const largestShared = 4096;
const slabBytes = 32 * 1024;

/**
 * Hands out copies of bytes that lie together in slabs: one allocation for many small values, where a Buffer of its own
 * for each would cost more than the value. A slab is freed when the last value in it is gone.
 */
export class Slabs {
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  /** A copy of `bytes` that nobody else writes. */
  keep(bytes: Buffer): Buffer {
    const length = bytes.length;
    if (length > largestShared) {
      const own = Buffer.allocUnsafeSlow(length);
      own.set(bytes);
      return own;
    }
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    const kept = this.#slab.subarray(start, this.#used);
    kept.set(bytes);
    return kept;
  }
}

/** The one empty value, shared by all trees that are sets. */
export const empty: Buffer = Buffer.alloc(0);
