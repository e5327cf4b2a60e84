import type { Value } from "../bson/values.js";
import { valueKey } from "./value-key.js";

/** Distinct values under MongoDB's equality; of equal ones the first is kept. */
export class ValueSet {
  readonly #values = new Map<unknown, Value>();

  /** The distinct values of an array. */
  static of(values: readonly Value[]): ValueSet {
    const set = new ValueSet();
    for (const value of values) set.add(value);
    return set;
  }

  /** Adds a value; tells whether it was new. */
  add(value: Value): boolean {
    const key = valueKey(value);
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    return true;
  }

  has(value: Value): boolean {
    return this.#values.has(valueKey(value));
  }

  get size(): number {
    return this.#values.size;
  }

  /** The values in the order in which they came. */
  values(): Value[] {
    return [...this.#values.values()];
  }
}
