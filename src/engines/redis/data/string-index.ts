/** So that nobody can prepare strings that collide. */
const seed = Math.floor(Math.random() * 0x7fff_ffff);

const smallest = 16;

/** A hash of a string's characters (FNV-1a, then the last rounds of murmur3); never 0, which marks a free slot. */
function hashOf(text: string): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

/** What {@link StringIndex.find} gives for a string that is not there. */
export const NOWHERE = -1;

/**
 * Finds by strings where they stand: numbers that mean something to whoever holds them, for instance places in an array.
 * Open addressing over one typed array, which the garbage
 * collector need not look through: a lookup with a string that has just been read costs a third of a Map's, where V8
 * first computes its hash by a call out of the compiled code, and a table of a million keys is no object of its own.
 */
export abstract class StringIndex {
  /** Pairs: a hash, 0 for a free slot, and where the string stands. */
  #slots = new Int32Array(2 * smallest);
  #mask = smallest - 1;
  #count = 0;

  /** Whether this string stands there. */
  protected abstract holds(place: number, text: string): boolean;

  /** Where a string stands, or {@link NOWHERE}. */
  find(text: string): number {
    const hash = hashOf(text);
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const held = slots[2 * slot];
      if (held === hash) {
        const place = slots[2 * slot + 1]!;
        if (this.holds(place, text)) return place;
      } else if (held === 0) return NOWHERE;
    }
  }

  /** Notes where a string stands that is not known yet. */
  add(text: string, place: number): void {
    if (++this.#count * 10 > (this.#mask + 1) * 7) this.#resize(2 * (this.#mask + 1));
    this.#put(hashOf(text), place);
  }

  /** Notes that a string has got another place. */
  move(text: string, from: number, to: number): void {
    this.#slots[2 * this.#slotOf(text, from) + 1] = to;
  }

  /** Forgets a string that stands at a place. */
  remove(text: string, place: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let free = this.#slotOf(text, place);
    // What comes after it and was pushed beyond its own slot moves back, so that no search ends too early.
    for (let slot = (free + 1) & mask; ; slot = (slot + 1) & mask) {
      const hash = slots[2 * slot]!;
      if (hash === 0) break;
      if (((slot - (hash & mask)) & mask) < ((slot - free) & mask)) continue;
      slots[2 * free] = hash;
      slots[2 * free + 1] = slots[2 * slot + 1]!;
      free = slot;
    }
    slots[2 * free] = 0;
    if (--this.#count * 8 < mask + 1 && mask + 1 > smallest) this.#resize((mask + 1) >> 1);
  }

  #slotOf(text: string, place: number): number {
    const hash = hashOf(text);
    const mask = this.#mask;
    let slot = hash & mask;
    while (this.#slots[2 * slot] !== hash || this.#slots[2 * slot + 1] !== place) slot = (slot + 1) & mask;
    return slot;
  }

  #put(hash: number, place: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hash & mask;
    while (slots[2 * slot] !== 0) slot = (slot + 1) & mask;
    slots[2 * slot] = hash;
    slots[2 * slot + 1] = place;
  }

  #resize(size: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * size);
    this.#mask = size - 1;
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) this.#put(old[i]!, old[i + 1]!);
  }
}

/** {@link StringIndex} of an array of strings, which its owner changes. */
export class MemberIndex extends StringIndex {
  readonly #members: readonly string[];

  /** Of all that stand in the array now. */
  constructor(members: readonly string[]) {
    super();
    this.#members = members;
    for (let i = 0; i < members.length; i++) this.add(members[i]!, i);
  }

  protected holds(place: number, text: string): boolean {
    return this.#members[place] === text;
  }
}
