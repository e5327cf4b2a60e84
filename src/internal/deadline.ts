import { type Clock, systemClock } from "./clock.js";
import { KeyfoldError } from "./errors.js";

/** The longest delay that a Node timer takes; a longer deadline has no timer and is only compared. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Controllers of calls that ended in time, for the next ones: making a signal and collecting it costs a fifth of what a
 * single read takes beside the driver. Whoever listened has stopped by then, and an aborted one is never used again.
 */
const idle: AbortController[] = [];
const MOST_IDLE = 64;

/** What ends a call early: time, or the caller's signal. */
export interface DeadlineOptions {
  /** The whole call's time in milliseconds, retries and waits included. */
  readonly deadlineMs: number;
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/**
 * One call's time limit, made once where the call begins and passed down to everything that waits.
 *
 * Timer and signal are made only when something asks for them; `dispose()` frees them.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #deadlineMs: number;
  readonly #outer: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onOuterAbort: (() => void) | undefined;
  /** What waits in `run`; told directly, which costs less than a listener on the signal. */
  readonly #waiting = new Set<() => void>();

  constructor(options: DeadlineOptions) {
    if (!(options.deadlineMs > 0)) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `deadlineMs must be a positive number, not ${String(options.deadlineMs)}`,
        {
          fix: "Give the call at least a few milliseconds.",
        },
      );
    }
    this.#clock = options.clock ?? systemClock;
    this.#deadlineMs = options.deadlineMs;
    this.#outer = options.signal;
    this.#startedAt = this.#clock.monotonic();
  }

  /** The whole time that the call was given. */
  get totalMs(): number {
    return this.#deadlineMs;
  }

  /** Milliseconds left; 0 or less when it is over. */
  remainingMs(): number {
    return this.#deadlineMs - (this.#clock.monotonic() - this.#startedAt);
  }

  /** True when the time has passed or the caller's signal was aborted. */
  get over(): boolean {
    return this.#outer?.aborted === true || this.remainingMs() <= 0;
  }

  /** Aborted when the time has passed, or with the caller's signal; its reason is `error()`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = idle.pop() ?? new AbortController();
      this.#controller = controller;
      if (this.over) controller.abort(this.error());
      else {
        const remaining = this.remainingMs();
        if (remaining <= LONGEST_TIMER_MS) {
          this.#timer = setTimeout(() => this.#end(controller), Math.ceil(remaining));
        }
        if (this.#outer !== undefined) {
          this.#onOuterAbort = () => this.#end(controller);
          this.#outer.addEventListener("abort", this.#onOuterAbort, { once: true });
        }
      }
    }
    return this.#controller.signal;
  }

  #end(controller: AbortController): void {
    controller.abort(this.error());
    for (const stop of this.#waiting) stop();
  }

  /** The error that a call which this deadline ended is rejected with. */
  error(cause?: unknown): KeyfoldError {
    if (this.#outer?.aborted === true) {
      return new KeyfoldError("ABORTED", "The call's signal was aborted.", { cause: cause ?? this.#outer.reason });
    }
    return new KeyfoldError("DEADLINE_EXCEEDED", `No answer within ${this.#deadlineMs} ms.`, {
      cause,
      fix: "Give the call more time with deadlineMs, or look for what is slow with $explain.",
      data: { deadlineMs: this.#deadlineMs },
    });
  }

  /** Throws `error()` when the deadline is over. */
  throwIfOver(): void {
    if (this.over) throw this.error();
  }

  /** Settles as `work` does, or rejects with `error()` when the deadline ends first, whatever `work` makes of its signal. */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.signal;
    if (signal.aborted) return Promise.reject(this.error());
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(this.error());
      this.#waiting.add(stop);
      work(signal).then(
        (value) => {
          this.#waiting.delete(stop);
          resolve(value);
        },
        (error) => {
          this.#waiting.delete(stop);
          reject(error);
        },
      );
    });
  }

  /** A part of this deadline: ends after `ms` or with this one, whichever is first. */
  part(ms: number): Deadline {
    return new Deadline({
      deadlineMs: Math.max(1, Math.min(ms, this.remainingMs())),
      signal: this.#outer,
      clock: this.#clock,
    });
  }

  /** Frees the timer and the listener on the caller's signal; `signal` is not to be used any more. */
  dispose(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#onOuterAbort !== undefined) this.#outer?.removeEventListener("abort", this.#onOuterAbort);
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    // Work that is still waiting may listen yet.
    if (!controller.signal.aborted && this.#waiting.size === 0 && idle.length < MOST_IDLE) idle.push(controller);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
