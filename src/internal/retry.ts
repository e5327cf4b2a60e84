import { type Clock, systemClock } from "./clock.js";
import type { Deadline } from "./deadline.js";

/** How retries are spaced and limited. */
export interface RetryOptions {
  /** Upper bound of the first wait; doubles with each retry. Default 25 ms. */
  readonly baseMs?: number;
  /** Upper bound of every wait. Default 2,000 ms. */
  readonly capMs?: number;
  /** Retries are paid from here; one budget is shared by all calls of a client. */
  readonly budget?: RetryBudget;
  readonly clock?: Clock;
}

/**
 * A token bucket that keeps retries from multiplying a server's load: a retry costs tokens, a call that succeeds at
 * once gives one back. The figures are those of the AWS SDKs' standard mode.
 */
export class RetryBudget {
  readonly #capacity: number;
  #tokens: number;

  constructor(capacity = 500) {
    this.#capacity = capacity;
    this.#tokens = capacity;
  }

  /** Takes `cost` tokens, or takes none and answers false. */
  spend(cost: number): boolean {
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  /** Gives a token back. */
  refund(tokens = 1): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + tokens);
  }

  get tokens(): number {
    return this.#tokens;
  }
}

/** What to do about a failed attempt. */
export interface RetryVerdict {
  readonly retry: boolean;
  /** Tokens of the budget that the retry costs. Default 5; throttling costs more, so that it ends sooner. */
  readonly cost?: number;
  /** The server's own word on the base of the wait, in place of `baseMs`. */
  readonly baseMs?: number;
}

/** Full jitter: a wait that is uniform in [0, min(cap, base × 2^retries)). */
export function fullJitterMs(retries: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** retries);
}

/**
 * Runs `attempt` until it succeeds, `judge` says no, the budget is empty or the deadline ends; then throws the last
 * attempt's error. The only retry loop of the library.
 */
export async function retry<T>(
  attempt: (number: number) => Promise<T>,
  judge: (error: unknown, attempt: number) => RetryVerdict,
  deadline: Deadline,
  options: RetryOptions = {},
): Promise<T> {
  const { baseMs = 25, capMs = 2_000, budget, clock = systemClock } = options;
  for (let number = 1; ; number++) {
    try {
      const value = await attempt(number);
      if (number === 1) budget?.refund();
      return value;
    } catch (error) {
      const verdict = judge(error, number);
      if (!verdict.retry || deadline.over) throw error;
      if (budget !== undefined && !budget.spend(verdict.cost ?? 5)) throw error;
      const waitMs = fullJitterMs(number - 1, verdict.baseMs ?? baseMs, capMs, () => clock.random());
      if (waitMs >= deadline.remainingMs()) throw error;
      try {
        await clock.sleep(waitMs, deadline.signal);
      } catch {
        throw error;
      }
    }
  }
}
