import { latin1 } from "./latin1.js";

/** The longest key and value that are held this way; a record's sizes stand in one word. */
export const longestKey = 255;
export const longestValue = 1000;

/** Records begin at multiples of so many bytes, and take a whole number of them. */
const unitBytes = 16;
/** Units of a page, as a power of two: a megabyte. Growing by pages moves nothing. */
const pageShift = 16;
const pageUnits = 1 << pageShift;
const pageMask = pageUnits - 1;
/** The words before the bytes: the place in the database's order, the access mark, the sizes. */
const headBytes = 12;
/** No reference, and no place. */
const none = -1;

/** Stands in the sizes of a record that was removed: such numbers are below 0. */
const freed = 1 << 31;
const lengthMask = 1023;

/** In place of pages that were given back. */
const noWords = new Int32Array(0);
const noBytes = Buffer.alloc(0);

function unitsFor(keyLength: number, valueLength: number): number {
  return (headBytes + keyLength + valueLength + unitBytes - 1) >> 4;
}

/** Tells that a record has got another reference. */
type Moved = (key: string, from: number, to: number) => void;

/**
 * Short strings with their keys, as bytes side by side in large buffers: a lookup touches one place in memory, where
 * objects for entry, key and value would be three, and the garbage collector sees none of it. A reference to a record
 * is a number below -1, so that it cannot be taken for a place in an array. Freed records are used again by those of
 * the same size. Of each full page at least half is in use: what is left in a page below that moves to others, page by
 * page, so that no call takes long. Hence removing a record may change the references of others.
 */
export class CompactStrings {
  readonly #moved: Moved;
  readonly #words: Int32Array[] = [];
  readonly #bytes: Buffer[] = [];
  /** For each page its units in use. */
  readonly #live: number[] = [];
  /** For each full page where its records end, in units; 0 for one that was given back, and the one being filled. */
  readonly #filled: number[] = [];
  /** The pages that were given back. */
  readonly #unused: number[] = [];
  /** Full pages that may be less than half in use. */
  readonly #sparse: number[] = [];
  /** The page being filled, and where its unused rest begins. */
  #page = none;
  #next = pageUnits;
  /**
   * For each size in units the last freed record. The first word of one tells the one freed before it, the second,
   * except in the last, the one freed after it.
   */
  readonly #free: number[] = [];

  constructor(moved: Moved) {
    this.#moved = moved;
  }

  /** Bytes of all pages. */
  get heldBytes(): number {
    return (this.#words.length - this.#unused.length) * pageUnits * unitBytes;
  }

  /** Bytes that removed records leave unused. */
  get freeBytes(): number {
    let units = this.#page === none ? 0 : this.#next;
    for (const filled of this.#filled) units += filled;
    for (const live of this.#live) units -= live;
    return units * unitBytes;
  }

  /** Adds a record; the key and the value must be short enough. */
  add(key: string, value: string, place: number, access: number): number {
    const units = unitsFor(key.length, value.length);
    const unit = this.#take(units);
    const words = this.#words[unit >> pageShift]!;
    const word = (unit & pageMask) << 2;
    words[word] = place;
    words[word + 1] = access;
    words[word + 2] = (value.length << 8) | key.length;
    const bytes = this.#bytes[unit >> pageShift]!;
    const at = ((unit & pageMask) << 4) + headBytes;
    write(bytes, at, key);
    write(bytes, at + key.length, value);
    return -2 - unit;
  }

  /** Gives a record another value where it stands; false when it does not fit there. */
  overwrite(ref: number, value: string, access: number): boolean {
    const unit = -2 - ref;
    const words = this.#words[unit >> pageShift]!;
    const word = (unit & pageMask) << 2;
    const sizes = words[word + 2]!;
    const keyLength = sizes & 255;
    if (unitsFor(keyLength, sizes >> 8) !== unitsFor(keyLength, value.length)) return false;
    words[word + 1] = access;
    words[word + 2] = (value.length << 8) | keyLength;
    write(this.#bytes[unit >> pageShift]!, ((unit & pageMask) << 4) + headBytes + keyLength, value);
    return true;
  }

  /**
   * Adds to a value that is an integer in its canonical form, where it stands; NaN when nothing was done, since it is
   * none, does not fit there, or might not be exact.
   */
  count(ref: number, by: number): number {
    const unit = -2 - ref;
    const words = this.#words[unit >> pageShift]!;
    const word = (unit & pageMask) << 2;
    const sizes = words[word + 2]!;
    const keyLength = sizes & 255;
    const bytes = this.#bytes[unit >> pageShift]!;
    const at = ((unit & pageMask) << 4) + headBytes + keyLength;
    const sum = integerAt(bytes, at, sizes >> 8) + by;
    if (!(sum > -exactBelow && sum < exactBelow)) return Number.NaN;
    const length = integerLength(sum);
    if (unitsFor(keyLength, sizes >> 8) !== unitsFor(keyLength, length)) return Number.NaN;
    words[word + 2] = (length << 8) | keyLength;
    writeInteger(bytes, at, length, sum);
    return sum;
  }

  remove(ref: number): void {
    const unit = -2 - ref;
    const page = unit >> pageShift;
    const words = this.#words[page]!;
    const word = (unit & pageMask) << 2;
    const sizes = words[word + 2]!;
    const units = unitsFor(sizes & 255, sizes >> 8);
    const last = this.#free[units] ?? none;
    words[word] = last;
    words[word + 2] = sizes | freed;
    if (last !== none) this.#words[last >> pageShift]![((last & pageMask) << 2) + 1] = unit;
    this.#free[units] = unit;
    this.#live[page]! -= units;
    if (page === this.#page) {
      if (this.#live[page] === 0) {
        // A database whose strings come and go one by one lives in the same bytes.
        this.#forgetFreed(page, this.#next);
        this.#next = 0;
      }
    } else if (this.#isSparse(page)) this.#sparse.push(page);
    for (let one = this.#sparse.pop(); one !== undefined; one = this.#sparse.pop()) {
      if (this.#isSparse(one)) this.#giveBack(one);
    }
  }

  #isSparse(page: number): boolean {
    return this.#live[page]! * 2 < this.#filled[page]!;
  }

  /** Takes the freed records of a page out of their lists. */
  #forgetFreed(page: number, end: number): void {
    const words = this.#words[page]!;
    for (let at = 0, units = 0; at < end; at += units) {
      const word = at << 2;
      const sizes = words[word + 2]!;
      units = unitsFor(sizes & 255, (sizes >> 8) & lengthMask);
      if (sizes >= 0) continue;
      const unit = (page << pageShift) + at;
      const before = words[word]!;
      const after = words[word + 1]!;
      if (this.#free[units] === unit) this.#free[units] = before;
      else this.#words[after >> pageShift]![(after & pageMask) << 2] = before;
      if (before !== none) this.#words[before >> pageShift]![((before & pageMask) << 2) + 1] = after;
    }
  }

  /** Moves the records of a full page to others. */
  #giveBack(page: number): void {
    const words = this.#words[page]!;
    const end = this.#filled[page]!;
    this.#forgetFreed(page, end);
    for (let at = 0, units = 0; at < end; at += units) {
      const word = at << 2;
      const sizes = words[word + 2]!;
      units = unitsFor(sizes & 255, (sizes >> 8) & lengthMask);
      if (sizes < 0) continue;
      const unit = this.#take(units);
      const to = this.#words[unit >> pageShift]!;
      const toWord = (unit & pageMask) << 2;
      for (let i = 0; i < units << 2; i++) to[toWord + i] = words[word + i]!;
      const ref = -2 - unit;
      this.#moved(this.key(ref), -2 - ((page << pageShift) + at), ref);
    }
    this.#words[page] = noWords;
    this.#bytes[page] = noBytes;
    this.#live[page] = 0;
    this.#filled[page] = 0;
    this.#unused.push(page);
  }

  hasKey(ref: number, key: string): boolean {
    const unit = -2 - ref;
    if ((this.#words[unit >> pageShift]![((unit & pageMask) << 2) + 2]! & 255) !== key.length) return false;
    const bytes = this.#bytes[unit >> pageShift]!;
    const at = ((unit & pageMask) << 4) + headBytes;
    for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  key(ref: number): string {
    const unit = -2 - ref;
    const at = ((unit & pageMask) << 4) + headBytes;
    return latin1(this.#bytes[unit >> pageShift]!, at, at + (this.#sizes(unit) & 255));
  }

  value(ref: number): string {
    const unit = -2 - ref;
    const sizes = this.#sizes(unit);
    const from = ((unit & pageMask) << 4) + headBytes + (sizes & 255);
    return latin1(this.#bytes[unit >> pageShift]!, from, from + (sizes >> 8));
  }

  /** Bytes of the key and the value together. */
  length(ref: number): number {
    const sizes = this.#sizes(-2 - ref);
    return (sizes & 255) + (sizes >> 8);
  }

  place(ref: number): number {
    const unit = -2 - ref;
    return this.#words[unit >> pageShift]![(unit & pageMask) << 2]!;
  }

  setPlace(ref: number, place: number): void {
    const unit = -2 - ref;
    this.#words[unit >> pageShift]![(unit & pageMask) << 2] = place;
  }

  access(ref: number): number {
    const unit = -2 - ref;
    return this.#words[unit >> pageShift]![((unit & pageMask) << 2) + 1]!;
  }

  setAccess(ref: number, access: number): void {
    const unit = -2 - ref;
    this.#words[unit >> pageShift]![((unit & pageMask) << 2) + 1] = access;
  }

  #sizes(unit: number): number {
    return this.#words[unit >> pageShift]![((unit & pageMask) << 2) + 2]!;
  }

  /** Room for a record. */
  #take(units: number): number {
    let unit = this.#free[units] ?? none;
    if (unit !== none) this.#free[units] = this.#words[unit >> pageShift]![(unit & pageMask) << 2]!;
    else {
      if (this.#next + units > pageUnits) this.#openPage();
      unit = (this.#page << pageShift) + this.#next;
      this.#next += units;
    }
    this.#live[unit >> pageShift]! += units;
    return unit;
  }

  /** Begins to fill another page. */
  #openPage(): void {
    const full = this.#page;
    if (full !== none) {
      this.#filled[full] = this.#next;
      // Its records move with the next removal: whoever adds one may hold a reference.
      if (this.#isSparse(full)) this.#sparse.push(full);
    }
    const page = this.#unused.pop() ?? this.#words.length;
    const bytes = Buffer.allocUnsafeSlow(pageUnits * unitBytes);
    this.#bytes[page] = bytes;
    this.#words[page] = new Int32Array(bytes.buffer, 0, pageUnits << 2);
    this.#live[page] = 0;
    this.#filled[page] = 0;
    this.#page = page;
    this.#next = 0;
  }
}

/** Integers below it have at most fifteen digits, and each step of reading and adding them is exact. */
const exactBelow = 1e15;

/** The integer in its canonical form that the bytes are; NaN when they are none, or more than fifteen digits. */
function integerAt(bytes: Buffer, at: number, length: number): number {
  const negative = bytes[at] === 45;
  const from = negative ? at + 1 : at;
  const to = at + length;
  const digits = to - from;
  if (digits < 1 || digits > 15 || (bytes[from] === 48 && (negative || digits > 1))) return Number.NaN;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

function integerLength(value: number): number {
  let length = value < 0 ? 2 : 1;
  for (let rest = Math.abs(value); rest >= 10; length++) rest /= 10;
  return length;
}

function writeInteger(bytes: Buffer, at: number, length: number, value: number): void {
  let rest = Math.abs(value);
  const first = value < 0 ? at + 1 : at;
  for (let i = at + length - 1; i >= first; i--) {
    const above = Math.floor(rest / 10);
    bytes[i] = 48 + rest - above * 10;
    rest = above;
  }
  if (value < 0) bytes[at] = 45;
}

/** Up to so many bytes are written one by one, which spares a call out of the compiled code. */
const shortText = 80;

function write(bytes: Buffer, at: number, text: string): void {
  if (text.length > shortText) bytes.latin1Write(text, at);
  else for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
