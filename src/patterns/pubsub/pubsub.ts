import { KeyfoldError } from "../../internal/errors.js";
import { checkPrefix, hashTag } from "../redis/keys.js";
import { type RedisClient, refuseKeyPrefix } from "../redis/link.js";
import { sendOnce } from "../redis/once.js";
import { luaOnce, script } from "../redis/script.js";
import { type CallOptions, RedisStore, type StoreOptions } from "../redis/store.js";
import { Subscriber } from "../redis/subscriber.js";
import type { SubscribeKind } from "../redis/subscriptions.js";
import { type Heard, type QueueOptions, Subscription } from "./subscription.js";

/** How messages become text. */
export interface MessageCodec {
  encode(message: unknown): string;
  decode(text: string): unknown;
}

/** How channels are named and messages written. */
export interface PubSubOptions extends StoreOptions {
  /** What all channels begin with; ioredis puts no `keyPrefix` before them. */
  readonly prefix: string;
  /**
   * Sharded pub/sub: on a Cluster a channel lives on one shard, and not every node carries every message. There are no
   * patterns over it. Default false.
   */
  readonly sharded?: boolean;
  /** Default: JSON. */
  readonly codec?: MessageCodec;
}

/** KEYS: `luaOnce`'s. ARGV: channel, message, then those of `luaOnce`. Published once, though sent twice. */
const publishOnce = script(`${luaOnce}return once(redis.call('PUBLISH',ARGV[1],ARGV[2]))`);
/** The same for a sharded channel, which lies in a slot as keys do: KEYS has it first. */
const publishShardedOnce = script(`${luaOnce}return once(redis.call('SPUBLISH',KEYS[1],ARGV[2]))`);

/** Typed channels; made by {@link pubsub}. `C`: message types by channel name. */
export class PubSub<C extends object> {
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #sharded: boolean;
  readonly #codec: MessageCodec;
  /** One for all plain channels; a sharded channel needs a connection to its own shard. */
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #open = new Set<Subscription<never>>();

  constructor(client: RedisClient, options: PubSubOptions) {
    this.#store = new RedisStore(client, options);
    this.#prefix = checkPrefix(options.prefix);
    this.#sharded = options.sharded ?? false;
    if (this.#sharded) refuseKeyPrefix(this.#store.link, "sharded pub/sub");
    this.#codec = options.codec ?? { encode: JSON.stringify, decode: JSON.parse };
  }

  /**
   * Sends a message to whoever listens now, and resolves to how many that were (on a Cluster: on one node). Pub/sub keeps
   * nothing for those who come later: for messages that must arrive take `keyfold/stream`.
   */
  async publish<K extends keyof C & string>(channel: K, message: C[K], options?: CallOptions): Promise<number> {
    const name = this.#channel(channel);
    const text = this.#codec.encode(message);
    if (typeof text !== "string")
      throw new KeyfoldError("INPUT_INVALID", "A message is something that the codec can hold.");
    const head = `${this.#prefix}:${hashTag(channel)}:`;
    const { link } = this.#store;
    const reply = await sendOnce(this.#store, head, { deadlineMs: options?.deadlineMs }, ([id, until], leftMs) => {
      const call = { ...options, deadlineMs: leftMs ?? options?.deadlineMs, repeatable: id !== "" };
      if (id === "" && !link.cluster)
        return this.#store.command(name, this.#sharded ? "SPUBLISH" : "PUBLISH", [name, text], true, call);
      // The key also leads all messages of a channel through one node, which keeps their order.
      const keys = this.#sharded ? [name, head + id] : [head + id];
      return this.#store.run(this.#sharded ? publishShardedOnce : publishOnce, keys, [name, text, id, until], call);
    });
    return Number(reply);
  }

  /**
   * Listens to a channel; resolves when messages that are published from now on arrive. While Redis is out of reach it
   * tries on, until `signal` is aborted.
   *
   * @throws KeyfoldError `UNAUTHORIZED` where the user may not listen to it.
   *
   * @example
   * ```ts
   * for await (const heard of await news.subscribe("prices", { signal })) {
   *   if (heard.kind === "message") show(heard.message);
   *   if (heard.kind === "gap") await readAllAgain();
   * }
   * ```
   */
  subscribe<K extends keyof C & string>(channel: K, options: QueueOptions = {}): Promise<Subscription<C[K]>> {
    return this.#subscribe(this.#sharded ? "ssubscribe" : "subscribe", this.#channel(channel), options);
  }

  /** Listens to all channels whose names fit a pattern of Redis (`*`, `?`, `[ab]`). */
  async subscribePattern(pattern: string, options: QueueOptions = {}): Promise<Subscription<C[keyof C]>> {
    if (this.#sharded) throw new KeyfoldError("INPUT_INVALID", "Redis has no patterns over sharded channels.");
    return this.#subscribe("psubscribe", `${this.#prefix.replace(/[*?[\]\\]/g, "\\$&")}:${pattern}`, options);
  }

  /** Ends all subscriptions and their connections. */
  close(): void {
    for (const subscription of this.#open) subscription.close();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  async #subscribe<T>(kind: SubscribeKind, name: string, options: QueueOptions): Promise<Subscription<T>> {
    const subscriber = this.#subscriber(kind === "ssubscribe" && this.#store.link.cluster ? name : "");
    const hear = (text: string, channel: string) => subscription.push(this.#read<T>(text, channel));
    const subscription = new Subscription<T>(options, () => {
      subscriber.unsubscribe(kind, name, hear);
      forget();
      this.#open.delete(subscription as never);
    });
    const forget = subscriber.onGap(() =>
      subscription.push({ kind: "gap", reason: "reconnected", dropped: undefined }),
    );
    if (options.signal?.aborted === true) return subscription;
    this.#open.add(subscription as never);
    try {
      await subscriber.subscribe(kind, name, hear, options.signal);
    } catch (error) {
      const ended = !this.#open.has(subscription as never);
      subscription.close();
      if (!ended) throw error; // else the caller, who ended it, gets what has ended
    }
    return subscription;
  }

  #subscriber(shard: string): Subscriber {
    let subscriber = this.#subscribers.get(shard);
    if (subscriber === undefined) {
      subscriber = new Subscriber(this.#store.link, shard === "" ? undefined : shard);
      this.#subscribers.set(shard, subscriber);
    }
    return subscriber;
  }

  #read<T>(text: string, name: string): Heard<T> {
    const bare = name.slice(this.#prefix.length + 1);
    const channel = this.#sharded ? bare.slice(1, -1) : bare;
    try {
      return { kind: "message", channel, message: this.#codec.decode(text) as T };
    } catch (error) {
      return { kind: "unreadable", channel, raw: text, error };
    }
  }

  #channel(channel: string): string {
    if (typeof channel !== "string" || channel === "")
      throw new KeyfoldError("INPUT_INVALID", "A channel has a name that is not empty.");
    if (!this.#sharded) return `${this.#prefix}:${channel}`;
    if (/[{}%]/.test(channel))
      throw new KeyfoldError("INPUT_INVALID", "The name of a sharded channel has no {, } or %.");
    return `${this.#prefix}:${hashTag(channel)}`;
  }
}

/**
 * Typed channels over Redis' pub/sub, which tell their readers when messages were lost.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const news = pubsub<{ prices: Price; orders: Order }>(redis, { prefix: "shop" });
 * await news.publish("prices", { sku: "1", cents: 250 });
 * ```
 */
export function pubsub<C extends object = Record<string, unknown>>(
  client: RedisClient,
  options: PubSubOptions,
): PubSub<C> {
  return new PubSub<C>(client, options);
}
