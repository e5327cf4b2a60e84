import { seeded } from "../../redis/chooser.js";

/** Random choices that repeat for the same seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** A whole number from 0, below `max`. */
  int(max: number): number {
    return Math.floor(this.#next() * max);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!;
  }

  /** From 1 to `most` of them. */
  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.int(most) }, make);
  }

  /** Items in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.map(() => left.splice(this.int(left.length), 1)[0]!);
  }
}
