import { isNumber, toDouble } from "../bson/numbers.js";
import type { Value } from "../bson/values.js";

/** Mean and variance in one pass (Welford), as `$stdDevPop` and `$stdDevSamp` need them. */
export class Deviation {
  #count = 0;
  #mean = 0;
  #squares = 0;

  /** Adds a value; what is not a number is left out. */
  add(value: Value | undefined): void {
    if (!isNumber(value)) return;
    const x = toDouble(value);
    this.#count++;
    const delta = x - this.#mean;
    this.#mean += delta / this.#count;
    this.#squares += delta * (x - this.#mean);
  }

  /** The deviation of the whole population, or null of nothing. */
  population(): number | null {
    return this.#count === 0 ? null : Math.sqrt(this.#squares / this.#count);
  }

  /** The deviation of a sample, or null of fewer than two. */
  sample(): number | null {
    return this.#count < 2 ? null : Math.sqrt(this.#squares / (this.#count - 1));
  }
}

/** The p-th percentile of sorted doubles: the smallest value that at least that share does not exceed. */
export function percentileOf(sorted: readonly number[], p: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)]!;
}

/** Sorts doubles for {@link percentileOf}. */
export function sortDoubles(values: number[]): number[] {
  return values.sort((a, b) => (Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : Number.isNaN(b) ? 1 : a - b));
}
