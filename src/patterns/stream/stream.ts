import { KeyfoldError } from "../../internal/errors.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { sendOnce } from "../redis/once.js";
import { soon } from "../redis/soon.js";
import { type CallOptions, RedisStore, type StoreOptions } from "../redis/store.js";
import { Consumer, type ConsumerOptions } from "./consumer.js";
import { addScript, infoScript, reviveScript, trimScript } from "./scripts.js";
import type { Codec, TrimOptions } from "./types.js";

/** So many events travel in one command. */
const MAX_BATCH = 256;

/** Where a stream lies and how long it remembers. */
export interface StreamOptions<E> extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** The stream's name. All its keys lie in one slot. */
  readonly name: string;
  /** An event with an id is added once within this time. Default 600,000 ms. */
  readonly dedupeMs?: number;
  /** Default: JSON. */
  readonly codec?: Codec<E>;
}

/** One event's wishes. */
export interface AddOptions {
  /** Names the event: within `dedupeMs` it is added once, whoever adds it again. */
  readonly id?: string;
}

/** What became of an event. */
export interface Added {
  /** Its place in the stream. */
  readonly place: string;
  /** It was there already. */
  readonly duplicate: boolean;
}

/** Figures of a stream and one of its groups. */
export interface StreamInfo {
  readonly length: number;
  /** Events that failed too often. */
  readonly dead: number;
  /** Delivered, and neither done nor given up. */
  readonly pending: number;
  /** Not yet delivered; undefined where Redis cannot tell. */
  readonly lag: number | undefined;
  /** Age of the oldest that is pending. */
  readonly oldestPendingMs: number;
}

/** An event that failed too often. */
export interface DeadLetter<E> {
  /** Its place among the dead letters. */
  readonly place: string;
  readonly event: E;
  /** Its place in the stream. */
  readonly from: string;
  readonly group: string;
  readonly deliveries: number;
  readonly error: string;
}

interface Waiting {
  readonly id: string | undefined;
  readonly body: string;
  readonly resolve: (added: Added) => void;
  readonly reject: (error: unknown) => void;
}

/** Durable events; made by {@link stream}. */
export class Stream<E> {
  readonly #store: RedisStore;
  readonly #key: string;
  readonly #dedupeMs: string;
  readonly #codec: Codec<E>;
  #batch: Waiting[] = [];

  constructor(client: RedisClient, options: StreamOptions<E>) {
    this.#store = new RedisStore(client, options);
    this.#key = `${checkPrefix(options.prefix)}:${hashTag(options.name)}:`;
    this.#dedupeMs = String(checkWhole(options.dedupeMs ?? 600_000, "dedupeMs"));
    this.#codec = options.codec ?? { encode: JSON.stringify, decode: JSON.parse };
  }

  /**
   * Adds an event; resolves when Redis has it. Events that are added within one turn of the event loop travel together.
   * A client that sends again by itself adds it once nevertheless.
   *
   * @throws KeyfoldError `OUTCOME_UNKNOWN` when no answer came: add it again under the same `id`.
   */
  add(event: E, options?: AddOptions): Promise<Added> {
    const body = this.#codec.encode(event);
    if (typeof body !== "string")
      return Promise.reject(new KeyfoldError("INPUT_INVALID", "An event is something that its codec can hold."));
    return new Promise((resolve, reject) => {
      if (this.#batch.length === 0) soon(() => this.#flush());
      this.#batch.push({ id: options?.id, body, resolve, reject });
      if (this.#batch.length >= MAX_BATCH) this.#flush();
    });
  }

  /** Adds many events, in their order. */
  addMany(events: Iterable<E>): Promise<Added[]> {
    return Promise.all(Array.from(events, (event) => this.add(event)));
  }

  /**
   * Reads the stream as one of a group: each event goes to one consumer of the group, again after it failed or its
   * consumer died, at least once.
   *
   * @example
   * ```ts
   * const consumer = orders.consume({ group: "billing", handle: async ({ event, attempt }) => bill(event) });
   * // … and when the process ends
   * await consumer.drain();
   * ```
   */
  consume(options: ConsumerOptions<E>): Consumer<E> {
    return new Consumer(this.#store, { stream: `${this.#key}s`, dead: `${this.#key}dead` }, this.#codec, options);
  }

  /** Length, pending, lag and dead letters, as a group sees them. */
  async info(group: string, options?: CallOptions): Promise<StreamInfo> {
    const keys = [`${this.#key}s`, `${this.#key}dead`];
    const reply = (await this.#store.run(infoScript, keys, [group], options)) as number[];
    const [length, dead, pending, lag, oldestPendingMs] = reply as [number, number, number, number, number];
    return { length, dead, pending, lag: lag < 0 ? undefined : lag, oldestPendingMs };
  }

  /** Removes what every group has done, but never what one has pending or has not read; resolves to how many. */
  async trim({ length = 0, ms = 0 }: TrimOptions = {}): Promise<number> {
    return (await this.#store.run(trimScript, [`${this.#key}s`], [String(length), String(ms)])) as number;
  }

  /** The oldest dead letters. */
  async deadLetters(count = 100): Promise<DeadLetter<E>[]> {
    const key = `${this.#key}dead`;
    const reply = await this.#store.command(key, "XRANGE", [key, "-", "+", "COUNT", String(count)], false);
    return (reply as [string, string[]][]).map(([place, fields]) => {
      const field = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
      return {
        place,
        event: this.#codec.decode(fields[1]!),
        from: field("id"),
        group: field("group"),
        deliveries: Number(field("deliveries")),
        error: field("error"),
      };
    });
  }

  /** Puts a dead letter back at the end of the stream; false when it is not there any more. */
  async revive(place: string): Promise<boolean> {
    return (await this.#store.run(reviveScript, [`${this.#key}s`, `${this.#key}dead`], [place])) !== null;
  }

  /** Drops a dead letter; false when it is not there any more. */
  async bury(place: string): Promise<boolean> {
    const key = `${this.#key}dead`;
    return (await this.#store.command(key, "XDEL", [key, place], true)) === 1;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#send(batch).catch((error) => {
      for (const { reject } of batch) reject(error);
    });
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const keys = [`${this.#key}s`];
    const args = [this.#dedupeMs];
    let named = 0;
    for (const { id, body } of batch) {
      if (id !== undefined) {
        keys.push(`${this.#key}id:${id}`);
        named++;
      }
      args.push(id === undefined ? "0" : "1", body);
    }
    const places = (await sendOnce(this.#store, keys[0]!, {}, ([id, until], deadlineMs) => {
      const all = id === "" ? keys : [...keys, `${this.#key}w:${id}`];
      // Where every event has an id, sending them again is harmless without any other.
      const repeatable = id !== "" || named === batch.length;
      return this.#store.run(addScript, all, [...args, id, until], { repeatable, deadlineMs });
    })) as string[];
    batch.forEach(({ resolve }, i) => {
      const place = places[i]!;
      const duplicate = place.startsWith("=");
      resolve({ place: duplicate ? place.slice(1) : place, duplicate });
    });
  }
}

/**
 * A stream of durable events over all processes that share a Redis.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const orders = stream<Order>(redis, { prefix: "shop", name: "orders" });
 * await orders.add(order, { id: order.id });
 * ```
 */
export function stream<E>(client: RedisClient, options: StreamOptions<E>): Stream<E> {
  return new Stream(client, options);
}
