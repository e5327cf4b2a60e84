import { onAbort } from "./aborts.js";
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
 * Timer and signals are made only when something asks for them; `dispose()` frees them.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #deadlineMs: number;
  readonly #outer: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leaveOuter: (() => void) | undefined;
  #shared: AbortController | undefined;
  #disposed = false;
  /** What runs, each with a signal of its own, and what ends its wait. */
  readonly #running = new Map<AbortController, () => void>();

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

  /** True when the time has passed, the caller's signal was aborted, or the call has ended. */
  get over(): boolean {
    return this.#disposed || this.#outer?.aborted === true || this.remainingMs() <= 0;
  }

  /**
   * Aborted when the time has passed, or with the caller's signal; its reason is `error()`. For waits of our own: what
   * a driver is given comes from `run`.
   */
  get signal(): AbortSignal {
    this.#shared ??= this.#open(nothing);
    return this.#shared.signal;
  }

  /** A controller that ends with this deadline. */
  #open(stop: () => void): AbortController {
    const controller = idle.pop() ?? new AbortController();
    if (this.over) controller.abort(this.error());
    else {
      if (this.#running.size === 0) this.#watch();
      this.#running.set(controller, stop);
    }
    return controller;
  }

  #watch(): void {
    if (this.#timer === undefined) {
      const remaining = this.remainingMs();
      if (remaining <= LONGEST_TIMER_MS) this.#timer = setTimeout(() => this.#end(), Math.ceil(remaining));
    }
    if (this.#outer !== undefined) this.#leaveOuter ??= onAbort(this.#outer, () => this.#end());
  }

  #end(): void {
    for (const [controller, stop] of this.#running) {
      controller.abort(this.error());
      stop();
    }
    this.#running.clear();
  }

  #close(controller: AbortController): void {
    this.#running.delete(controller);
    if (!controller.signal.aborted && idle.length < MOST_IDLE) idle.push(controller);
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

  /**
   * Settles as `work` does, or rejects with `error()` when the deadline ends first, whatever `work` makes of its signal.
   * The signal is this work's alone, so that requests which run at once under one deadline do not listen to one signal.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const controller = this.#open(() => reject(this.error()));
      if (controller.signal.aborted) {
        reject(this.error());
        return;
      }
      const done = (): void => this.#close(controller);
      work(controller.signal).then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }

  /** A part of this deadline: ends after `ms` or with this one, whichever is first. */
  part(ms: number): Deadline {
    const part = new Deadline({
      deadlineMs: Math.max(1, Math.min(ms, this.remainingMs())),
      signal: this.#outer,
      clock: this.#clock,
    });
    if (this.#disposed) part.dispose();
    return part;
  }

  /**
   * Ends the call: frees the timer and what waits for the caller's signal. Work that goes on all the same begins no timer
   * any more and sends nothing: `signal` is aborted, `run` rejects, and so it is for parts.
   */
  dispose(): void {
    this.#disposed = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leaveOuter?.();
    this.#leaveOuter = undefined;
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared !== undefined) this.#close(shared);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function nothing(): void {}
