import { KeyfoldError } from "../../internal/errors.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { RedisStore, type StoreOptions, uniqueId } from "../redis/store.js";
import { Held } from "./held.js";
import type { LockKeeper } from "./keeper.js";
import { Quorum } from "./quorum.js";
import { SingleNode } from "./single-node.js";

/** How locks are taken and kept. */
export interface LockOptions extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** A holder that dies frees the lock after this time. Default 10,000 ms. */
  readonly ttlMs?: number;
  /** Keep a held lock until it is released. Default true. */
  readonly renew?: boolean;
  /**
   * Replicas that must have the lock before it counts as held, and before it counts as renewed: a failover to one of them
   * does not forget it. One server or Sentinels only. Default 0.
   */
  readonly minReplicas?: number;
}

/** How long to wait for a lock. */
export interface AcquireOptions {
  /** Milliseconds to wait for a lock that another holds. Default 10,000. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Locks over all processes that share a Redis; made by {@link lock}. */
export class Locks {
  readonly #keeper: LockKeeper;
  readonly #prefix: string;
  readonly #ttlMs: number;
  readonly #renew: boolean;

  constructor(clients: RedisClient | readonly RedisClient[], options: LockOptions) {
    this.#prefix = checkPrefix(options.prefix);
    this.#ttlMs = checkWhole(options.ttlMs ?? 10_000, "ttlMs", 10);
    this.#renew = options.renew ?? true;
    const store = { ...options, deadlineMs: Math.min(options.deadlineMs ?? 500, this.#ttlMs / 2) };
    const minReplicas = checkWhole(options.minReplicas ?? 0, "minReplicas", 0);
    if (!Array.isArray(clients)) {
      const channel = `${this.#prefix}:wake:${uniqueId()}`;
      this.#keeper = new SingleNode(new RedisStore(clients as RedisClient, store), channel, minReplicas);
      return;
    }
    if (minReplicas > 0)
      throw new KeyfoldError("INPUT_INVALID", "minReplicas is for one server; a quorum of servers needs none.");
    this.#keeper = new Quorum((clients as readonly RedisClient[]).map((client) => new RedisStore(client, store)));
  }

  /** Takes a lock that is free now; undefined where another holds it. */
  async tryAcquire(name: string, options: Pick<AcquireOptions, "signal"> = {}): Promise<Held | undefined> {
    return this.#acquire(name, 0, options.signal);
  }

  /**
   * Takes a lock, waiting for it in the order of coming.
   *
   * @throws KeyfoldError `CONFLICT` when another still holds it after `waitMs`; `UNAVAILABLE` when fewer than
   *   `minReplicas` acknowledged it.
   */
  async acquire(name: string, { waitMs = 10_000, signal }: AcquireOptions = {}): Promise<Held> {
    const held = await this.#acquire(name, waitMs, signal);
    if (held !== undefined) return held;
    throw new KeyfoldError("CONFLICT", `Another still holds the lock "${name}" after ${waitMs} ms.`, {
      fix: "Wait longer with waitMs, or come back later.",
      data: { lock: name, waitMs },
    });
  }

  /**
   * Runs `work` under a lock and releases it afterwards. `work` gets the lock: pass its `fence` to what it writes, and
   * stop when its `signal` is aborted.
   */
  async with<T>(name: string, work: (held: Held) => Promise<T>, options?: AcquireOptions): Promise<T> {
    const held = await this.acquire(name, options);
    try {
      return await work(held);
    } finally {
      await held.release().catch(() => {}); // its time ends by itself
    }
  }

  /** Ends the connection that waiting needs. Locks that are held stay held until their time is over. */
  close(): void {
    this.#keeper.close();
  }

  async #acquire(name: string, waitMs: number, signal: AbortSignal | undefined): Promise<Held | undefined> {
    const head = `${this.#prefix}:${hashTag(name)}:`;
    const keys = [`${head}l`, `${head}q`, `${head}w`];
    const token = uniqueId();
    const until = performance.now() + waitMs;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const asked = performance.now();
        const answer = await this.#keeper.take(keys, token, this.#ttlMs, Math.ceil(Math.max(0, until - asked)));
        if ("fence" in answer) {
          const held = new Held(this.#keeper, keys, token, answer.fence, this.#ttlMs, asked, this.#renew);
          if (held.valid) return held;
          await held.release();
        }
        const left = until - performance.now();
        if (left <= 0) break;
        const againMs = "againMs" in answer ? answer.againMs : 0;
        await this.#keeper.heard(token, Math.min(left, Math.max(1, againMs)), signal);
        if (performance.now() >= until) break;
      }
    } catch (error) {
      this.#keeper.free(keys, token).catch(() => {});
      if (signal?.aborted === true)
        throw new KeyfoldError("ABORTED", "Waiting for the lock was aborted.", { cause: signal.reason });
      throw error;
    }
    if (waitMs > 0) await this.#keeper.free(keys, token).catch(() => {});
    return undefined;
  }
}

/**
 * Locks over all processes that share a Redis, each with a fencing number.
 *
 * What it does not promise: that only one holder runs. A process that stops longer than `ttlMs` wakes up and does not
 * know; a failover of Redis may forget a lock, unless `minReplicas` have it. The promise is the fence: it grows with every
 * holder, so whatever the lock protects must refuse a write whose fence is under the highest that it has seen. After a
 * failover it grows as far as the clocks of the servers agree.
 *
 * @param client one client; or an array of clients of independent servers, of which a majority must agree (Redlock)
 * @see https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 * @see https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
 * @example
 * ```ts
 * const locks = lock(redis, { prefix: "lock", ttlMs: 5_000 });
 * await locks.with("report", async ({ fence, signal }) => {
 *   await store.write(report, { fence, signal });
 * });
 * ```
 */
export function lock(client: RedisClient | readonly RedisClient[], options: LockOptions): Locks {
  return new Locks(client, options);
}
