import type { Value } from "../../bson/values.js";
import { valueKey } from "../value-key.js";

interface Slot<G> {
  readonly hash: number;
  readonly key: Uint8Array;
  readonly group: G;
}

/**
 * The groups of a `$group` by their keys. Keys that are strings are found by their UTF-8 bytes, straight from a raw
 * document, so that no string is made for a group that is there already.
 */
export class GroupTable<G> {
  readonly #others = new Map<unknown, G>();
  readonly #groups: G[] = [];
  #slots: (Slot<G> | undefined)[] = new Array<Slot<G> | undefined>(256).fill(undefined);
  #strings = 0;
  readonly #begin: (key: Value) => G;

  constructor(begin: (key: Value) => G) {
    this.#begin = begin;
  }

  /** The groups in the order in which they came. */
  get groups(): readonly G[] {
    return this.#groups;
  }

  /** The group of a key; of equal keys the first one names it. */
  find(value: Value): G {
    const key = valueKey(value);
    if (typeof key === "string" && key.startsWith("s")) {
      const bytes = Buffer.from(key.slice(1), "utf8");
      return this.#findBytes(bytes, 0, bytes.length, value);
    }
    let group = this.#others.get(key);
    if (group === undefined) {
      group = this.#begin(value);
      this.#others.set(key, group);
      this.#groups.push(group);
    }
    return group;
  }

  /** The group of a string whose bytes lie in a document. */
  findString(bytes: Buffer, start: number, end: number): G {
    return this.#findBytes(bytes, start, end, undefined);
  }

  #findBytes(bytes: Buffer, start: number, end: number, value: Value | undefined): G {
    // FNV-1a
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const length = end - start;
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    for (;;) {
      const slot = this.#slots[at];
      if (slot === undefined) break;
      if (slot.hash === hash && slot.key.length === length) {
        const { key } = slot;
        let i = 0;
        while (i < length && key[i] === bytes[start + i]) i++;
        if (i === length) return slot.group;
      }
      at = (at + 1) & mask;
    }
    const group = this.#begin(value ?? bytes.toString("utf8", start, end));
    const key = Uint8Array.prototype.slice.call(bytes, start, end);
    this.#slots[at] = { hash, key, group };
    this.#groups.push(group);
    if (++this.#strings * 2 > this.#slots.length) this.#grow();
    return group;
  }

  #grow(): void {
    const larger = new Array<Slot<G> | undefined>(this.#slots.length * 4).fill(undefined);
    const mask = larger.length - 1;
    for (const slot of this.#slots) {
      if (slot === undefined) continue;
      let at = slot.hash & mask;
      while (larger[at] !== undefined) at = (at + 1) & mask;
      larger[at] = slot;
    }
    this.#slots = larger;
  }
}
