import { Doc, int32 } from "../bson/doc.js";
import { isNumber, toDouble } from "../bson/numbers.js";
import { mongoError } from "../errors.js";
import { compileSort, type SortKey } from "../query/sort.js";
import { parsePath } from "./expressions/field-path.js";
import { showValue } from "./show.js";

/** The specification of a `$sort` with directions of 1 and -1; refuses what `$sort` refuses. */
export function normalSort(spec: Doc): Doc {
  const normal = new Doc();
  if (spec.isEmpty) throw mongoError(15976, "$sort stage must have at least one sort key");
  for (const [name, value] of spec) {
    if (value instanceof Doc) {
      const first = value.first()?.[0];
      if (first !== "$meta") throw mongoError(17312, "$meta is the only expression supported by $sort right now");
      throw mongoError(31138, `Illegal $meta sort: ${showValue(value)}`);
    }
    if (!isNumber(value)) {
      throw mongoError(15974, `Illegal key in $sort specification: ${name}: ${showValue(value)}`);
    }
    const direction = Math.trunc(toDouble(value));
    if (direction !== 1 && direction !== -1) {
      throw mongoError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
    }
    parsePath(name);
    normal.set(name, int32(direction));
  }
  if (spec.size > 32) throw mongoError(13103, "too many sort keys");
  return normal;
}

/** A thing to be sorted with its keys, and its place before. */
export interface Keyed<T> {
  readonly item: T;
  readonly keys: SortKey;
  readonly order: number;
}

/** An order of documents by their keys, then by their place before. */
export interface StableOrder {
  keyOf(doc: Doc): SortKey;
  compare(a: Keyed<unknown>, b: Keyed<unknown>): number;
}

/** Compiles the specification of a sort stage. */
export function stableOrder(spec: Doc): StableOrder {
  const normal = normalSort(spec);
  const order = compileSort(normal);
  // By `_id` alone an array is sorted as a whole, as MongoDB's index on it would: it occurs behind a `$group`.
  const byId = normal.size === 1 && normal.has("_id");
  return {
    keyOf: byId ? (doc) => [doc.get("_id") ?? null] : order.keyOf,
    compare: (a, b) => order.compareKeys(a.keys, b.keys) || a.order - b.order,
  };
}

/** The first `limit` things in order, found without sorting all: a heap with the last of them on top. */
export class TopK<T> {
  readonly #heap: Keyed<T>[] = [];
  readonly #limit: number;
  readonly #compare: (a: Keyed<T>, b: Keyed<T>) => number;
  readonly #sizeOf: ((item: T) => number) | undefined;
  /** What the things that are kept take in memory, by `sizeOf`. */
  bytes = 0;

  constructor(limit: number, compare: (a: Keyed<T>, b: Keyed<T>) => number, sizeOf?: (item: T) => number) {
    this.#limit = limit;
    this.#compare = compare;
    this.#sizeOf = sizeOf;
  }

  /** Offers a thing; tells whether it is among the first so far. */
  offer(entry: Keyed<T>): boolean {
    const heap = this.#heap;
    if (heap.length < this.#limit) {
      heap.push(entry);
      if (this.#sizeOf !== undefined) this.bytes += this.#sizeOf(entry.item);
      this.#up(heap.length - 1);
      return true;
    }
    if (this.#limit === 0 || this.#compare(entry, heap[0]!) >= 0) return false;
    if (this.#sizeOf !== undefined) this.bytes += this.#sizeOf(entry.item) - this.#sizeOf(heap[0]!.item);
    heap[0] = entry;
    this.#down();
    return true;
  }

  /** The things in order. */
  sorted(): T[] {
    return this.#heap
      .slice()
      .sort(this.#compare)
      .map((each) => each.item);
  }

  #up(from: number): void {
    const heap = this.#heap;
    const entry = heap[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(heap[parent]!, entry) >= 0) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #down(): void {
    const heap = this.#heap;
    const entry = heap[0]!;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#compare(heap[child + 1]!, heap[child]!) > 0) child++;
      if (this.#compare(heap[child]!, entry) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}
