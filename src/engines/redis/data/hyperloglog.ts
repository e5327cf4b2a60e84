import { Bytes } from "./bytes.js";
import { latin1 } from "./latin1.js";
import { murmur64 } from "./murmur.js";

/*
 * HyperLogLog in Redis' own bytes, so that a string made here reads the same there: a header of 16 bytes ("HYLL", the
 * encoding, a cached estimate) and 16,384 registers, either 6 bits each (dense) or in runs (sparse).
 */

const registers = 16_384;
const headerBytes = 16;
export const denseBytes = headerBytes + (registers * 6) / 8;
const indexBits = 14;
/** Bits of the hash that are left for the pattern. */
const patternBits = 50;
const dense = 0;
const sparse = 1;
const maxSparseValue = 32;
const maxZeroRun = 64;
const maxValueRun = 4;

/** An empty one. */
export function emptyHll(): Bytes {
  const data = Buffer.alloc(headerBytes + 2);
  data.write("HYLL", 0, "latin1");
  data[4] = sparse;
  // One run of zeros over all registers.
  data[headerBytes] = 0x40 | ((registers - 1) >> 8);
  data[headerBytes + 1] = (registers - 1) & 255;
  return new Bytes(data);
}

/** Whether bytes have the form of a HyperLogLog. */
export function isHll(bytes: Buffer): boolean {
  if (bytes.length < headerBytes || latin1(bytes, 0, 4) !== "HYLL") return false;
  if (bytes[4]! > sparse) return false;
  return bytes[4] !== dense || bytes.length === denseBytes;
}

export function isDense(bytes: Bytes): boolean {
  return bytes.data[4] === dense;
}

/** The register that an element falls on, and the length of its pattern. */
function pattern(element: string): { index: number; count: number } {
  const { high, low } = murmur64(element);
  const index = low & (registers - 1);
  // The 50 bits above the index, with a 1 above them all so that the count ends.
  const restLow = (low >>> indexBits) | (high << (32 - indexBits));
  const restHigh = (high >>> indexBits) | (1 << (patternBits - 32));
  let count = 1;
  if (restLow !== 0) count += 31 - Math.clz32(restLow & -restLow);
  else count += 32 + 31 - Math.clz32(restHigh & -restHigh);
  return { index, count };
}

function denseGet(data: Buffer, index: number): number {
  const bit = index * 6;
  const at = headerBytes + (bit >> 3);
  const shift = bit & 7;
  return ((data[at]! | ((data[at + 1] ?? 0) << 8)) >> shift) & 63;
}

function densePut(data: Buffer, index: number, value: number): void {
  const bit = index * 6;
  const at = headerBytes + (bit >> 3);
  const shift = bit & 7;
  data[at] = (data[at]! & ~(63 << shift)) | (value << shift);
  if (shift > 2) data[at + 1] = (data[at + 1]! & ~(63 >> (8 - shift))) | (value >> (8 - shift));
}

/** Calls for each run of registers; false when the bytes are corrupt. */
function eachRun(bytes: Bytes, visit: (from: number, length: number, value: number) => void): boolean {
  const { data, length } = bytes;
  if (data[4] === dense) {
    for (let i = 0; i < registers; i++) visit(i, 1, denseGet(data, i));
    return true;
  }
  let index = 0;
  for (let at = headerBytes; at < length; ) {
    const op = data[at]!;
    let run: number;
    let value = 0;
    if (op & 0x80) {
      value = ((op >> 2) & 31) + 1;
      run = (op & 3) + 1;
      at++;
    } else if (op & 0x40) {
      if (at + 1 >= length) return false;
      run = (((op & 63) << 8) | data[at + 1]!) + 1;
      at += 2;
    } else {
      run = (op & 63) + 1;
      at++;
    }
    if (index + run > registers) return false;
    visit(index, run, value);
    index += run;
  }
  return index === registers;
}

/** Turns the runs into registers; false when the bytes are corrupt. */
export function toDense(bytes: Bytes): boolean {
  if (bytes.data[4] === dense) return true;
  const out = Buffer.alloc(denseBytes);
  bytes.data.copy(out, 0, 0, headerBytes);
  out[4] = dense;
  const sound = eachRun(bytes, (from, length, value) => {
    if (value > 0) for (let i = 0; i < length; i++) densePut(out, from + i, value);
  });
  if (!sound) return false;
  bytes.data = out;
  bytes.length = denseBytes;
  return true;
}

function denseSet(bytes: Bytes, index: number, count: number): boolean {
  if (denseGet(bytes.data, index) >= count) return false;
  densePut(bytes.data, index, count);
  return true;
}

function zeroRun(out: number[], length: number): void {
  if (length > maxZeroRun) out.push(0x40 | ((length - 1) >> 8), (length - 1) & 255);
  else out.push(length - 1);
}

function valueRun(out: number[], value: number, length: number): void {
  out.push(0x80 | ((value - 1) << 2) | (length - 1));
}

/** Raises a register; tells whether it was lower, undefined when the bytes are corrupt. */
function setRegister(bytes: Bytes, index: number, count: number, maxBytes: number): boolean | undefined {
  if (bytes.data[4] === dense) return denseSet(bytes, index, count);
  const promote = (): boolean | undefined => (toDense(bytes) ? denseSet(bytes, index, count) : undefined);
  if (count > maxSparseValue) return promote();
  let { data } = bytes;
  let first = 0;
  let at = headerBytes;
  let before = -1;
  let run = 0;
  let width = 1;
  while (at < bytes.length) {
    const op = data[at]!;
    width = 1;
    if (op & 0x80) run = (op & 3) + 1;
    else if (op & 0x40) {
      if (at + 1 >= bytes.length) return undefined;
      run = (((op & 63) << 8) | data[at + 1]!) + 1;
      width = 2;
    } else run = (op & 63) + 1;
    if (index < first + run) break;
    before = at;
    at += width;
    first += run;
  }
  if (at >= bytes.length) return undefined;
  const op = data[at]!;
  const value = op & 0x80 ? ((op >> 2) & 31) + 1 : 0;
  if (value >= count) return false;
  const made: number[] = [];
  const ahead = index - first;
  const behind = first + run - 1 - index;
  if (ahead > 0) {
    if (value > 0) valueRun(made, value, ahead);
    else zeroRun(made, ahead);
  }
  valueRun(made, count, 1);
  if (behind > 0) {
    if (value > 0) valueRun(made, value, behind);
    else zeroRun(made, behind);
  }
  const delta = made.length - width;
  if (delta > 0 && bytes.length + delta > maxBytes) return promote();
  const oldLength = bytes.length;
  if (delta > 0) {
    bytes.grow(oldLength + delta);
    data = bytes.data;
  }
  if (delta !== 0) data.copyWithin(at + made.length, at + width, oldLength);
  bytes.length = oldLength + delta;
  for (let i = 0; i < made.length; i++) data[at + i] = made[i]!;
  mergeRuns(bytes, before >= 0 ? before : headerBytes);
  return true;
}

/** Joins equal neighbours among the few runs from a place on. */
function mergeRuns(bytes: Bytes, from: number): void {
  const { data } = bytes;
  let at = from;
  for (let left = 5; left > 0 && at < bytes.length; left--) {
    const op = data[at]!;
    if (!(op & 0x80)) {
      at += op & 0x40 ? 2 : 1;
      continue;
    }
    const next = at + 1 < bytes.length ? data[at + 1]! : 0;
    if (next & 0x80 && (next & 0x7c) === (op & 0x7c)) {
      const length = (op & 3) + (next & 3) + 2;
      if (length <= maxValueRun) {
        data[at] = 0x80 | (op & 0x7c) | (length - 1);
        data.copyWithin(at + 1, at + 2, bytes.length);
        bytes.length--;
        data[bytes.length] = 0;
        continue;
      }
    }
    at++;
  }
}

/** Adds an element; tells whether a register rose, undefined when the bytes are corrupt. */
export function addElement(bytes: Bytes, element: string, maxBytes: number): boolean | undefined {
  const { index, count } = pattern(element);
  return setRegister(bytes, index, count, maxBytes);
}

/** Raises registers to those of another; false when its bytes are corrupt. */
export function mergeInto(target: Uint8Array, bytes: Bytes): boolean {
  return eachRun(bytes, (from, length, value) => {
    if (value > 0) for (let i = from; i < from + length; i++) if (target[i]! < value) target[i] = value;
  });
}

/** Raises the registers of a HyperLogLog. */
export function raise(bytes: Bytes, values: Uint8Array, maxBytes: number): void {
  for (let i = 0; i < registers; i++) if (values[i]! > 0) setRegister(bytes, i, values[i]!, maxBytes);
}

export function newRegisters(): Uint8Array {
  return new Uint8Array(registers);
}

export function registersOf(bytes: Bytes): number[] {
  return Array.from({ length: registers }, (_, i) => denseGet(bytes.data, i));
}

/** The cached estimate is no longer true. */
export function invalidate(bytes: Bytes): void {
  bytes.data[15]! |= 0x80;
}

function sigma(x0: number): number {
  if (x0 === 1) return Number.POSITIVE_INFINITY;
  let x = x0;
  let y = 1;
  let z = x;
  let before: number;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before !== z);
  return z;
}

function tau(x0: number): number {
  if (x0 === 0 || x0 === 1) return 0;
  let x = x0;
  let y = 1;
  let z = 1 - x;
  let before: number;
  do {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  } while (before !== z);
  return z / 3;
}

/** Otmar Ertl's estimator from how many registers have each value: https://arxiv.org/abs/1702.01284 */
function estimateFrom(histogram: readonly number[]): number {
  const m = registers;
  let z = m * tau((m - histogram[patternBits + 1]!) / m);
  for (let j = patternBits; j >= 1; j--) {
    z += histogram[j]!;
    z *= 0.5;
  }
  z += m * sigma(histogram[0]! / m);
  return Math.round((0.7213475204444817 * m * m) / z);
}

export function estimateOf(values: Uint8Array): number {
  const histogram = new Array<number>(64).fill(0);
  for (const value of values) histogram[value]!++;
  return estimateFrom(histogram);
}

/** The estimate, from the cache where that is true (then `fresh` is false); undefined when the bytes are corrupt. */
export function estimate(bytes: Bytes): { count: number; fresh: boolean } | undefined {
  const { data } = bytes;
  if (!(data[15]! & 0x80)) return { count: Number(data.readBigUInt64LE(8)), fresh: false };
  const histogram = new Array<number>(64).fill(0);
  const sound = eachRun(bytes, (_, length, value) => {
    histogram[value]! += length;
  });
  if (!sound) return undefined;
  const count = estimateFrom(histogram);
  data.writeBigUInt64LE(BigInt(count), 8);
  return { count, fresh: true };
}

/** The runs in words, for PFDEBUG DECODE. */
export function decodeRuns(bytes: Bytes): string {
  const out: string[] = [];
  eachRun(bytes, (_, length, value) => {
    if (value > 0) out.push(`v:${value},${length}`);
    else out.push(`${length > maxZeroRun ? "Z" : "z"}:${length}`);
  });
  return out.join(" ");
}
