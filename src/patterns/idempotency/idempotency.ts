import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { luaNow, script } from "../redis/script.js";
import { RedisStore, type StoreOptions, uniqueId } from "../redis/store.js";

/** How long results and claims are kept. */
export interface IdempotencyOptions extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** A result is kept, and replayed, for this long. Default 86,400,000 ms, a day. */
  readonly ttlMs?: number;
  /** A run that dies frees its key after this time. It is renewed while the run lives. Default 10,000 ms. */
  readonly leaseMs?: number;
}

/** What identifies a run beside its key. */
export interface RunOptions {
  /** Anything that JSON can hold: a key that comes again with another one is refused. */
  readonly fingerprint?: unknown;
  /** Milliseconds to wait for another run of this key. Default 0: it is refused at once. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a run is told. */
export interface RunContext {
  /** Aborted when the key was lost: this process was silent for longer than its lease. */
  readonly signal: AbortSignal;
  /** 1, or more when earlier runs died: what they did may be half done. */
  readonly attempt: number;
}

/** The result of a run, and whether it was an earlier one's. */
export interface RunResult<T> {
  readonly value: T;
  readonly replayed: boolean;
}

/** A key's state as its caller finds it. */
export type Claim<T> =
  | { readonly state: "run"; readonly run: ClaimedRun<T> }
  | { readonly state: "done"; readonly value: T }
  | { readonly state: "in-progress"; readonly againMs: number }
  | { readonly state: "mismatch" };

/** KEYS[1]: a hash of token, fingerprint, lease end, result, attempts. ARGV: token, fingerprint, lease, TTL. */
const begin = script(`${luaNow}
local t,f,e,r=unpack(redis.call('HMGET',KEYS[1],'t','f','e','r'))
if f and f~=ARGV[2] then return {3} end
if r then return {2,r} end
if t and t~=ARGV[1] and tonumber(e)>now then return {1,math.ceil((e-now)/1000)} end
redis.call('HSET',KEYS[1],'t',ARGV[1],'f',ARGV[2],'e',string.format('%.0f',now+ARGV[3]*1000))
redis.call('PEXPIRE',KEYS[1],ARGV[4])
if t==ARGV[1] then return {0,tonumber(redis.call('HGET',KEYS[1],'n'))} end
return {0,redis.call('HINCRBY',KEYS[1],'n',1)}`);

/** ARGV: token, result, TTL. 1 also when it was stored before by the same token. */
const complete = script(`if redis.call('HGET',KEYS[1],'t')~=ARGV[1] then return 0 end
redis.call('HSET',KEYS[1],'r',ARGV[2])
redis.call('PEXPIRE',KEYS[1],ARGV[3])
return 1`);

/** ARGV: token. */
const abandon =
  script(`if redis.call('HGET',KEYS[1],'t')~=ARGV[1] or redis.call('HEXISTS',KEYS[1],'r')==1 then return 0 end
return redis.call('DEL',KEYS[1])`);

/** ARGV: token, lease. */
const renew = script(`${luaNow}
if redis.call('HGET',KEYS[1],'t')~=ARGV[1] then return 0 end
redis.call('HSET',KEYS[1],'e',string.format('%.0f',now+ARGV[2]*1000))
return 1`);

/** A run that holds its key: it must be completed or abandoned. */
export class ClaimedRun<T> implements RunContext {
  readonly attempt: number;
  readonly #store: RedisStore;
  readonly #keys: readonly string[];
  readonly #token: string;
  readonly #options: { readonly ttlMs: number; readonly leaseMs: number };
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    store: RedisStore,
    keys: readonly string[],
    token: string,
    attempt: number,
    options: { readonly ttlMs: number; readonly leaseMs: number },
  ) {
    this.attempt = attempt;
    this.#store = store;
    this.#keys = keys;
    this.#token = token;
    this.#options = options;
    this.#renewLater();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Stores the result.
   *
   * @throws KeyfoldError `CONFLICT` when the key was lost to another run meanwhile.
   */
  async complete(value: T): Promise<void> {
    clearTimeout(this.#timer);
    const result = JSON.stringify({ v: value });
    const args = [this.#token, result, String(this.#options.ttlMs)];
    if ((await this.#store.run(complete, this.#keys, args)) !== 1) throw this.#lost();
  }

  /** Frees the key: the next caller runs. */
  async abandon(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#store.run(abandon, this.#keys, [this.#token]);
  }

  #lost(): KeyfoldError {
    return new KeyfoldError("CONFLICT", "Another run took this key over: this one was silent for too long.", {
      fix: "Raise leaseMs over the longest pause of the process.",
      data: { reason: "lost" },
    });
  }

  #renewLater(): void {
    const { leaseMs } = this.#options;
    this.#timer = setTimeout(() => {
      this.#store.run(renew, this.#keys, [this.#token, String(leaseMs)]).then(
        (held) => (held === 1 ? this.#renewLater() : this.#controller.abort(this.#lost())),
        () => this.#renewLater(),
      );
    }, leaseMs / 3);
    this.#timer.unref();
  }
}

/** Runs work once per key; made by {@link idempotency}. */
export class Idempotency {
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #times: { readonly ttlMs: number; readonly leaseMs: number };

  constructor(client: RedisClient, options: IdempotencyOptions) {
    this.#store = new RedisStore(client, options);
    this.#prefix = checkPrefix(options.prefix);
    const { ttlMs = 86_400_000, leaseMs = 10_000 } = options;
    this.#times = { ttlMs: checkWhole(ttlMs, "ttlMs"), leaseMs: checkWhole(leaseMs, "leaseMs", 10) };
  }

  /**
   * Runs `work` where this key has not been done, else gives the stored result. A run that throws frees its key. A
   * process that dies frees it after its lease, and the next run learns from `attempt` that it is not the first.
   *
   * @throws KeyfoldError `CONFLICT` with `data.reason` `in-progress`, `fingerprint` or `lost`; `UNAVAILABLE` before
   *   anything was run when Redis does not answer; `OUTCOME_UNKNOWN` when the work is done and its result could not be
   *   stored for certain.
   */
  async run<T>(
    key: string,
    work: (context: RunContext) => Promise<T>,
    options: RunOptions = {},
  ): Promise<RunResult<T>> {
    const until = performance.now() + (options.waitMs ?? 0);
    for (let tries = 0; ; tries++) {
      const claim = await this.claim<T>(key, options);
      if (claim.state === "done") return { value: claim.value, replayed: true };
      if (claim.state === "mismatch") throw conflict("fingerprint", "This key was used with another request.");
      if (claim.state === "run") return this.#finish(claim.run, work);
      const left = until - performance.now();
      if (left <= 0) throw conflict("in-progress", "This key is being run.", { againMs: claim.againMs });
      const waitMs = Math.min(left, 10 + fullJitterMs(tries, 10, 200, Math.random));
      await sleep(waitMs, undefined, { signal: options.signal }).catch(() => {}); // the next claim tells of its end
    }
  }

  /** The parts of {@link run}, for what cannot wait in one function. */
  async claim<T>(key: string, options: RunOptions = {}): Promise<Claim<T>> {
    const { ttlMs, leaseMs } = this.#times;
    const keys = [`${this.#prefix}:${hashTag(key)}:i`];
    const token = uniqueId();
    const print = createHash("sha256")
      .update(JSON.stringify(options.fingerprint ?? null))
      .digest("base64url");
    const args = [token, print, String(leaseMs), String(Math.max(ttlMs, leaseMs))];
    const call = { signal: options.signal };
    let reply: [number, string | number];
    try {
      reply = (await this.#store.run(begin, keys, args, call)) as [number, string | number];
    } catch (error) {
      // It may have been claimed without an answer: nobody shall wait for a run that never began.
      this.#store.run(abandon, keys, [token]).catch(() => {});
      throw error;
    }
    const [state, value] = reply;
    if (state === 0) return { state: "run", run: new ClaimedRun(this.#store, keys, token, Number(value), this.#times) };
    if (state === 1) return { state: "in-progress", againMs: Number(value) };
    if (state === 3) return { state: "mismatch" };
    return { state: "done", value: (JSON.parse(String(value)) as { v: T }).v };
  }

  /** Forgets a key: it can be run again. */
  async forget(key: string): Promise<void> {
    const name = `${this.#prefix}:${hashTag(key)}:i`;
    await this.#store.command(name, "DEL", [name], true);
  }

  async #finish<T>(run: ClaimedRun<T>, work: (context: RunContext) => Promise<T>): Promise<RunResult<T>> {
    let value: T;
    try {
      value = await work(run);
    } catch (error) {
      await run.abandon().catch(() => {}); // its lease ends by itself
      throw error;
    }
    await run.complete(value);
    return { value, replayed: false };
  }
}

function conflict(reason: string, message: string, data: object = {}): KeyfoldError {
  return new KeyfoldError("CONFLICT", message, { data: { reason, ...data } });
}

/**
 * Runs work once per key over all processes that share a Redis, and gives later callers the first one's result.
 *
 * What it does not promise: that work whose process died in the middle was not half done; `attempt` says so.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const once = idempotency(redis, { prefix: "payment" });
 * const { value, replayed } = await once.run(order.id, () => charge(order), { fingerprint: order });
 * ```
 */
export function idempotency(client: RedisClient, options: IdempotencyOptions): Idempotency {
  return new Idempotency(client, options);
}
