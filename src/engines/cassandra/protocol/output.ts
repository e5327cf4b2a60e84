import type { Value } from "../types/type.js";

/** Bytes that are written one after another, in the notations of the native protocol (section 3). */
export class Output {
  bytes: Buffer;
  size = 0;

  constructor(capacity = 4096) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  /** Makes room; what was written stays. */
  room(more: number): void {
    const wanted = this.size + more;
    if (wanted <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, wanted));
    this.bytes.copy(larger, 0, 0, this.size);
    this.bytes = larger;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.size++] = value;
  }

  short(value: number): void {
    this.room(2);
    this.size = this.bytes.writeUInt16BE(value, this.size);
  }

  int(value: number): void {
    this.room(4);
    this.size = this.bytes.writeInt32BE(value, this.size);
  }

  string(text: string): void {
    const length = Buffer.byteLength(text);
    this.room(2 + length);
    this.size = this.bytes.writeUInt16BE(length, this.size);
    this.size += this.bytes.utf8Write(text, this.size);
  }

  longString(text: string): void {
    const length = Buffer.byteLength(text);
    this.room(4 + length);
    this.size = this.bytes.writeInt32BE(length, this.size);
    this.size += this.bytes.utf8Write(text, this.size);
  }

  raw(bytes: Buffer): void {
    this.room(bytes.length);
    this.size += bytes.copy(this.bytes, this.size);
  }

  /** [bytes]: null is -1. */
  value(value: Value): void {
    if (value === null) {
      this.int(-1);
      return;
    }
    this.room(4 + value.length);
    this.size = this.bytes.writeInt32BE(value.length, this.size);
    this.size += value.copy(this.bytes, this.size);
  }

  /** [bytes] that lie within others. */
  slice(from: Buffer, start: number, end: number): void {
    const length = end - start;
    this.room(4 + length);
    let at = this.bytes.writeInt32BE(length, this.size);
    // Short values are copied faster by hand than by a call into the runtime.
    if (length <= 24) {
      const { bytes } = this;
      for (let i = start; i < end; i++) bytes[at++] = from[i]!;
      this.size = at;
      return;
    }
    this.size = at + from.copy(this.bytes, at, start, end);
  }

  shortBytes(bytes: Buffer): void {
    this.short(bytes.length);
    this.raw(bytes);
  }

  stringList(list: readonly string[]): void {
    this.short(list.length);
    for (const each of list) this.string(each);
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.size));
  }
}

declare global {
  interface Buffer {
    utf8Write(text: string, offset?: number, length?: number): number;
  }
}
