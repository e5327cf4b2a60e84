import { KeyfoldError } from "../../internal/errors.js";
import { aborted } from "../redis/errors.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { luaNow, script } from "../redis/script.js";
import { type CallOptions, RedisStore, type StoreOptions, uniqueId } from "../redis/store.js";

/** How many may run at once, and for how long one that says nothing counts. */
export interface ConcurrencyOptions extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** How many may run at once. */
  readonly limit: number;
  /** A holder that neither releases nor renews counts for this long. Default 30,000 ms. */
  readonly leaseMs?: number;
  /** In an outage: let everyone in, or throw. Default `closed`, which throws. */
  readonly fail?: "open" | "closed";
}

/** A place, or that there was none. */
export interface Permit {
  readonly allowed: boolean;
  /** Holders at the moment, this one included. */
  readonly active: number;
  /** Gives the place back. Harmless when repeated. */
  release(): Promise<void>;
  /** Keeps the place for another lease; false when it was lost. */
  renew(): Promise<boolean>;
}

/** KEYS[1]: holders by the end of their leases. ARGV: token, limit, lease. A repeated call finds its own token. */
const acquire = script(`${luaNow}
redis.call('ZREMRANGEBYSCORE',KEYS[1],'-inf',now)
local n=redis.call('ZCARD',KEYS[1])
local mine=redis.call('ZSCORE',KEYS[1],ARGV[1])
if not mine and n>=tonumber(ARGV[2]) then return {0,n} end
redis.call('ZADD',KEYS[1],string.format('%.0f',now+ARGV[3]*1000),ARGV[1])
if redis.call('PTTL',KEYS[1])<tonumber(ARGV[3]) then redis.call('PEXPIRE',KEYS[1],ARGV[3]) end
return {1,mine and n or n+1}`);

const renew = script(`${luaNow}
local s=redis.call('ZSCORE',KEYS[1],ARGV[1])
if not s or tonumber(s)<=now then return 0 end
redis.call('ZADD',KEYS[1],string.format('%.0f',now+ARGV[2]*1000),ARGV[1])
if redis.call('PTTL',KEYS[1])<tonumber(ARGV[2]) then redis.call('PEXPIRE',KEYS[1],ARGV[2]) end
return 1`);

/** Limits how many run at once; made by {@link concurrencyLimit}. */
export class ConcurrencyLimiter {
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #limit: number;
  readonly #leaseMs: number;
  readonly #fail: "open" | "closed";

  constructor(client: RedisClient, options: ConcurrencyOptions) {
    this.#store = new RedisStore(client, options);
    this.#prefix = checkPrefix(options.prefix);
    this.#limit = checkWhole(options.limit, "limit");
    this.#leaseMs = checkWhole(options.leaseMs ?? 30_000, "leaseMs");
    this.#fail = options.fail ?? "closed";
  }

  /** Takes a place where there is one. */
  async acquire(key: string, options?: CallOptions): Promise<Permit> {
    const place = [`${this.#prefix}:${hashTag(key)}:c`];
    const token = uniqueId();
    const give = async () => {
      await this.#store.command(place[0]!, "ZREM", [place[0]!, token], true);
    };
    const keep = async () => (await this.#store.run(renew, place, [token, String(this.#leaseMs)])) === 1;
    try {
      const args = [token, String(this.#limit), String(this.#leaseMs)];
      const [allowed, active] = (await this.#store.run(acquire, place, args, options)) as [number, number];
      const nothing = allowed === 1 ? undefined : async () => {};
      return {
        allowed: allowed === 1,
        active,
        release: nothing ?? give,
        renew: allowed === 1 ? keep : async () => false,
      };
    } catch (error) {
      const down = error instanceof KeyfoldError && /UNAVAILABLE|OUTCOME_UNKNOWN/.test(error.code);
      if (options?.signal?.aborted === true) {
        if (down) give().catch(() => {}); // nobody is there who could give it back
        throw down ? aborted(options.signal) : error;
      }
      if (!down || this.#fail === "closed") throw error;
      return { allowed: true, active: 0, release: () => give().catch(() => {}), renew: keep };
    }
  }
}

/**
 * Limits how many holders there are at once, over all processes. A holder that dies counts until its lease ends, by the
 * server's clock. Worst case: `limit`, as long as holders end or renew within their lease.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const exports = concurrencyLimit(redis, { prefix: "export", limit: 2 });
 * const permit = await exports.acquire("user:42");
 * if (permit.allowed) try { await run(); } finally { await permit.release(); }
 * ```
 */
export function concurrencyLimit(client: RedisClient, options: ConcurrencyOptions): ConcurrencyLimiter {
  return new ConcurrencyLimiter(client, options);
}
