import type { EngineClock } from "../engines/engine.js";
import { KeyfoldError } from "../internal/errors.js";

/** The clock that the engines of one test live by: the machine's, moved by an offset, or standing still. */
export class MovableClock implements EngineClock {
  readonly #machine: () => number;
  #offsetMs = 0;
  #frozenAtMs: number | undefined;

  constructor(machine: () => number = Date.now) {
    this.#machine = machine;
  }

  now(): number {
    return this.#frozenAtMs ?? this.#machine() + this.#offsetMs;
  }

  /** Moves on by `ms`; a frozen clock stays frozen, later. */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0)
      throw new KeyfoldError("INPUT_INVALID", `The clock cannot be advanced by ${ms} ms.`, {
        fix: "Give a number of milliseconds, 0 or more; set() goes back in time.",
      });
    if (this.#frozenAtMs === undefined) this.#offsetMs += ms;
    else this.#frozenAtMs += ms;
  }

  /** Makes it `ms` since 1970 now; a frozen clock stays frozen, there. */
  set(ms: number): void {
    if (!Number.isFinite(ms)) throw new KeyfoldError("INPUT_INVALID", "The clock was set to a time that is no date.");
    if (this.#frozenAtMs === undefined) this.#offsetMs = ms - this.#machine();
    else this.#frozenAtMs = ms;
  }

  /** Stops it where it is. */
  freeze(): void {
    this.#frozenAtMs = this.now();
  }

  /** Lets it run on from where it is. */
  resume(): void {
    if (this.#frozenAtMs === undefined) return;
    this.#offsetMs = this.#frozenAtMs - this.#machine();
    this.#frozenAtMs = undefined;
  }

  /** Back to the machine's time. */
  reset(): void {
    this.#offsetMs = 0;
    this.#frozenAtMs = undefined;
  }
}
