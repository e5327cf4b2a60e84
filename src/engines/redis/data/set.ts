import { parseInt64 } from "./numbers.js";
import { MemberIndex } from "./string-index.js";

export type SetEncoding = "intset" | "listpack" | "hashtable";

const linearMembers = 12;

/** Compares two canonical integers by value. */
function compareIntegers(a: string, b: string): number {
  const x = parseInt64(a)!;
  const y = parseInt64(b)!;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A set: a dense array, sorted while all are integers, in the order of insertion while small, with an index when large. */
export class SetData {
  readonly items: string[] = [];
  #index: MemberIndex | undefined;
  encoding: SetEncoding = "intset";
  bytes = 0;

  get size(): number {
    return this.items.length;
  }

  /** Where an integer is or belongs. */
  #search(value: string): number {
    const { items } = this;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIntegers(items[middle]!, value) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #find(value: string): number {
    if (this.encoding === "intset") {
      if (parseInt64(value) === undefined) return -1;
      const at = this.#search(value);
      return this.items[at] === value ? at : -1;
    }
    if (this.#index !== undefined) return this.#index.find(value);
    const { items } = this;
    for (let i = 0; i < items.length; i++) if (items[i] === value) return i;
    return -1;
  }

  has(value: string): boolean {
    return this.#find(value) >= 0;
  }

  /** Leaves the sorted form (or the small one). */
  convert(encoding: SetEncoding): void {
    this.encoding = encoding;
    if (encoding === "hashtable" || this.items.length > linearMembers) this.#buildIndex();
  }

  #buildIndex(): void {
    this.#index = new MemberIndex(this.items);
  }

  /** Adds; the limits are Redis' settings for its encodings. Tells whether the member is new. */
  add(value: string, maxIntset: number, maxListpack: number, maxValue: number): boolean {
    if (this.encoding === "intset") {
      if (parseInt64(value) !== undefined) {
        const at = this.#search(value);
        if (this.items[at] === value) return false;
        this.items.splice(at, 0, value);
        this.bytes += value.length;
        if (this.items.length > maxIntset) {
          this.convert(this.items.length <= maxListpack ? "listpack" : "hashtable");
        }
        return true;
      }
      this.convert(this.items.length < maxListpack && value.length <= maxValue ? "listpack" : "hashtable");
    }
    if (this.#find(value) >= 0) return false;
    if (this.encoding === "listpack" && (this.items.length >= maxListpack || value.length > maxValue)) {
      this.convert("hashtable");
    }
    this.#index?.add(value, this.items.length);
    this.items.push(value);
    this.bytes += value.length;
    if (this.#index === undefined && this.items.length > linearMembers) this.#buildIndex();
    return true;
  }

  delete(value: string): boolean {
    const at = this.#find(value);
    if (at < 0) return false;
    this.deleteAt(at);
    return true;
  }

  /** Takes out the member at a place of {@link items}. */
  deleteAt(at: number): string {
    const { items } = this;
    const value = items[at]!;
    this.bytes -= value.length;
    this.#index?.remove(value, at);
    if (this.encoding !== "hashtable") {
      items.splice(at, 1);
      if (this.#index !== undefined) {
        for (let i = at; i < items.length; i++) this.#index.move(items[i]!, i + 1, i);
      }
      return value;
    }
    const last = items.pop()!;
    if (at < items.length) {
      this.#index!.move(last, items.length, at);
      items[at] = last;
    }
    return value;
  }
}
