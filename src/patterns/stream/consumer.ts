import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { checkWhole } from "../redis/keys.js";
import type { RedisStore } from "../redis/store.js";
import { Acknowledgements } from "./acknowledgements.js";
import { GroupReader } from "./group-reader.js";
import { buryScript, groupScript, holdScript, leaveScript, takeScript, trimScript } from "./scripts.js";
import type { Codec, TrimOptions } from "./types.js";

/** A blocking read ends after this time at the latest, so that a consumer that drains does not wait longer. */
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
  /**
   * After so many deliveries an event goes to the dead letters. One that comes again comes alone, and is counted when its
   * handler begins: those that merely waited beside a poison event, or in a consumer that died, are not. Default 5.
   */
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

/** An event in hand, as one delivery of it. */
class Held<E> implements Message<E> {
  readonly event: E;
  readonly place: string;
  readonly body: string;
  attempt: number;
  #controller: AbortController | undefined;

  constructor(event: E, place: string, body: string, attempt: number) {
    this.event = event;
    this.place = place;
    this.body = body;
    this.attempt = attempt;
  }

  /** Made when it is asked for: few handlers do, and it costs as much as the rest of an event. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#controller?.signal.aborted === true;
  }

  abort(): void {
    this.#controller ??= new AbortController();
    this.#controller.abort();
  }
}

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
  readonly #reader: GroupReader;
  readonly #acks: Acknowledgements;
  readonly #inHand = new Map<string, Held<E>>();
  /** Not begun yet: events that came for the first time, and those that come again. */
  readonly #fresh: Held<E>[] = [];
  readonly #again: Held<E>[] = [];
  readonly #counts = { handled: 0, failed: 0, redelivered: 0, dead: 0 };
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #done: Promise<void>;
  #running = 0;
  #stopping = false;
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
    const concurrency = checkWhole(options.concurrency ?? 16, "concurrency");
    this.#concurrency = options.handleMany === undefined ? concurrency : 1;
    this.#maxDeliveries = checkWhole(options.maxDeliveries ?? 5, "maxDeliveries");
    this.#idleMs = checkWhole(options.idleMs ?? 30_000, "idleMs", 50);
    this.name = options.consumer ?? `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
    const { stream } = keys;
    const blockMs = Math.min(BLOCK_MS, Math.ceil(this.#idleMs / 2));
    this.#reader = new GroupReader(store, stream, options.group, this.name, this.#batch, blockMs);
    this.#acks = new Acknowledgements(store, stream, options.group, (error) => options.onError?.(error));
    this.#every(this.#idleMs / 3, () => this.#hold());
    const { keep = { length: 1_000 } } = options;
    if (keep !== false)
      this.#every(5_000, () => store.run(trimScript, [stream], [String(keep.length ?? 0), String(keep.ms ?? 0)]));
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
    while (this.#running + this.#fresh.length + this.#again.length > 0 && performance.now() < until)
      await new Promise((done) => setTimeout(done, 5));
    for (const timer of this.#timers) clearInterval(timer);
    for (const held of this.#inHand.values()) held.abort();
    await this.#acks.flush();
    this.#reader.close();
    await this.#store.run(leaveScript, [this.#keys.stream], [this.#options.group, this.name]).catch(() => {});
  }

  #every(ms: number, work: () => Promise<unknown>): void {
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

  /**
   * What is pending for this name first, from an earlier life or a lost answer; then, from time to time, what the dead
   * hold; and what is new.
   */
  async #read(): Promise<void> {
    const { group, from, consumer } = this.#options;
    let failures = 0;
    let grouped = false;
    // A name that nobody had before has nothing pending.
    let own = consumer === undefined ? "" : "-";
    let others = "";
    let sweepAt = performance.now() + this.#idleMs / 2;
    while (!this.#stopping) {
      try {
        if (!grouped) await this.#store.run(groupScript, [this.#keys.stream], [group, from === "newest" ? "$" : "0"]);
        grouped = true;
        await this.#room();
        if (this.#stopping) return;
        if (own !== "") own = await this.#takeAgain("", own);
        else if (others !== "" || performance.now() >= sweepAt) {
          others = await this.#takeAgain(String(this.#idleMs), others === "" ? "0-0" : others);
          sweepAt = performance.now() + this.#idleMs / 2;
        } else for (const [place, fields] of await this.#reader.read()) this.#take(place, fields?.[1], 1);
        this.#next();
        failures = 0;
      } catch (error) {
        if (this.#stopping) return;
        this.#options.onError?.(error);
        this.#reader.close();
        grouped = false;
        own = "-";
        await new Promise((done) => setTimeout(done, 20 + fullJitterMs(failures++, 20, 1_000, Math.random)));
      }
    }
  }

  /** Waits until there is room for more: one batch may wait while another is handled. */
  async #room(): Promise<void> {
    const most = Math.max(this.#batch, this.#concurrency);
    const full = () =>
      this.#inHand.size >= 2 * most || (this.#inHand.size >= most && this.#fresh.length + this.#again.length > 0);
    while (!this.#stopping && full())
      await new Promise<void>((done) => {
        this.#wake = done;
      });
  }

  /** Takes what was delivered before, to this name or to those that were idle; resolves to where to go on, "" at the end. */
  async #takeAgain(idleMs: string, cursor: string): Promise<string> {
    const args = [this.#options.group, this.name, idleMs, cursor, String(this.#batch)];
    const [next, ...rows] = (await this.#store.run(takeScript, [this.#keys.stream], args)) as [string, ...unknown[]];
    for (const [place, deliveries, body] of rows as [string, number, string | null][])
      this.#take(place, body, deliveries + 1);
    return next;
  }

  #take(place: string, body: string | null | undefined, attempt: number): void {
    if (this.#inHand.has(place) || this.#acks.has(place)) return;
    if (body === null || body === undefined) {
      this.#acks.add(place); // it was deleted from the stream
      return;
    }
    let event: E;
    try {
      event = this.#codec.decode(body);
    } catch (error) {
      this.#bury(new Held(undefined as E, place, body, attempt), `not readable: ${String(error)}`);
      return;
    }
    this.#put(new Held(event, place, body, attempt));
  }

  #put(held: Held<E>): void {
    this.#inHand.set(held.place, held);
    if (held.attempt > this.#maxDeliveries) {
      held.attempt--;
      this.#bury(held, "delivered too often");
    } else (held.attempt > 1 ? this.#again : this.#fresh).push(held);
  }

  /** Begins what can begin. Those that come again come alone, so that one that always fails takes no others with it. */
  #next(): void {
    const { handleMany } = this.#options;
    while (this.#running < this.#concurrency && this.#again.length + this.#fresh.length > 0) {
      this.#running++;
      const again = this.#again.shift();
      const many = again !== undefined ? [again] : this.#fresh.splice(0, handleMany === undefined ? 1 : this.#batch);
      this.#handle(many, again).then(() => {
        this.#running--;
        this.#next();
        this.#wake?.();
      });
    }
  }

  async #handle(taken: Held<E>[], again: Held<E> | undefined): Promise<void> {
    let many = taken;
    if (many.some(({ aborted }) => aborted)) {
      // Lost to another consumer while it waited here.
      for (const { aborted, place } of many) if (aborted) this.#inHand.delete(place);
      many = many.filter(({ aborted }) => !aborted);
      if (many.length === 0) return;
    }
    if (again !== undefined && !(await this.#counted(again))) {
      this.#inHand.delete(again.place); // it is another's, or pending until it is reclaimed
      return;
    }
    const { handle, handleMany } = this.#options;
    try {
      await (handle === undefined ? handleMany!(many) : handle(many[0]!));
    } catch (error) {
      for (const held of many) this.#failed(held, error);
      return;
    }
    this.#counts.handled += many.length;
    for (const { place } of many) {
      this.#inHand.delete(place);
      this.#acks.add(place);
    }
  }

  /** Counts another delivery of an event, where this consumer still holds it. */
  async #counted(held: Held<E>): Promise<boolean> {
    const args = [this.#options.group, this.name, "1", held.place];
    try {
      // Without an answer nobody knows the count: it stays pending, and is reclaimed.
      const reply = await this.#store.run(holdScript, [this.#keys.stream], args, { repeatable: false });
      held.attempt = (reply as number[])[0]!;
    } catch (error) {
      this.#options.onError?.(error);
      return false;
    }
    if (held.attempt > 0) this.#counts.redelivered++;
    return held.attempt > 0;
  }

  #failed(held: Held<E>, error: unknown): void {
    this.#counts.failed++;
    this.#options.onError?.(error, held);
    if (held.attempt >= this.#maxDeliveries) {
      this.#bury(held, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      return;
    }
    const waitMs = fullJitterMs(held.attempt - 1, this.#options.backoffMs ?? 200, 30_000, Math.random);
    setTimeout(() => {
      if (this.#stopping) this.#inHand.delete(held.place);
      else this.#put(new Held(held.event, held.place, held.body, held.attempt + 1));
      this.#next();
    }, waitMs).unref();
  }

  /** Moves an event to the dead letters. Where that fails it stays pending, and is buried when it is reclaimed. */
  #bury({ place, body, attempt }: Held<E>, why: string): void {
    const args = [this.#options.group, place, body, String(attempt), why.slice(0, 1_000)];
    this.#store
      .run(buryScript, [this.#keys.stream, this.#keys.dead], args)
      .then(
        (moved) => {
          if (moved === 1) this.#counts.dead++;
        },
        (error) => this.#options.onError?.(error),
      )
      .then(() => {
        this.#inHand.delete(place);
        this.#wake?.();
      });
  }

  /** Gives a sign of life for what is in hand; what was lost to another is stopped. */
  async #hold(): Promise<void> {
    const places = [...this.#inHand.keys()];
    if (places.length === 0) return;
    const args = [this.#options.group, this.name, "0", ...places];
    const counts = (await this.#store.run(holdScript, [this.#keys.stream], args)) as number[];
    for (const [i, place] of places.entries()) if (counts[i] === 0) this.#inHand.get(place)?.abort();
  }
}
