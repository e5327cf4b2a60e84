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

/** Beyond so many pages, those are given back of which most is free. */
const sparePages = 4;

function unitsFor(keyLength: number, valueLength: number): number {
  return (headBytes + keyLength + valueLength + unitBytes - 1) >> 4;
}

/**
 * Short strings with their keys, as bytes side by side in large buffers: a lookup touches one place in memory, where
 * objects for entry, key and value would be three, and the garbage collector sees none of it. A reference to a record
 * is a number below -1, so that it cannot be taken for a place in an array. Freed records are used again by those of
 * the same size.
 */
export class CompactStrings {
  #words: Int32Array[] = [];
  #bytes: Buffer[] = [];
  /** Where the unused rest of the last page begins, in units from the first page on. */
  #next = 0;
  #end = 0;
  /** For each size in units the last freed record, whose first word tells the one before it. */
  #free: number[] = [];
  #liveUnits = 0;

  /** Bytes of all pages. */
  get heldBytes(): number {
    return this.#end * unitBytes;
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

  remove(ref: number): void {
    const unit = -2 - ref;
    const words = this.#words[unit >> pageShift]!;
    const word = (unit & pageMask) << 2;
    const sizes = words[word + 2]!;
    const units = unitsFor(sizes & 255, sizes >> 8);
    this.#liveUnits -= units;
    if (this.#liveUnits === 0) {
      this.#words = [];
      this.#bytes = [];
      this.#next = 0;
      this.#end = 0;
      this.#free = [];
      return;
    }
    words[word] = this.#free[units] ?? none;
    this.#free[units] = unit;
  }

  /** Whether so little of the pages is in use that it should be moved together (see {@link moveTo}). */
  get sparse(): boolean {
    return this.#words.length > sparePages && this.#liveUnits * 8 < this.#end;
  }

  /** Copies a record to another store, and gives its reference there. */
  moveTo(other: CompactStrings, ref: number): number {
    return other.add(this.key(ref), this.value(ref), this.place(ref), this.access(ref));
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
    this.#liveUnits += units;
    const free = this.#free[units] ?? none;
    if (free !== none) {
      this.#free[units] = this.#words[free >> pageShift]![(free & pageMask) << 2]!;
      return free;
    }
    if (this.#next + units > this.#end) {
      const page = Buffer.allocUnsafeSlow(pageUnits * unitBytes);
      this.#bytes.push(page);
      this.#words.push(new Int32Array(page.buffer, 0, pageUnits << 2));
      this.#next = this.#end;
      this.#end += pageUnits;
    }
    const unit = this.#next;
    this.#next += units;
    return unit;
  }
}

/** Up to so many bytes are written one by one, which spares a call out of the compiled code. */
const shortText = 80;

function write(bytes: Buffer, at: number, text: string): void {
  if (text.length > shortText) bytes.latin1Write(text, at);
  else for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
