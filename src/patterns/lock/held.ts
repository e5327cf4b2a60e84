import { KeyfoldError } from "../../internal/errors.js";
import type { LockKeeper } from "./keeper.js";

/** What clocks of different machines may differ by while a lock is held: one percent, and 2 ms. */
const driftMs = (ttlMs: number): number => ttlMs / 100 + 2;

/** A lock that this process holds. */
export class Held implements AsyncDisposable {
  /** Grows with every holder of this lock. What the lock protects must refuse a smaller one than it has seen. */
  readonly fence: number;
  readonly #keeper: LockKeeper;
  readonly #keys: readonly string[];
  readonly #token: string;
  readonly #ttlMs: number;
  /** Made when somebody asks for the signal, as is the timer that watches the end of the time for it. */
  #controller: AbortController | undefined;
  #validUntil: number;
  #renewal: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #over = false;
  #lost: KeyfoldError | undefined;

  constructor(
    keeper: LockKeeper,
    keys: readonly string[],
    token: string,
    fence: number,
    ttlMs: number,
    askedAt: number,
    renew: boolean,
  ) {
    this.fence = fence;
    this.#keeper = keeper;
    this.#keys = keys;
    this.#token = token;
    this.#ttlMs = ttlMs;
    this.#validUntil = askedAt + ttlMs - driftMs(ttlMs);
    if (renew) this.#renewLater();
  }

  /** Aborted when the lock is lost: its time ended, or another holds it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#lost !== undefined) this.#controller.abort(this.#lost);
      else if (!this.#over) this.#watch();
    }
    return this.#controller.signal;
  }

  /** Whether the time of the lock has not ended, counted from before it was asked for. */
  get valid(): boolean {
    return !this.#over && performance.now() < this.#validUntil;
  }

  /** Begins its time anew; false when it was lost. */
  async renew(): Promise<boolean> {
    if (!this.#lives()) return false;
    const asked = performance.now();
    if (!(await this.#keeper.extend(this.#keys, this.#token, this.#ttlMs))) {
      this.#lose("another holds it, or nobody");
      return false;
    }
    if (!this.#lives()) return false; // the answer came too late: whoever looked has seen it lost
    this.#validUntil = Math.max(this.#validUntil, asked + this.#ttlMs - driftMs(this.#ttlMs));
    return this.valid;
  }

  /**
   * Gives the lock back; true when it was still held. Harmless when repeated: the second time says false, also where the
   * driver sent it again by itself.
   */
  async release(): Promise<boolean> {
    this.#stop();
    return this.#keeper.free(this.#keys, this.#token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #watch(): void {
    const left = this.#validUntil - performance.now();
    if (left <= 0) {
      this.#lose("its time ended");
      return;
    }
    this.#expiry = setTimeout(() => this.#watch(), Math.min(left, 2_147_483_647));
    this.#expiry.unref();
  }

  /** Asks at a third of the time; an answer that does not come is asked for again until the time ends. */
  #renewLater(ms = this.#ttlMs / 3): void {
    this.#renewal = setTimeout(() => {
      this.renew().then(
        (held) => {
          if (held && !this.#over) this.#renewLater();
        },
        () => {
          if (this.#lives()) this.#renewLater(this.#ttlMs / 20);
        },
      );
    }, ms);
    this.#renewal.unref();
  }

  /** Whether it was neither lost nor given back. What was lost once is not had again. */
  #lives(): boolean {
    if (performance.now() >= this.#validUntil) this.#lose("its time ended");
    return !this.#over;
  }

  #lose(why: string): void {
    if (this.#over) return;
    this.#stop();
    this.#lost = new KeyfoldError("CONFLICT", `The lock was lost: ${why}.`, { data: { fence: this.fence } });
    this.#controller?.abort(this.#lost);
  }

  #stop(): void {
    this.#over = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#expiry);
  }
}
