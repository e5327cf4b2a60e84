import { CompactStrings, longestKey, longestValue } from "./compact-strings.js";
import { Entry, sizeOfEntry, TYPE_STRING, type TypeNumber } from "./entry.js";
import { NOWHERE, StringIndex } from "./string-index.js";

/** Whether a string that does not expire may be held as a compact one. */
export function isShort(key: string, value: string): boolean {
  return key.length <= longestKey && value.length <= longestValue;
}

/** What a compact string is counted with, its places in the order and the index included. */
function compactBytes(length: number): number {
  return 48 + length;
}

/**
 * The entries of a database by their keys, and all of them in one dense order (see `scanDown`). Short strings that do
 * not expire have no {@link Entry} until somebody asks for one: they lie in {@link CompactStrings}. What the index gives
 * for a key is an entry's place in the order, or below -1 a compact string's reference.
 */
export class Entries extends StringIndex {
  readonly #dense: (Entry | number)[] = [];
  readonly #compact = new CompactStrings((key, from, to) => {
    this.#dense[this.#compact.place(to)] = to;
    this.move(key, from, to);
  });
  /** Estimated memory of all entries. */
  bytes = 0;

  get size(): number {
    return this.#dense.length;
  }

  /** Bytes of the buffers in which compact strings lie, free room included. */
  get heldBytes(): number {
    return this.#compact.heldBytes;
  }

  /** Bytes of those buffers that removed strings leave unused. */
  get freeBytes(): number {
    return this.#compact.freeBytes;
  }

  protected holds(ref: number, key: string): boolean {
    return ref >= 0 ? (this.#dense[ref] as Entry).key === key : this.#compact.hasKey(ref, key);
  }

  has(key: string): boolean {
    return this.find(key) !== NOWHERE;
  }

  /** The entry of a key; a compact string becomes one, so that it can be changed. */
  get(key: string): Entry | undefined {
    const ref = this.find(key);
    if (ref >= 0) return this.#dense[ref] as Entry;
    return ref === NOWHERE ? undefined : this.#unpack(key, ref);
  }

  /** The entry of a key for reading: of a compact string a copy. */
  look(key: string): Entry | undefined {
    const ref = this.find(key);
    if (ref >= 0) return this.#dense[ref] as Entry;
    return ref === NOWHERE ? undefined : this.#copy(key, ref);
  }

  /** The entry that {@link find} gave as a place. */
  entry(place: number): Entry {
    return this.#dense[place] as Entry;
  }

  /** The entry at a place of the order; of a compact string a copy, for reading and for {@link delete}. */
  at(place: number): Entry {
    const one = this.#dense[place]!;
    return typeof one === "number" ? this.#copy(this.#compact.key(one), one) : one;
  }

  /** The same as an entry that stays the key's. */
  unpackedAt(place: number): Entry {
    const one = this.#dense[place]!;
    return typeof one === "number" ? this.#unpack(this.#compact.key(one), one) : one;
  }

  keyAt(place: number): string {
    const one = this.#dense[place]!;
    return typeof one === "number" ? this.#compact.key(one) : one.key;
  }

  typeAt(place: number): TypeNumber {
    const one = this.#dense[place]!;
    return typeof one === "number" ? TYPE_STRING : one.type;
  }

  /** {@link Entry.expireAt}. */
  expiryAt(place: number): number {
    const one = this.#dense[place]!;
    return typeof one === "number" ? 0 : one.expireAt;
  }

  #copy(key: string, ref: number): Entry {
    const compact = this.#compact;
    const entry = new Entry(key, TYPE_STRING, compact.value(ref), compact.access(ref));
    entry.index = compact.place(ref);
    entry.bytes = compactBytes(compact.length(ref));
    return entry;
  }

  #unpack(key: string, ref: number): Entry {
    const entry = this.#copy(key, ref);
    this.#dense[entry.index] = entry;
    this.move(key, ref, entry.index);
    this.#compact.remove(ref);
    this.account(entry);
    return entry;
  }

  /** Counts an entry's memory anew. */
  account(entry: Entry): void {
    const bytes = sizeOfEntry(entry);
    this.bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  /** The value of a compact string. */
  text(ref: number): string {
    return this.#compact.value(ref);
  }

  access(ref: number): number {
    return this.#compact.access(ref);
  }

  setAccess(ref: number, access: number): void {
    this.#compact.setAccess(ref, access);
  }

  /**
   * Sets a key to a compact string in place of what {@link find} gave for it: nothing, a compact string, or a string's
   * entry that does not expire. They must be short ({@link isShort}).
   */
  setText(ref: number, key: string, value: string, access: number): void {
    const compact = this.#compact;
    this.bytes += compactBytes(key.length + value.length);
    if (ref === NOWHERE) {
      const place = this.#dense.length;
      const made = compact.add(key, value, place, access);
      this.#dense.push(made);
      this.add(key, made);
      return;
    }
    if (ref >= 0) {
      const entry = this.#dense[ref] as Entry;
      const made = compact.add(key, value, ref, access);
      this.#dense[ref] = made;
      this.move(key, ref, made);
      this.bytes -= entry.bytes;
      entry.bytes = 0;
      return;
    }
    this.bytes -= compactBytes(compact.length(ref));
    if (compact.overwrite(ref, value, access)) return;
    const place = compact.place(ref);
    const made = compact.add(key, value, place, access);
    this.#dense[place] = made;
    this.move(key, ref, made);
    // Last, as it may move others.
    compact.remove(ref);
  }

  /** Adds to a compact string that is an integer ({@link CompactStrings.count}); NaN when nothing was done. */
  count(ref: number, by: number): number {
    const before = this.#compact.length(ref);
    const sum = this.#compact.count(ref, by);
    this.bytes += this.#compact.length(ref) - before;
    return sum;
  }

  /** Takes in an entry whose key is not there. */
  insert(entry: Entry): void {
    entry.index = this.#dense.length;
    this.#dense.push(entry);
    this.add(entry.key, entry.index);
  }

  /** Takes an entry out, and counts it no more; the last one gets its place. */
  delete(entry: Entry): void {
    const dense = this.#dense;
    const held = dense[entry.index]!;
    this.remove(entry.key, typeof held === "number" ? held : entry.index);
    const last = dense.pop()!;
    if (last !== held) {
      dense[entry.index] = last;
      if (typeof last === "number") this.#compact.setPlace(last, entry.index);
      else {
        this.move(last.key, last.index, entry.index);
        last.index = entry.index;
      }
    }
    this.bytes -= entry.bytes;
    entry.bytes = 0;
    if (typeof held === "number") this.#compact.remove(held);
  }
}
