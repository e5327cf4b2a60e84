import { latin1 } from "../data/latin1.js";
import { splitArguments } from "./inline.js";

/** What the parser may accept; read anew for each request, for CONFIG SET changes it. */
export interface ParserLimits {
  readonly maxBulkBytes: number;
  /** Before a login requests are kept small: 10 arguments, 16 KiB each. */
  readonly loggedIn: boolean;
}

/** The longest line: an inline request, or the head of an argument. */
const maxLine = 65_536;
const maxArguments = 2_147_483_647;
const none = Buffer.alloc(0);

/** Names of commands as they were spelt, found by their bytes without making a string. */
const nameSlots = 4096;
const names: (string | undefined)[] = new Array(nameSlots).fill(undefined);

function nameAt(bytes: Buffer, from: number, to: number): string {
  let hash = to - from;
  for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  const slot = (hash ^ (hash >>> 12)) & (nameSlots - 1);
  const known = names[slot];
  if (known !== undefined && known.length === to - from) {
    let same = true;
    for (let i = 0; i < known.length; i++) {
      if (known.charCodeAt(i) !== bytes[from + i]) {
        same = false;
        break;
      }
    }
    if (same) return known;
  }
  const name = latin1(bytes, from, to);
  names[slot] = name;
  return name;
}

/**
 * Cuts a stream of chunks into requests, in place: arguments are made from the chunk that holds them, and what is left
 * of an unfinished request is kept for the next chunk. Only bytes that have arrived take memory, whatever a length says.
 * https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server
 */
export class RequestParser {
  #bytes: Buffer = none;
  #at = 0;
  #end = 0;
  /** Arguments still to come of the request that has begun; 0 between requests. */
  #missing = 0;
  #bulk = -1;
  #arguments: string[] = [];
  /** Parts of one large argument that has begun. */
  #large: Buffer[] = [];
  #largeBytes = 0;
  /** Whether the last chunk is still looked at in the memory of whoever gave it. */
  #onLoan = false;
  /** Set when the connection must be closed after this error. */
  error: string | undefined;

  /** Bytes that were taken in and belong to no finished request. */
  get pendingBytes(): number {
    return this.#end - this.#at + this.#largeBytes;
  }

  /** Size of the buffer that is held. */
  get bufferBytes(): number {
    return this.#end + this.#largeBytes;
  }

  /** Takes in a chunk that is the parser's until {@link keep} is called. */
  push(chunk: Buffer): void {
    if (this.#largeBytes > 0) {
      this.#large.push(chunk);
      this.#largeBytes += chunk.length;
      if (this.#largeBytes < this.#bulk + 2) {
        this.#onLoan = true;
        return;
      }
      this.#bytes = Buffer.concat(this.#large, this.#largeBytes);
      this.#large = [];
      this.#largeBytes = 0;
      this.#at = 0;
      this.#end = this.#bytes.length;
      return;
    }
    if (this.#at >= this.#end) {
      this.#bytes = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      this.#onLoan = true;
      return;
    }
    const rest = this.#bytes.subarray(this.#at, this.#end);
    this.#bytes = Buffer.concat([rest, chunk]);
    this.#at = 0;
    this.#end = this.#bytes.length;
  }

  /** Copies what is left of the last chunk, whose memory is about to be used for other bytes. */
  keep(): void {
    if (!this.#onLoan) return;
    this.#onLoan = false;
    if (this.#large.length > 0) {
      const last = this.#large.length - 1;
      this.#large[last] = Buffer.from(this.#large[last]!);
      return;
    }
    if (this.#at >= this.#end) return;
    this.#bytes = Buffer.from(this.#bytes.subarray(this.#at, this.#end));
    this.#end -= this.#at;
    this.#at = 0;
  }

  /** Drops what has come in. */
  clear(): void {
    this.#bytes = none;
    this.#at = 0;
    this.#end = 0;
    this.#large = [];
    this.#largeBytes = 0;
  }

  /** The next whole request, or undefined until more has come (or {@link error} is set). Empty requests are skipped. */
  next(limits: ParserLimits): string[] | undefined {
    while (this.error === undefined && this.#largeBytes === 0) {
      if (this.#missing > 0) return this.#readArguments(limits);
      if (this.#at >= this.#end) {
        // Nothing is kept of a chunk that was read to its end.
        if (this.#end > 0) this.clear();
        return undefined;
      }
      if (this.#bytes[this.#at] !== 42) {
        const line = this.#inline();
        if (line === undefined) return undefined;
        if (line.length === 0) continue;
        return line;
      }
      const count = this.#head("too big mbulk count string");
      if (count === undefined) return undefined;
      if (Number.isNaN(count) || count > maxArguments) return this.#fail("invalid multibulk length");
      if (count > 10 && !limits.loggedIn) return this.#fail("unauthenticated multibulk length");
      if (count <= 0) continue;
      this.#missing = count;
      this.#arguments = [];
      this.#bulk = -1;
    }
    return undefined;
  }

  #fail(message: string): undefined {
    this.error = message;
    return undefined;
  }

  #readArguments(limits: ParserLimits): string[] | undefined {
    const bytes = this.#bytes;
    const args = this.#arguments;
    while (this.#missing > 0) {
      let length = this.#bulk;
      if (length < 0) {
        if (this.#at >= this.#end) return undefined;
        if (bytes[this.#at] !== 36) {
          // Redis looks for the line end before it looks at the type.
          if (bytes.indexOf(13, this.#at) < 0 && this.#end - this.#at <= maxLine) return undefined;
          return this.#fail(`expected '$', got '${String.fromCharCode(bytes[this.#at]!)}'`);
        }
        const head = this.#head("too big bulk count string");
        if (head === undefined) return undefined;
        if (Number.isNaN(head) || head < 0 || head > limits.maxBulkBytes) return this.#fail("invalid bulk length");
        if (head > 16_384 && !limits.loggedIn) return this.#fail("unauthenticated bulk length");
        length = head;
        this.#bulk = head;
      }
      const from = this.#at;
      const to = from + length;
      if (to + 2 > this.#end) {
        if (length > 32_768) {
          // Joined once when whole, in place of once per chunk.
          this.#large = [bytes.subarray(from, this.#end)];
          this.#largeBytes = this.#end - from;
          this.#at = this.#end;
          if (this.#largeBytes === 0) this.#keepEmptyLarge();
        }
        return undefined;
      }
      args.push(args.length === 0 ? nameAt(bytes, from, to) : latin1(bytes, from, to));
      this.#at = to + 2;
      this.#bulk = -1;
      this.#missing--;
    }
    this.#arguments = [];
    return args;
  }

  /** The head of a large argument ended the chunk: nothing to keep yet. */
  #keepEmptyLarge(): void {
    this.#large = [];
    this.#bytes = none;
    this.#at = 0;
    this.#end = 0;
  }

  /** Reads the number of a line like `*3` or `$5`: NaN when it is none, undefined until the line is whole. */
  #head(tooLong: string): number | undefined {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at + 1;
    let value = 0;
    let digits = 0;
    // The quick path: up to nine plain digits and the line end.
    while (at < end && digits < 9) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      digits++;
      at++;
    }
    if (digits > 0 && at + 1 < end && bytes[at] === 13) {
      if (digits > 1 && bytes[this.#at + 1] === 48) {
        this.#at = at + 2;
        return Number.NaN;
      }
      this.#at = at + 2;
      return value;
    }
    const cr = bytes.indexOf(13, this.#at);
    if (cr < 0 || cr >= end) {
      if (end - this.#at > maxLine) this.#fail(tooLong);
      return undefined;
    }
    if (cr + 1 >= end) return undefined;
    const text = latin1(bytes, this.#at + 1, cr);
    this.#at = cr + 2;
    return /^(0|-?[1-9][0-9]{0,18})$/.test(text) ? Number(text) : Number.NaN;
  }

  #inline(): string[] | undefined {
    const newline = this.#bytes.indexOf(10, this.#at);
    if (newline < 0 || newline >= this.#end) {
      if (this.#end - this.#at > maxLine) this.#fail("too big inline request");
      return undefined;
    }
    let to = newline;
    if (to > this.#at && this.#bytes[to - 1] === 13) to--;
    const line = splitArguments(latin1(this.#bytes, this.#at, to));
    if (line === undefined) return this.#fail("unbalanced quotes in request");
    this.#at = newline + 1;
    return line;
  }
}
