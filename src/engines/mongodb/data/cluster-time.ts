import { Timestamp } from "bson";
import type { EngineClock } from "../../engine.js";

/** A client may move the time forward by at most this many seconds, as in MongoDB (maxAcceptableLogicalClockDriftSecs). */
const maxDriftSeconds = 31_536_000;

/**
 * The logical clock of the one-node replica set: seconds and a counter, one step for each write. Its part of a reply is
 * kept as bytes and patched when the time moves.
 */
export class ClusterTime {
  readonly #clock: EngineClock;
  #seconds: number;
  #increment = 1;
  #tail: Buffer | undefined;
  readonly #template: Buffer;
  readonly #places: number[];

  constructor(clock: EngineClock) {
    this.#clock = clock;
    this.#seconds = Math.floor(clock.now() / 1000) >>> 0;
    const name = (type: number, text: string): Buffer => Buffer.from(`${String.fromCharCode(type)}${text}\0`, "latin1");
    const time = Buffer.alloc(8);
    const int32 = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      return bytes;
    };
    const document = (...parts: Buffer[]): Buffer => {
      const body = Buffer.concat([...parts, Buffer.from([0])]);
      return Buffer.concat([int32(body.length + 4), body]);
    };
    const signature = document(
      name(5, "hash"),
      int32(20),
      Buffer.from([0]),
      Buffer.alloc(20),
      name(0x12, "keyId"),
      Buffer.alloc(8),
    );
    const inner = document(name(0x11, "clusterTime"), time, name(3, "signature"), signature);
    const first = Buffer.concat([name(3, "$clusterTime"), inner]);
    this.#template = Buffer.concat([first, name(0x11, "operationTime"), time]);
    this.#places = [name(3, "$clusterTime").length + 4 + name(0x11, "clusterTime").length, this.#template.length - 8];
  }

  /** A write happened. */
  tick(): void {
    const now = Math.floor(this.#clock.now() / 1000) >>> 0;
    if (now > this.#seconds) {
      this.#seconds = now;
      this.#increment = 1;
    } else this.#increment++;
    this.#tail = undefined;
  }

  /** A client has seen this time, on this node or before its restart; time never goes back for it. */
  witness(time: Timestamp): void {
    const seconds = time.getHighBits() >>> 0;
    const increment = time.getLowBits() >>> 0;
    if (seconds < this.#seconds || (seconds === this.#seconds && increment <= this.#increment)) return;
    if (seconds - Math.floor(this.#clock.now() / 1000) > maxDriftSeconds) return;
    this.#seconds = seconds;
    this.#increment = increment;
    this.#tail = undefined;
  }

  now(): Timestamp {
    return new Timestamp({ t: this.#seconds, i: this.#increment });
  }

  /** `$clusterTime` and `operationTime` as the last fields of a reply. */
  replyTail(): Buffer {
    if (this.#tail === undefined) {
      const tail = Buffer.from(this.#template);
      for (const place of this.#places) {
        tail.writeUInt32LE(this.#increment >>> 0, place);
        tail.writeUInt32LE(this.#seconds, place + 4);
      }
      this.#tail = tail;
    }
    return this.#tail;
  }
}
