import { type FileHandle, open } from "node:fs/promises";
import { latin1 } from "../data/latin1.js";

/** Why reading ended: at the end of the file, or before it, in the middle of a request. */
export type LogEnd =
  | { readonly kind: "whole" }
  | { readonly kind: "torn" }
  | { readonly kind: "damaged"; readonly at: number };

const pieceBytes = 1 << 20;
/** How long reading may hold the process before others get their turn. */
const turnMs = 25;

class Torn extends Error {}
class Damaged extends Error {}

/** Bytes of a file from a place on, as a window that moves. */
class Window {
  readonly #file: FileHandle;
  #bytes: Buffer = Buffer.alloc(0);
  /** Place of the window's first byte in the file. */
  #start: number;
  #ended = false;

  constructor(file: FileHandle, start: number) {
    this.#file = file;
    this.#start = start;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get start(): number {
    return this.#start;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Drops what lies before a place of the window, and reads more behind it. */
  async advance(used: number): Promise<void> {
    const rest = this.#bytes.subarray(used);
    this.#start += used;
    const more = Buffer.allocUnsafe(Math.max(pieceBytes, rest.length));
    const { bytesRead } = await this.#file.read(more, 0, more.length, this.#start + rest.length);
    this.#ended = bytesRead === 0;
    this.#bytes = rest.length === 0 ? more.subarray(0, bytesRead) : Buffer.concat([rest, more.subarray(0, bytesRead)]);
  }
}

/** Reads a number and its line end; gives the number and the place behind. */
function number(bytes: Buffer, from: number): { value: number; next: number } {
  let at = from;
  let value = 0;
  while (at < bytes.length && at - from < 12) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    at++;
  }
  if (at + 1 >= bytes.length) throw new Torn();
  if (at === from || bytes[at] !== 13 || bytes[at + 1] !== 10) throw new Damaged();
  return { value, next: at + 2 };
}

/** One request; undefined for an annotation, which is passed over. */
function request(bytes: Buffer, from: number): { args: string[] | undefined; next: number } {
  if (bytes[from] === 35) {
    const newline = bytes.indexOf(10, from);
    if (newline < 0) throw new Torn();
    return { args: undefined, next: newline + 1 };
  }
  if (bytes[from] !== 42) throw new Damaged();
  const count = number(bytes, from + 1);
  if (count.value < 1) throw new Damaged();
  let at = count.next;
  const args: string[] = [];
  for (let i = 0; i < count.value; i++) {
    if (at >= bytes.length) throw new Torn();
    if (bytes[at] !== 36) throw new Damaged();
    const { value: length, next } = number(bytes, at + 1);
    if (next + length + 2 > bytes.length) throw new Torn();
    args.push(latin1(bytes, next, next + length));
    if (bytes[next + length] !== 13 || bytes[next + length + 1] !== 10) throw new Damaged();
    at = next + length + 2;
  }
  return { args, next: at };
}

/**
 * Reads the requests of an append-only file from a place on, and hands each over with the place behind it. Other work
 * of the process gets its turns.
 */
export async function readLog(
  path: string,
  from: number,
  take: (args: string[], end: number) => void,
): Promise<LogEnd> {
  const file = await open(path, "r");
  try {
    const window = new Window(file, from);
    await window.advance(0);
    let at = 0;
    let turn = performance.now();
    let count = 0;
    while (true) {
      if (at >= window.bytes.length) {
        await window.advance(at);
        at = 0;
        if (window.bytes.length === 0) return { kind: "whole" };
      }
      try {
        const { args, next } = request(window.bytes, at);
        at = next;
        if (args !== undefined) take(args, window.start + at);
      } catch (error) {
        if (error instanceof Damaged) return { kind: "damaged", at: window.start + at };
        if (!(error instanceof Torn)) throw error;
        await window.advance(at);
        at = 0;
        if (window.ended) return { kind: "torn" };
      }
      if ((++count & 63) === 0 && performance.now() - turn > turnMs) {
        await new Promise((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
    }
  } finally {
    await file.close();
  }
}
