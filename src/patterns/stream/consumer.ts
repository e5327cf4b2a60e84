import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { checkWhole } from "../redis/keys.js";
import { type OwnConnection, openOwn } from "../redis/own-connection.js";
import type { RedisStore } from "../redis/store.js";
import { buryScript, deliveriesScript, groupScript, holdScript, leaveScript, trimScript } from "./scripts.js";
import type { Codec, TrimOptions } from "./types.js";

/** A blocking read ends after this time, so that a consumer that drains does not wait longer. */
const BLOCK_MS = 500;

/** An event as its handler gets it. */
export interface Message<E> {
  readonly event: E;
  /** Its place in the stream, unique: remember it where an event must not be done twice. */
  readonly place: string;
  /** 1, or more when it was delivered before: to a consumer that died, or to a handler that failed. */
  readonly attempt: number;
  /** Aborted when the consumer drains for too long or lost the event to another. */
  readonly signal: AbortSignal;
}

/** How a consumer reads. */
export interface ConsumerOptions<E> {
  readonly group: string;
  /** Does an event. What it throws brings the event back. One of `handle` and `handleMany`. */
  readonly handle?: (message: Message<E>) => Promise<unknown>;
  /** Does many events at once. What it throws brings all of them back, one by one. */
  readonly handleMany?: (messages: readonly Message<E>[]) => Promise<unknown>;
  /** Names this consumer in its group. Default: host, process and a random part. */
  readonly consumer?: string;
  /** Where a new group begins: with what is in the stream, or with what comes. Default `oldest`. */
  readonly from?: "oldest" | "newest";
  /** Events that are read at once. Default 100. */
  readonly batch?: number;
  /** Events that are handled at the same time; more than 1 gives up their order. Default 16. */
  readonly concurrency?: number;
  /** After so many deliveries an event goes to the dead letters. Default 5. */
  readonly maxDeliveries?: number;
  /** Upper bound of the wait before a second delivery; doubles with each. Default 200 ms. */
  readonly backoffMs?: number;
  /** Who holds an event for this long without a sign of life is taken for dead. Default 30,000 ms. */
  readonly idleMs?: number;
  /** What stays of the stream when all groups have done it; false: everything. Default `{ length: 1_000 }`. */
  readonly keep?: TrimOptions | false;
  /** Hears of failures: of the handler (with its message) and of Redis. */
  readonly onError?: (error: unknown, message?: Message<E>) => void;
}

/** What a consumer did. */
export interface ConsumerStats {
  readonly handled: number;
  readonly failed: number;
  /** Delivered again: to this consumer after a failure, or taken over from one that died. */
  readonly redelivered: number;
  readonly dead: number;
  /** In hand now. */
  readonly inHand: number;
}

interface InHand<E> {
  readonly message: Message<E>;
  readonly body: string;
  readonly controller: AbortController;
  attempt: number;
}

type Row = [place: string, fields: string[] | null];

/** One consumer of a group; made by `stream.consume`. It begins at once. */
export class Consumer<E> {
  /** Its name in the group. */
  readonly name: string;
  readonly #store: RedisStore;
  readonly #keys: { readonly stream: string; readonly dead: string };
  readonly #codec: Codec<E>;
  readonly #options: ConsumerOptions<E>;
  readonly #batch: number;
  readonly #concurrency: number;
  readonly #maxDeliveries: number;
  readonly #idleMs: number;
  readonly #inHand = new Map<string, InHand<E>>();
  readonly #waiting: InHand<E>[] = [];
  readonly #counts = { handled: 0, failed: 0, redelivered: 0, dead: 0 };
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #done: Promise<void>;
  #acks: string[] = [];
  #acking: Promise<void> | undefined;
  #running = 0;
  #stopping = false;
  #connection: OwnConnection | undefined;
  #address: string | undefined;
  #wake: (() => void) | undefined;

  constructor(
    store: RedisStore,
    keys: { readonly stream: string; readonly dead: string },
    codec: Codec<E>,
    options: ConsumerOptions<E>,
  ) {
    if ((options.handle === undefined) === (options.handleMany === undefined))
      throw new KeyfoldError("INPUT_INVALID", "A consumer has one of handle and handleMany.");
    this.#store = store;
    this.#keys = keys;
    this.#codec = codec;
    this.#options = options;
    this.#batch = checkWhole(options.batch ?? 100, "batch");
    this.#concurrency = checkWhole(options.concurrency ?? 16, "concurrency");
    this.#maxDeliveries = checkWhole(options.maxDeliveries ?? 5, "maxDeliveries");
    this.#idleMs = checkWhole(options.idleMs ?? 30_000, "idleMs", 50);
    this.name = options.consumer ?? `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
    this.#every(this.#idleMs / 3, () => this.#hold());
    this.#every(this.#idleMs / 2, () => this.#reclaim());
    const { keep = { length: 1_000 } } = options;
    if (keep !== false)
      this.#every(5_000, async () => {
        const args = [String(keep.length ?? 0), String(keep.ms ?? 0)];
        await this.#store.run(trimScript, [this.#keys.stream], args);
      });
    this.#done = this.#read();
  }

  stats(): ConsumerStats {
    return { ...this.#counts, inHand: this.#inHand.size };
  }

  /**
   * Reads no more, waits for what is in hand, acknowledges it and leaves the group. Events whose handlers do not end
   * within `timeoutMs` (default 30,000) stay pending, and another consumer takes them over.
   */
  async drain({ timeoutMs = 30_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    const until = performance.now() + timeoutMs;
    await this.#done;
    while ((this.#running > 0 || this.#waiting.length > 0) && performance.now() < until)
      await new Promise((done) => setTimeout(done, 5));
    for (const timer of this.#timers) clearInterval(timer);
    for (const { controller } of this.#inHand.values()) controller.abort();
    await this.#flushAcks();
    this.#connection?.close();
    await this.#store.run(leaveScript, [this.#keys.stream], [this.#options.group, this.name]).catch(() => {});
  }

  #every(ms: number, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      work()
        .catch((error) => this.#options.onError?.(error))
        .finally(() => {
          busy = false;
        });
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  /** What is pending for this name first, from an earlier life or a lost answer; then what is new. */
  async #read(): Promise<void> {
    let failures = 0;
    let own: string | undefined = "0";
    let grouped = false;
    while (!this.#stopping) {
      try {
        if (!grouped) {
          const from = this.#options.from === "newest" ? "$" : "0";
          await this.#store.run(groupScript, [this.#keys.stream], [this.#options.group, from]);
          grouped = true;
        }
        await this.#room();
        if (this.#stopping) return;
        if (own !== undefined) {
          const rows = await this.#readGroup(own, false);
          own = rows.at(-1)?.[0];
          await this.#takeAgain(rows.filter(([place]) => !this.#inHand.has(place)));
        } else this.#take(await this.#readGroup(">", true), 1);
        failures = 0;
      } catch (error) {
        if (this.#stopping) return;
        this.#options.onError?.(error);
        if (error instanceof Error && error.message.includes("NOGROUP")) grouped = false;
        this.#connection?.close();
        this.#connection = undefined;
        own = "0";
        await new Promise((done) => setTimeout(done, 20 + fullJitterMs(failures++, 20, 1_000, Math.random)));
      }
    }
  }

  async #readGroup(place: string, block: boolean): Promise<Row[]> {
    const { group } = this.#options;
    const head = ["GROUP", group, this.name, "COUNT", String(this.#batch)];
    const tail = ["STREAMS", this.#keys.stream, place];
    // The Sentinel client of node-redis shares its connection, which nothing may block.
    const shared = this.#store.link.kind === "node-redis-sentinel";
    if (shared) {
      const rows = rowsOf(await this.#store.command(this.#keys.stream, "XREADGROUP", [...head, ...tail], true));
      if (rows.length === 0 && block) await new Promise((done) => setTimeout(done, 20));
      return rows;
    }
    const connection = await this.#own();
    const blocking = block ? ["BLOCK", String(BLOCK_MS)] : [];
    // A server that is frozen or out of reach closes nothing.
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new KeyfoldError("UNAVAILABLE", "Redis is silent.")), BLOCK_MS + 2_000);
    });
    try {
      return rowsOf(await Promise.race([connection.send("XREADGROUP", [...head, ...blocking, ...tail]), silence]));
    } catch (error) {
      this.#address = /^MOVED \d+ (\S+)/.exec(error instanceof Error ? error.message : "")?.[1];
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #own(): Promise<OwnConnection> {
    if (this.#connection === undefined) {
      const connection = await openOwn(this.#store.link, () => {}, { address: this.#address, key: this.#keys.stream });
      connection.onEnd(() => {
        if (this.#connection === connection) this.#connection = undefined;
      });
      this.#connection = connection;
    }
    return this.#connection;
  }

  /** Waits until there is room for more. */
  async #room(): Promise<void> {
    const most = Math.max(this.#batch, this.#concurrency);
    while (!this.#stopping && this.#inHand.size >= most)
      await new Promise<void>((done) => {
        this.#wake = done;
      });
  }

  /** Rows that were delivered before: how often is asked, and what failed too often is buried. */
  async #takeAgain(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const args = [this.#options.group, this.name, ...rows.map(([place]) => place)];
    const counts = (await this.#store.run(deliveriesScript, [this.#keys.stream], args)) as number[];
    for (const [i, row] of rows.entries()) {
      const deliveries = counts[i]!;
      if (deliveries === 0) continue;
      this.#counts.redelivered++;
      if (deliveries > this.#maxDeliveries)
        await this.#bury(row[0], row[1]?.[1] ?? "", deliveries - 1, "delivered too often");
      else this.#take([row], deliveries);
    }
  }

  #take(rows: readonly Row[], attempt: number): void {
    for (const [place, fields] of rows) {
      const body = fields?.[1];
      if (body === undefined || this.#inHand.has(place)) {
        if (body === undefined) this.#ack(place); // it was deleted from the stream
        continue;
      }
      let event: E;
      try {
        event = this.#codec.decode(body);
      } catch (error) {
        this.#bury(place, body, attempt, `not readable: ${String(error)}`).catch((cause) =>
          this.#options.onError?.(cause),
        );
        continue;
      }
      const controller = new AbortController();
      const held: InHand<E> = {
        message: { event, place, attempt, signal: controller.signal },
        body,
        controller,
        attempt,
      };
      this.#inHand.set(place, held);
      this.#waiting.push(held);
    }
    this.#next();
  }

  #next(): void {
    const { handle, handleMany } = this.#options;
    while (this.#waiting.length > 0 && this.#running < (handleMany === undefined ? this.#concurrency : 1)) {
      this.#running++;
      if (handle !== undefined) {
        const held = this.#waiting.shift()!;
        this.#run(() => handle(held.message), [held]);
        continue;
      }
      // Those that come again come alone, so that one that always fails takes no others with it.
      const alone = this.#waiting[0]!.attempt > 1;
      const many = this.#waiting.splice(0, alone ? 1 : this.#batch);
      this.#run(() => handleMany!(many.map(({ message }) => message)), many);
    }
  }

  #run(work: () => Promise<unknown>, held: readonly InHand<E>[]): void {
    let running: Promise<unknown>;
    try {
      running = Promise.resolve(work());
    } catch (error) {
      running = Promise.reject(error);
    }
    running
      .then(
        () => {
          this.#counts.handled += held.length;
          for (const { message } of held) {
            this.#inHand.delete(message.place);
            this.#ack(message.place);
          }
        },
        (error) => {
          for (const each of held) this.#failed(each, error);
        },
      )
      .finally(() => {
        this.#running--;
        this.#next();
        this.#wake?.();
      });
  }

  #failed(held: InHand<E>, error: unknown): void {
    this.#counts.failed++;
    this.#options.onError?.(error, held.message);
    const { place } = held.message;
    if (held.attempt >= this.#maxDeliveries) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.#bury(place, held.body, held.attempt, why.slice(0, 1_000)).then(
        () => this.#inHand.delete(place),
        (cause) => {
          this.#inHand.delete(place); // still pending: it is buried when it is reclaimed
          this.#options.onError?.(cause);
        },
      );
      return;
    }
    const waitMs = fullJitterMs(held.attempt - 1, this.#options.backoffMs ?? 200, 30_000, Math.random);
    const timer = setTimeout(() => this.#again(held), waitMs);
    timer.unref();
  }

  /** Delivers an event that failed once more, where this consumer still holds it. */
  #again(held: InHand<E>): void {
    const { place, event } = held.message;
    if (this.#stopping) {
      this.#inHand.delete(place);
      return;
    }
    const args = [this.#options.group, this.name, "1", place];
    // Without an answer nobody knows the count: it stays pending, and is reclaimed.
    this.#store.run(holdScript, [this.#keys.stream], args, { repeatable: false }).then(
      (reply) => {
        const [attempt] = reply as number[];
        this.#inHand.delete(place);
        if (attempt === 0) return;
        this.#counts.redelivered++;
        const next: InHand<E> = {
          message: { event, place, attempt: attempt!, signal: held.controller.signal },
          body: held.body,
          controller: held.controller,
          attempt: attempt!,
        };
        this.#inHand.set(place, next);
        this.#waiting.push(next);
        this.#next();
      },
      (error) => {
        this.#inHand.delete(place);
        this.#options.onError?.(error);
      },
    );
  }

  async #bury(place: string, body: string, deliveries: number, why: string): Promise<void> {
    const args = [this.#options.group, place, body, String(deliveries), why];
    if ((await this.#store.run(buryScript, [this.#keys.stream, this.#keys.dead], args)) === 1) this.#counts.dead++;
  }

  /** Gives a sign of life for what is in hand; what was lost to another is stopped. */
  async #hold(): Promise<void> {
    const places = [...this.#inHand.keys()];
    if (places.length === 0) return;
    const args = [this.#options.group, this.name, "0", ...places];
    const counts = (await this.#store.run(holdScript, [this.#keys.stream], args)) as number[];
    for (const [i, place] of places.entries()) {
      const held = this.#inHand.get(place);
      if (counts[i] === 0 && held !== undefined && !this.#acks.includes(place)) held.controller.abort();
    }
  }

  /** Takes over what consumers hold that gave no sign of life. */
  async #reclaim(): Promise<void> {
    let cursor = "0-0";
    do {
      if (this.#stopping || this.#inHand.size >= this.#batch) return;
      const { stream } = this.#keys;
      const args = [stream, this.#options.group, this.name, String(this.#idleMs), cursor, "COUNT", String(this.#batch)];
      const reply = (await this.#store.command(stream, "XAUTOCLAIM", args, true)) as [string, (Row | null)[]];
      cursor = reply[0];
      await this.#takeAgain(reply[1].filter((row) => row !== null && !this.#inHand.has(row[0])) as Row[]);
    } while (cursor !== "0-0");
  }

  #ack(place: string): void {
    this.#acks.push(place);
    if (this.#acking === undefined)
      this.#acking = new Promise<void>((done) => setImmediate(done)).then(() => this.#flushAcks());
  }

  async #flushAcks(): Promise<void> {
    this.#acking = undefined;
    const places = this.#acks;
    if (places.length === 0) return;
    this.#acks = [];
    const { stream } = this.#keys;
    try {
      await this.#store.command(stream, "XACK", [stream, this.#options.group, ...places], true);
    } catch (error) {
      // They are done: acknowledged again as soon as Redis answers; repeating it is harmless.
      this.#options.onError?.(error);
      if (this.#stopping) return;
      const timer = setTimeout(() => {
        for (const place of places) this.#ack(place);
      }, 100);
      timer.unref();
    }
  }
}

/** RESP2 gives a list of streams, RESP3 a map; there is one stream. */
function rowsOf(reply: unknown): Row[] {
  if (reply === null || reply === undefined) return [];
  if (Array.isArray(reply)) {
    const first: unknown = reply[0];
    // A driver may hand a map out as a flat list of names and values.
    return (Array.isArray(first) ? first[1] : reply[1]) as Row[];
  }
  const [rows] = reply instanceof Map ? reply.values() : Object.values(reply as Record<string, Row[]>);
  return (rows ?? []) as Row[];
}
