import { protocolError } from "../errors.js";
import { type Bound, unset } from "../query/run.js";

/** Reads the notations of the native protocol (section 3); what is cut short is a protocol error. */
export class Input {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  #need(count: number): void {
    if (count < 0 || this.at + count > this.bytes.length) throw protocolError("Truncated message");
  }

  byte(): number {
    this.#need(1);
    return this.bytes[this.at++]!;
  }

  short(): number {
    this.#need(2);
    const value = this.bytes.readUInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int(): number {
    this.#need(4);
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  long(): bigint {
    this.#need(8);
    const value = this.bytes.readBigInt64BE(this.at);
    this.at += 8;
    return value;
  }

  raw(length: number): Buffer {
    this.#need(length);
    const value = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return value;
  }

  string(): string {
    return this.raw(this.short()).toString("utf8");
  }

  longString(): string {
    return this.raw(this.int()).toString("utf8");
  }

  shortBytes(): Buffer {
    return this.raw(this.short());
  }

  /** [bytes]; null for a negative length. */
  optionalBytes(): Buffer | null {
    const length = this.int();
    return length < 0 ? null : this.raw(length);
  }

  /** [value]: -1 is null, -2 is "not set". */
  value(): Bound {
    const length = this.int();
    if (length === -1) return null;
    if (length === -2) return unset;
    if (length < 0) throw protocolError(`Invalid ByteBuf length ${length}`);
    return this.raw(length);
  }

  stringMap(): Map<string, string> {
    const count = this.short();
    const map = new Map<string, string>();
    for (let at = 0; at < count; at++) {
      const key = this.string();
      map.set(key, this.string());
    }
    return map;
  }

  stringList(): string[] {
    const count = this.short();
    const list: string[] = [];
    for (let at = 0; at < count; at++) list.push(this.string());
    return list;
  }

  bytesMap(): Map<string, Buffer | null> {
    const count = this.short();
    const map = new Map<string, Buffer | null>();
    for (let at = 0; at < count; at++) {
      const key = this.string();
      map.set(key, this.optionalBytes());
    }
    return map;
  }
}
