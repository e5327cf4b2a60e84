import { keyName } from "./key-name.js";

/** Buckets whose rows this process has written: the same row need not be written with each record. */
export class KnownBuckets {
  readonly #most: number;
  readonly #known = new Set<string>();

  constructor(most = 100_000) {
    this.#most = most;
  }

  has(table: string, key: readonly unknown[]): boolean {
    return this.#known.has(nameOf(table, key));
  }

  add(table: string, key: readonly unknown[]): void {
    // The oldest go first: a set keeps its order.
    if (this.#known.size >= this.#most)
      for (const oldest of this.#known) {
        this.#known.delete(oldest);
        break;
      }
    this.#known.add(nameOf(table, key));
  }
}

function nameOf(table: string, key: readonly unknown[]): string {
  return `${table}\0${keyName(key)}`;
}
