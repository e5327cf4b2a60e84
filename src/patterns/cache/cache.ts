import { KeyfoldError } from "../../internal/errors.js";
import { isOutage } from "../redis/errors.js";
import { checkPrefix, checkWhole } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { orAborted } from "../redis/or-aborted.js";
import { type ServerClock, serverClock } from "../redis/server-clock.js";
import { RedisStore, type StoreOptions } from "../redis/store.js";
import { type Answers, Asked, type Caller } from "./asked.js";
import { InvalidationBus } from "./bus.js";
import type { Entry } from "./entry.js";
import { CacheCounter, type CacheStats } from "./events.js";
import { Loads, type Outcome, type Published, StoreDown } from "./loads.js";
import { type Changed, LocalLevel, type LocalOptions } from "./local-level.js";
import { Reader } from "./reader.js";
import { json, type Serializer } from "./serializer.js";
import { groupBySlot, Tags } from "./tags.js";

/** How values are loaded, and how long they are kept. */
export interface CacheOptions<V> extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** Gives the value of an id. `null` and `undefined` are kept too. */
  readonly load: (id: string, context: { readonly signal: AbortSignal }) => Promise<V>;
  /** Milliseconds until a value becomes stale, for all or for each. */
  readonly ttlMs: number | ((value: V, id: string) => number);
  /** The same for `null` and `undefined`. Default: as for other values. */
  readonly nullTtlMs?: number;
  /** A stale value is served for this long while it is loaded anew behind it, and when loading fails. Default 0. */
  readonly staleMs?: number;
  /** The share of `ttlMs` that is taken off at random, so that what was stored together does not end together. Default 0.1. */
  readonly jitter?: number;
  /**
   * How eagerly values are loaded anew before they become stale, by chance that grows with what loading takes (XFetch);
   * 0: never. Default 1.
   */
  readonly earlyRefresh?: number;
  /** The tags by which an entry can be deleted. */
  readonly tags?: (value: V, id: string) => readonly string[];
  /** The longest that loading takes. Default 10,000 ms. */
  readonly loadTimeoutMs?: number;
  /** A process that dies while it loads is replaced after this time. Default 2,000 ms. */
  readonly leaseMs?: number;
  /** Also keep values in this process, which hears of what others change. Default: no. */
  readonly local?: LocalOptions;
  /** Default: JSON. */
  readonly serializer?: Serializer<V>;
  /**
   * While Redis does not answer: `load` asks the loader, once per id and process; `stale` serves what this process has
   * first; `fail` throws. Default `load`.
   */
  readonly whenDown?: "load" | "stale" | "fail";
}

/** One read's wishes. */
export interface GetOptions {
  /** Ends this caller's wait; a load that others wait for goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** A cache in front of a loader; made by {@link cache}. */
export class Cache<V> {
  readonly #store: RedisStore;
  readonly #clock: ServerClock;
  readonly #counter: CacheCounter;
  readonly #reader: Reader<V>;
  readonly #loads: Loads<V>;
  readonly #tags: Tags;
  readonly #tagged: boolean;
  readonly #local: LocalLevel<V> | undefined;
  readonly #bus: InvalidationBus<V> | undefined;
  readonly #early: number;
  readonly #whenDown: "load" | "stale" | "fail";
  readonly #answers: Answers<V> = {
    stored: ({ id, stamp }, entry) => this.#serve(id, entry, stamp),
    missing: ({ id, since, stamp }, invalid) => {
      this.#counter.count("miss", id);
      return this.#miss(id, since, invalid, stamp);
    },
    down: ({ id, since }, error) => this.#withoutStore(id, since, error),
  };

  constructor(client: RedisClient, options: CacheOptions<V>) {
    const prefix = checkPrefix(options.prefix);
    const { ttlMs, nullTtlMs, jitter = 0.1, earlyRefresh = 1 } = options;
    const staleMs = checkWhole(options.staleMs ?? 0, "staleMs", 0);
    if (typeof ttlMs !== "function") checkWhole(ttlMs, "ttlMs");
    if (typeof options.load !== "function") throw new KeyfoldError("INPUT_INVALID", "load is a function.");
    if (!(jitter >= 0 && jitter < 1)) throw new KeyfoldError("INPUT_INVALID", "jitter is a share, from 0 to under 1.");
    const longest = typeof ttlMs === "function" ? 31_536_000_000 : ttlMs + staleMs;
    const serializer = options.serializer ?? (json as Serializer<V>);
    this.#store = new RedisStore(client, options);
    this.#clock = serverClock(this.#store);
    this.#counter = new CacheCounter(prefix);
    this.#tagged = options.tags !== undefined;
    this.#tags = new Tags(this.#store, prefix, Math.max(longest, nullTtlMs ?? 0));
    this.#reader = new Reader(this.#store, prefix, serializer, this.#tags);
    this.#early = earlyRefresh;
    this.#whenDown = options.whenDown ?? "load";
    this.#loads = new Loads(
      this.#store,
      {
        load: options.load,
        ttl(value, id) {
          const base = value === null || value === undefined ? (nullTtlMs ?? ttlMs) : ttlMs;
          const ms = (typeof base === "function" ? base(value, id) : base) * (1 - jitter * Math.random());
          return { staleMs: ms, goneMs: ms + staleMs };
        },
        tagsOf: options.tags,
        loadTimeoutMs: checkWhole(options.loadTimeoutMs ?? 10_000, "loadTimeoutMs"),
        leaseMs: checkWhole(options.leaseMs ?? 2_000, "leaseMs", 10),
        serializer,
      },
      this.#tags,
      this.#counter,
    );
    if (options.local !== undefined) {
      this.#local = new LocalLevel(options.local);
      this.#bus = new InvalidationBus(this.#store, prefix, this.#local, options.local.invalidation === "tracking");
    }
  }

  /**
   * The value of an id, from the cache or from the loader. Ids asked for within one turn of the event loop travel in one
   * command.
   *
   * @throws what the loader throws, to every caller that waits for it; KeyfoldError `LOAD_FAILED` where it failed in
   *   another process.
   */
  get(id: string, options?: GetOptions): Promise<V> {
    if (this.#local !== undefined && this.#bus!.active) {
      const now = performance.now();
      const hit = this.#local.get(id, now);
      if (hit !== undefined) {
        this.#counter.count("hit-local", id);
        if (this.#due(hit.staleAt - now, hit.loadMs)) this.#refreshBehind(id, "");
        return Promise.resolve(hit.value);
      }
    }
    const value = new Promise<V>((resolve, reject) =>
      this.#ask(id, this.#loads.begin(), { resolve, failed: reject }, 0),
    );
    return orAborted(value, options?.signal);
  }

  /** The values of many ids, in their order; those that are cached come in one round trip. */
  getMany(ids: readonly string[], options?: GetOptions): Promise<V[]> {
    // The in-process level answers one by one; what is read from Redis needs no promise for each.
    if (this.#bus?.active === true) return Promise.all(ids.map((id) => this.get(id, options)));
    const values = new Promise<V[]>((resolve, failed) => {
      const found = new Array<V>(ids.length);
      let left = ids.length;
      if (left === 0) resolve(found);
      const since = this.#loads.begin();
      const caller: Caller<V> = {
        resolve(value, at) {
          found[at] = value;
          if (--left === 0) resolve(found);
        },
        failed,
      };
      for (let at = 0; at < ids.length; at++) this.#ask(ids[at]!, since, caller, at);
    });
    return orAborted(values, options?.signal);
  }

  /** What is cached for an id; undefined where nothing is. Nothing is loaded. */
  async peek(id: string): Promise<{ readonly value: V } | undefined> {
    const { entry } = await this.#reader.read(id);
    return entry === undefined ? undefined : { value: entry.value };
  }

  /** Stores a value that the caller knows to be the newest. */
  async set(id: string, value: V): Promise<void> {
    await this.#change({ ids: [id] }, () => this.#loads.store(id, this.#keys(id), value));
  }

  /** Loads an id anew, whatever is cached. */
  async refresh(id: string): Promise<V> {
    const since = this.#loads.begin();
    return this.#change({ ids: [id] }, () => this.#miss(id, since, "?"));
  }

  /**
   * Deletes entries. When it has returned, no caller in any process is served a value that was loaded before; in-process
   * levels of other processes follow as fast as a message.
   */
  async delete(...ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    const groups = this.#store.link.cluster ? groupBySlot(ids, (id) => this.#reader.key(id)) : [ids];
    await this.#change({ ids }, () =>
      Promise.all(
        groups.map((group) => {
          const keys = group.flatMap((id) => this.#keys(id));
          return this.#store.command(keys[0], "DEL", keys, true);
        }),
      ),
    );
  }

  /** Deletes all entries with one of these tags, with the promise of {@link delete}. */
  async deleteByTag(...tags: string[]): Promise<void> {
    if (!this.#tagged)
      throw new KeyfoldError("INPUT_INVALID", "This cache has no tags.", { fix: "Give it the option tags." });
    if (tags.length === 0) return;
    await this.#change({ tags }, () => this.#tags.bump(tags));
  }

  /** How often it hit, missed, loaded, and so on. */
  stats(): CacheStats & { readonly localEntries: number } {
    return { ...this.#counter.counts, localEntries: this.#local?.size ?? 0 };
  }

  /** Ends the connection that the in-process level needs. The client stays open: it is yours. */
  close(): void {
    this.#bus?.close();
    this.#local?.clear();
  }

  #keys(id: string): [value: string, lease: string] {
    const key = this.#reader.key(id);
    return [key, `${key.slice(0, -1)}l`];
  }

  /** Changes what is stored; this process' level forgets it before and, for reads that came between, after. */
  async #change<T>(changed: Changed, write: () => Promise<T>): Promise<T> {
    this.#local?.forget(changed);
    const result = await write();
    this.#local?.forget(changed);
    await this.#bus?.tell(changed);
    return result;
  }

  /** Whether this caller takes a value for stale that has so much time left: by chance, which is never above 37 loads. */
  #due(leftMs: number, loadMs: number): boolean {
    const scale = loadMs * this.#early;
    return leftMs <= 0 || (leftMs < 37 * scale && leftMs <= -scale * Math.log(Math.random()));
  }

  /** Tells a caller the value of an id, as its number `at`. */
  #ask(id: string, since: number, caller: Caller<V>, at: number): void {
    this.#reader.ask(new Asked(this.#answers, caller, id, at, since, this.#local?.stamp(id)));
  }

  #serve(id: string, entry: Entry<V>, stamp: number | undefined): V {
    const now = this.#clock.now();
    const left = now === undefined ? 0 : entry.staleAt - now;
    if (now !== undefined && this.#due(left, entry.loadMs)) {
      if (left <= 0) this.#counter.count("stale", id);
      this.#refreshBehind(id, entry.head);
    }
    this.#counter.count("hit", id);
    if (this.#local !== undefined && now !== undefined) {
      const { loadMs, goneAt } = entry;
      const tags = entry.tags === undefined ? [] : Object.keys(entry.tags);
      const times = { staleMs: left, goneMs: goneAt - now, loadMs, tags };
      this.#local.put(id, stamp!, entry.value, performance.now(), times);
    }
    return entry.value;
  }

  /** Loads, or waits for who loads; a value that may be older than this call's beginning is not taken. */
  async #miss(id: string, since: number, unwanted: string, stamp?: number): Promise<V> {
    let head = unwanted;
    for (;;) {
      const running = this.#loads.running(id);
      if (running !== undefined) this.#counter.count("joined", id);
      let outcome: Outcome<V>;
      try {
        outcome = await (running ?? this.#loads.start(id, this.#keys(id), head, true));
      } catch (error) {
        if (!(error instanceof StoreDown)) throw error;
        return this.#withoutStore(id, since, error.cause);
      }
      if (outcome.kind === "loaded" && (outcome.published !== undefined || outcome.begun > since)) {
        if (stamp !== undefined) this.#keep(id, stamp, outcome.value, outcome.published);
        return outcome.value;
      }
      const { entry, invalid } = await this.#reader.read(id);
      if (entry !== undefined && (head !== "?" || outcome.kind === "stored")) return entry.value;
      head = unwanted === "?" ? "?" : invalid;
    }
  }

  #keep(id: string, stamp: number, value: V, published: Published | undefined): void {
    if (published !== undefined) this.#local?.put(id, stamp, value, performance.now(), published);
  }

  #refreshBehind(id: string, head: string): void {
    if (this.#loads.running(id) !== undefined || this.#store.broken) return;
    const stamp = this.#local?.stamp(id);
    const refresh = async () => {
      const unwanted = head === "" ? ((await this.#reader.read(id)).entry?.head ?? "") : head;
      if (this.#loads.running(id) !== undefined) return;
      const outcome = await this.#loads.start(id, this.#keys(id), unwanted, false);
      if (outcome.kind === "loaded" && stamp !== undefined) this.#keep(id, stamp, outcome.value, outcome.published);
    };
    refresh().catch(() => {}); // counted where it failed; the stale value was served
  }

  /** Redis does not answer: what was asked for is had otherwise, or not, as was decided. */
  async #withoutStore(id: string, since: number, error: unknown): Promise<V> {
    if (!isOutage(error)) throw error;
    this.#counter.count("store-failed", id, { error });
    if (this.#whenDown === "fail") throw error;
    if (this.#whenDown === "stale") {
      const old = this.#local?.getOld(id, performance.now());
      if (old !== undefined) return old.value;
    }
    for (;;) {
      const outcome = await (this.#loads.running(id) ?? this.#loads.startDirect(id));
      if (outcome.kind === "loaded" && (outcome.published !== undefined || outcome.begun > since)) return outcome.value;
    }
  }
}

/**
 * A cache in front of a loader, over all processes that share a Redis: one load at a time, and never a value that was
 * loaded before a delete after it.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const users = cache(redis, { prefix: "user", ttlMs: 60_000, load: (id, { signal }) => loadUser(id, signal) });
 * const user = await users.get("42");
 * await users.delete("42");
 * ```
 */
export function cache<V>(client: RedisClient, options: CacheOptions<V>): Cache<V> {
  return new Cache(client, options);
}
