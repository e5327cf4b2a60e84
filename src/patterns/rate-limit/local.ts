import type { Limit } from "./limits.js";

/** So many keys are counted in an outage; then the oldest is forgotten. */
const MAX_KEYS = 10_000;

interface Counted {
  readonly used: number[];
  /** When each window ends, by this process' monotonic clock, in milliseconds. */
  readonly until: number[];
}

/** Charge what fits, charge in any case, or charge nothing. */
export type Mode = "charge" | "force" | "look";

/** Counts in this process alone while Redis is out of reach: a fixed window for each limit, whatever its kind. */
export class LocalLimits {
  readonly #limits: readonly Limit[];
  readonly #keys = new Map<string, Counted>();

  constructor(limits: readonly Limit[]) {
    this.#limits = limits;
  }

  /** Replies as the script does. */
  ask(key: string, cost: number, mode: Mode): number[] {
    const now = performance.now();
    const counted = this.#counted(key);
    this.#limits.forEach(({ windowMs }, i) => {
      if (counted.until[i]! > now) return;
      counted.used[i] = 0;
      counted.until[i] = mode === "look" ? now : now + windowMs;
    });
    const pass = this.#limits.every(({ maxCost }, i) => counted.used[i]! + cost <= maxCost);
    const reply = [pass ? 1 : 0];
    this.#limits.forEach(({ maxCost }, i) => {
      const fits = counted.used[i]! + cost <= maxCost;
      if (mode === "force" || (pass && mode === "charge")) counted.used[i] = Math.max(0, counted.used[i]! + cost);
      const reset = Math.max(0, counted.until[i]! - now) * 1000;
      reply.push(Math.max(0, maxCost - counted.used[i]!), reset, fits ? 0 : reset);
    });
    return reply;
  }

  forget(key: string): void {
    this.#keys.delete(key);
  }

  #counted(key: string): Counted {
    let counted = this.#keys.get(key);
    if (counted === undefined) {
      if (this.#keys.size >= MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
      counted = { used: this.#limits.map(() => 0), until: this.#limits.map(() => 0) };
      this.#keys.set(key, counted);
    }
    return counted;
  }
}
