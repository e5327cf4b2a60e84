/** How a breaker opens and closes. */
export interface BreakerOptions {
  /** Calls in a row without an answer that open it. Default 5. */
  readonly failures?: number;
  /** While it is open, the server is asked this often whether it is back. Default 250 ms. */
  readonly probeMs?: number;
}

/**
 * A circuit breaker: after some calls in a row that got no answer, calls fail at once, and a question now and then asks in
 * the background whether the server is back. No caller waits to find out.
 */
export class Breaker {
  readonly #limit: number;
  readonly #probeMs: number;
  readonly #probe: () => Promise<unknown>;
  #failures = 0;
  #open = false;
  #timer: NodeJS.Timeout | undefined;

  /** `probe` resolves when the server answers; one that takes long is not waited for. */
  constructor(probe: () => Promise<unknown>, options: BreakerOptions = {}) {
    this.#probe = probe;
    this.#limit = options.failures ?? 5;
    this.#probeMs = options.probeMs ?? 250;
  }

  get open(): boolean {
    return this.#open;
  }

  answered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#close();
  }

  failed(): void {
    this.#failures++;
    if (this.#open || this.#failures < this.#limit) return;
    this.#open = true;
    this.#ask();
  }

  #close(): void {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  #ask(): void {
    // One that is not answered soon may have gone to a node of a Cluster that is away.
    this.#askAfter(4 * this.#probeMs);
    this.#probe().then(
      () => this.answered(),
      () => this.#askAfter(this.#probeMs),
    );
  }

  #askAfter(ms: number): void {
    if (!this.#open) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), ms);
    this.#timer.unref();
  }
}
