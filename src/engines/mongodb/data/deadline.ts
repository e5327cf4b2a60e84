import { mongoError } from "../errors.js";

/** How many steps pass between two looks at the clock. */
const stepsPerLook = 128;

/** Ends work that takes longer than the client's `maxTimeMS`. Real time counts here, not the engine's clock. */
export class Deadline {
  readonly #at: number;
  #steps = 0;

  constructor(maxTimeMs: number) {
    this.#at = performance.now() + maxTimeMs;
  }

  /** Milliseconds that are left. */
  get left(): number {
    return this.#at - performance.now();
  }

  /**
   * Called once for each document or key.
   *
   * @throws MongoError 50
   */
  step(): void {
    if (++this.#steps < stepsPerLook) return;
    this.#steps = 0;
    if (performance.now() > this.#at) throw mongoError(50, "operation exceeded time limit");
  }
}
