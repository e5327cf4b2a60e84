import { keyName } from "./key-name.js";

/** Buckets whose rows this process has written, and until when each stands: the same row need not be written with each record. */
export class KnownBuckets {
  readonly #most: number;
  readonly #known = new Map<string, number>();

  constructor(most = 100_000) {
    this.#most = most;
  }

  /** Whether the row of a bucket is known to stand until `until` at least; rows that stay need none. */
  has(table: string, key: readonly unknown[], until = 0): boolean {
    return (this.#known.get(nameOf(table, key)) ?? Number.NEGATIVE_INFINITY) >= until;
  }

  add(table: string, key: readonly unknown[], until = 0): void {
    const name = nameOf(table, key);
    const known = this.#known.get(name);
    if (known !== undefined && known >= until) return;
    // The oldest go first: a map keeps its order.
    if (known === undefined && this.#known.size >= this.#most)
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    this.#known.set(name, until);
  }
}

function nameOf(table: string, key: readonly unknown[]): string {
  return `${table}\0${keyName(key)}`;
}
