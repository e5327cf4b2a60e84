import { latin1 } from "./latin1.js";

/** A string that is changed in place: bits, ranges, appends, sketches. Grows by doubling. */
export class Bytes {
  /** At least {@link length} bytes; those beyond it are zero. */
  data: Buffer;
  length: number;

  constructor(data: Buffer, length = data.length) {
    this.data = data;
    this.length = length;
  }

  static of(text: string): Bytes {
    return new Bytes(Buffer.from(text, "latin1"));
  }

  /** Makes the string at least this long, zero bytes added. */
  grow(length: number): void {
    if (length <= this.length) return;
    if (length > this.data.length) {
      // Beyond 1 MB the growth is by a megabyte, as Redis' strings do, or doubling would waste a lot.
      const room = length < 1_048_576 ? Math.max(length * 2, 32) : length + 1_048_576;
      const data = Buffer.alloc(room);
      this.data.copy(data, 0, 0, this.length);
      this.data = data;
    }
    this.length = length;
  }

  append(text: string): void {
    const at = this.length;
    this.grow(at + text.length);
    this.data.latin1Write(text, at);
  }

  set(offset: number, text: string): void {
    this.grow(offset + text.length);
    this.data.latin1Write(text, offset);
  }

  slice(from: number, to: number): string {
    return latin1(this.data, from, to);
  }

  toString(): string {
    return latin1(this.data, 0, this.length);
  }
}
