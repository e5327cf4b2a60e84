import { KeyfoldError } from "../../internal/errors.js";
import { Batches, type BatchScript } from "../redis/batch.js";
import { aborted, isOutage } from "../redis/errors.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { type CallOptions, RedisStore, type StoreOptions } from "../redis/store.js";
import { blockScript, limitScript } from "./limit-script.js";
import type { Limit } from "./limits.js";
import { LocalLimits, type Mode } from "./local.js";

/** What happens while Redis does not answer. */
export type FailMode = "open" | "closed" | "local";

/** How a limiter counts and what it does in an outage. */
export interface RateLimitOptions extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** One limit, or several that a call must fit all at once. */
  readonly limit: Limit | readonly Limit[];
  /**
   * In an outage: `open` lets every call through, `closed` lets none through, `local` counts in this process alone, so
   * that the limit holds for each process. Default `local`.
   */
  readonly fail?: FailMode;
}

/** One limit's state after a call. */
export interface LimitState {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Calls that would be let through now. */
  readonly remaining: number;
  /** Milliseconds until it is as if nobody had called. */
  readonly resetMs: number;
  /** Milliseconds until this call would be let through; 0 when it was. */
  readonly retryAfterMs: number;
}

/** What a limiter says of a call: the state of its tightest limit, and of each. */
export interface RateLimitResult extends LimitState {
  readonly allowed: boolean;
  readonly limits: readonly LimitState[];
  /** Redis did not answer, and this is how the limiter decided. */
  readonly degraded: FailMode | undefined;
}

/** One call's cost and limits of time. */
export interface ConsumeOptions extends CallOptions {
  /** What the call counts for. Default 1. */
  readonly cost?: number;
}

/** Limits how often something is done; made by {@link rateLimit}. */
export class RateLimiter {
  readonly limits: readonly Limit[];
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #fail: FailMode;
  readonly #calls: Batches;
  readonly #script: BatchScript;
  readonly #maxCost: number;
  readonly #local: LocalLimits;

  constructor(client: RedisClient, options: RateLimitOptions) {
    const limits = "kind" in options.limit ? [options.limit] : options.limit;
    if (limits.length === 0) throw new KeyfoldError("INPUT_INVALID", "A limiter has at least one limit.");
    this.#store = new RedisStore(client, { deadlineMs: 250, ...options });
    this.#prefix = checkPrefix(options.prefix);
    this.#fail = options.fail ?? "local";
    this.limits = limits;
    this.#maxCost = Math.min(...limits.map(({ maxCost }) => maxCost));
    this.#calls = new Batches(this.#store);
    this.#script = limitScript(limits);
    this.#local = new LocalLimits(limits);
  }

  /**
   * Charges a call where every limit has room for it, and says whether it may go on. A refused call is not charged. When
   * a connection breaks before the answer, a driver that sends again by itself (ioredis does) charges the call again.
   *
   * @throws KeyfoldError `INPUT_INVALID` for a cost over what a limit can ever have; `ABORTED` when the signal was, whether
   *   the call was charged by then or not.
   */
  async consume(key: string, options?: ConsumeOptions): Promise<RateLimitResult> {
    const cost = options?.cost ?? 1;
    if (cost !== 1) this.#checkCost(cost, this.#maxCost);
    return this.#ask(key, cost, "charge", options);
  }

  /**
   * Whether {@link consume} would let a call through now, and when it would; nothing is charged, and `remaining` is what is
   * left before that call.
   *
   * @throws KeyfoldError `INPUT_INVALID` for a cost over what a limit can ever have.
   */
  async peek(key: string, options?: ConsumeOptions): Promise<RateLimitResult> {
    const cost = options?.cost ?? 1;
    this.#checkCost(cost, this.#maxCost);
    return this.#ask(key, cost, "look", options);
  }

  /** Charges `cost` even where there is no room. */
  async penalty(key: string, cost = 1, options?: CallOptions): Promise<RateLimitResult> {
    this.#checkCost(cost, Number.MAX_SAFE_INTEGER);
    return this.#ask(key, cost, "force", options);
  }

  /** Gives `cost` back. */
  async reward(key: string, cost = 1, options?: CallOptions): Promise<RateLimitResult> {
    this.#checkCost(cost, Number.MAX_SAFE_INTEGER);
    return this.#ask(key, -cost, "force", options);
  }

  /** Refuses every call for `ms` milliseconds, and forgets what was counted. */
  async block(key: string, ms: number, options?: CallOptions): Promise<void> {
    checkWhole(ms, "ms");
    await this.#store.run(blockScript, [this.#keys(key)[0]!], [String(ms), this.limits[0]!.mark], options);
  }

  /** Forgets the key: what was counted, and a block. */
  async reset(key: string, options?: CallOptions): Promise<void> {
    const keys = this.#keys(key);
    this.#local.forget(key);
    await this.#store.command(keys[0]!, "DEL", keys, true, options);
  }

  #checkCost(cost: number, max: number): void {
    if (Number.isSafeInteger(cost) && cost > 0 && cost <= max) return;
    throw new KeyfoldError("INPUT_INVALID", `cost is a whole number from 1 to ${max}, not ${String(cost)}.`);
  }

  #keys(key: string): string[] {
    const head = `${this.#prefix}:${hashTag(key)}:`;
    return this.limits.map(({ mark }, i) => (i === 0 ? head + mark : `${head}${mark}${i}`));
  }

  #ask(key: string, cost: number, mode: Mode, options?: CallOptions): Promise<RateLimitResult> {
    return this.#calls.run(this.#script, this.#keys(key), [marks[mode] + cost], options).then(
      (reply) => this.#result(reply as number[], undefined),
      (error) => {
        if (!isOutage(error)) throw error;
        if (options?.signal?.aborted === true) throw aborted(options.signal);
        return this.#degraded(key, cost, mode);
      },
    );
  }

  #degraded(key: string, cost: number, mode: Mode): RateLimitResult {
    if (this.#fail === "local") return this.#result(this.#local.ask(key, cost, mode), "local");
    const open = this.#fail === "open";
    const each = this.limits.flatMap(({ limit }) => (open ? [limit, 0, 0] : [0, 1_000_000, 1_000_000]));
    return this.#result([open ? 1 : 0, ...each], this.#fail);
  }

  #result(reply: readonly number[], degraded: FailMode | undefined): RateLimitResult {
    const limits: LimitState[] = [];
    let tightest: LimitState | undefined;
    for (let i = 0; i < this.limits.length; i++) {
      const { name, limit, windowMs } = this.limits[i]!;
      const remaining = reply[3 * i + 1]!;
      const resetMs = Math.ceil(reply[3 * i + 2]! / 1000);
      const retryAfterMs = Math.max(0, Math.ceil(reply[3 * i + 3]! / 1000));
      const state = { name, limit, windowMs, remaining, resetMs, retryAfterMs };
      limits.push(state);
      if (
        tightest === undefined ||
        retryAfterMs > tightest.retryAfterMs ||
        (retryAfterMs === tightest.retryAfterMs && remaining < tightest.remaining)
      )
        tightest = state;
    }
    const { name, limit, windowMs, remaining, resetMs, retryAfterMs } = tightest!;
    return { name, limit, windowMs, remaining, resetMs, retryAfterMs, allowed: reply[0] === 1, limits, degraded };
  }
}

/** What stands before a cost in the script's argument. */
const marks: Readonly<Record<Mode, string>> = { charge: "", force: "!", look: "?" };

/**
 * Limits how often something is done, over all processes that share a Redis. Time is the server's, in whole
 * microseconds; all state of one key lies in one slot and expires by itself.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const limiter = rateLimit(redis, { prefix: "api", limit: tokenBucket({ limit: 100, windowMs: 1_000, burst: 10 }) });
 * const { allowed, retryAfterMs } = await limiter.consume("user:42");
 * ```
 */
export function rateLimit(client: RedisClient, options: RateLimitOptions): RateLimiter {
  return new RateLimiter(client, options);
}
