import { randomBytes } from "node:crypto";
import { requestsWatched, traceRequest } from "../../internal/diagnostics.js";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { Breaker, type BreakerOptions } from "./breaker.js";
import { type Failure, failureOf, notSent, serverCode, unknownOutcome } from "./errors.js";
import { type Link, linkOf, type RedisArgument, type RedisClient } from "./link.js";
import type { Script } from "./script.js";
import { ServerClock } from "./server-clock.js";

/** What every pattern takes. */
export interface StoreOptions {
  /** The longest that one question to Redis takes, retries included. Default 500 ms. */
  readonly deadlineMs?: number;
  /** When calls fail at once because Redis does not answer; shared by all patterns on one client. */
  readonly breaker?: BreakerOptions;
}

/** One call's own wishes. */
export interface CallOptions {
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Strings of the answer come as buffers. */
  readonly bytes?: boolean;
  /** May be sent again within the deadline when its connection broke. Default true: all of keyfold's scripts may. */
  readonly repeatable?: boolean;
}

/** What the patterns on one client share. */
interface Shared {
  readonly link: Link;
  readonly breaker: Breaker;
  readonly clock: ServerClock;
}

const sharedOf = new WeakMap<object, Shared>();

function share(client: RedisClient, options: StoreOptions): Shared {
  const known = client !== null && typeof client === "object" ? sharedOf.get(client) : undefined;
  if (known !== undefined) return known;
  const link = linkOf(client);
  const ask = (command: string): Promise<unknown> =>
    link.ready() ? link.send(undefined, command, [], false) : Promise.reject(notSent("The client is not connected."));
  const breaker = new Breaker(() => ask("PING"), options.breaker);
  const shared = { link, breaker, clock: new ServerClock(() => timed(ask("TIME"), 1_000)) };
  sharedOf.set(client, shared);
  return shared;
}

function timed<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(notSent(`No answer within ${ms} ms.`)), ms);
    timer.unref();
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

/** Numbers writes and tokens of this process: unique without asking anyone, and short. */
const processId = randomBytes(9).toString("base64url");
let lastId = 0;

/** A text that no other process and no other call makes. */
export function uniqueId(): string {
  return `${processId}${(++lastId).toString(36)}`;
}

/**
 * A user's client with what it lacks: a deadline on every call, a breaker, scripts by digest, errors with a code that
 * says whether a write was applied. It never puts a command into the client's own offline queue, where it would wait
 * and be applied later than anyone expects.
 */
export class RedisStore {
  readonly link: Link;
  readonly deadlineMs: number;
  readonly #breaker: Breaker;
  readonly #clock: ServerClock;

  constructor(client: RedisClient, options: StoreOptions = {}) {
    const { link, breaker, clock } = share(client, options);
    this.link = link;
    this.#breaker = breaker;
    this.#clock = clock;
    this.deadlineMs = options.deadlineMs ?? 500;
    if (!(this.deadlineMs > 0)) throw new KeyfoldError("INPUT_INVALID", "deadlineMs is a number over 0.");
  }

  /** Redis did not answer lately: calls fail at once until it does. */
  get broken(): boolean {
    return this.#breaker.open;
  }

  /** The server's time in milliseconds; undefined before it was measured. */
  now(): number | undefined {
    return this.#clock.now();
  }

  /** The server's time in milliseconds, asked for where it is not known yet. */
  async serverNow(): Promise<number> {
    if (this.broken) throw this.#brokenError();
    try {
      return await this.#clock.ready();
    } catch (error) {
      throw error instanceof KeyfoldError ? error : failureOf(error, false).error;
    }
  }

  /**
   * The last two arguments of a script that begins with `luaOnce`: a write's id and when it becomes void. A client that
   * sends by itself again needs them; on others they are empty, unless the caller names the write.
   */
  once(writeId?: string, deadlineMs = this.deadlineMs): [string, string] | Promise<[string, string]> {
    if (writeId === undefined && !this.link.resends) return ["", "0"];
    const until = (now: number) => String(Math.ceil((now + deadlineMs) * 1000));
    const id = writeId ?? uniqueId();
    const now = this.now();
    return now === undefined ? this.serverNow().then((at) => [id, until(at)]) : [id, until(now)];
  }

  /** Runs a script. All keys lie in one slot. */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly RedisArgument[],
    options?: CallOptions,
  ): Promise<unknown> {
    const tail = [String(keys.length), ...keys, ...args];
    return this.#call(keys[0], "EVALSHA", [script.sha(), ...tail], script.writes, options, (error) =>
      serverCode(error) === "NOSCRIPT" ? ["EVAL", [script.lua, ...tail]] : undefined,
    );
  }

  /** Sends one command. `key`: the first key that it touches. */
  command(
    key: string | undefined,
    name: string,
    args: readonly RedisArgument[],
    writes: boolean,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#call(key, name, args, writes, options);
  }

  #call(
    key: string | undefined,
    name: string,
    args: readonly RedisArgument[],
    writes: boolean,
    options: CallOptions | undefined,
    instead?: (error: unknown) => [string, RedisArgument[]] | undefined,
  ): Promise<unknown> {
    if (this.#breaker.open) return Promise.reject(this.#brokenError());
    const call = new Call(this.link, this.#breaker, key, name, args, writes, options, instead, this.deadlineMs);
    if (!requestsWatched()) return call.promise;
    return traceRequest(
      {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.collection.name": key ?? "",
        "db.operation.name": name,
        "keyfold.attempt": 1,
      },
      () => call.promise,
    );
  }

  #brokenError(): KeyfoldError {
    return notSent("Redis did not answer the last calls; the breaker is open until it does.");
  }
}

/** One question: attempts, until it is answered or its time is over. */
class Call {
  readonly promise: Promise<unknown>;
  readonly #link: Link;
  readonly #breaker: Breaker;
  readonly #key: string | undefined;
  #name: string;
  #args: readonly RedisArgument[];
  readonly #writes: boolean;
  readonly #options: CallOptions | undefined;
  readonly #instead: ((error: unknown) => [string, RedisArgument[]] | undefined) | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;
  #over = false;
  /** An attempt was handed to the driver, and its answer may still come. */
  #inFlight = false;
  /** An earlier attempt may have been applied: its connection broke. */
  #lost = false;
  #attempts = 0;
  #failure: Failure | undefined;

  constructor(
    link: Link,
    breaker: Breaker,
    key: string | undefined,
    name: string,
    args: readonly RedisArgument[],
    writes: boolean,
    options: CallOptions | undefined,
    instead: ((error: unknown) => [string, RedisArgument[]] | undefined) | undefined,
    deadlineMs: number,
  ) {
    this.#link = link;
    this.#breaker = breaker;
    this.#key = key;
    this.#name = name;
    this.#args = args;
    this.#writes = writes;
    this.#options = options;
    this.#instead = instead;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const ms = options?.deadlineMs ?? deadlineMs;
    const signal = options?.signal;
    if (signal?.aborted) {
      this.#end();
      this.#reject(aborted(signal));
      return;
    }
    this.#timer = setTimeout(() => this.#expire(ms), ms);
    if (signal !== undefined) {
      this.#onAbort = () => {
        this.#end();
        this.#reject(this.#unknown ? unknownOutcome("The call was aborted.", signal.reason) : aborted(signal));
      };
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    this.#attempt();
  }

  #attempt(): void {
    if (this.#over) return;
    if (!this.#link.ready()) {
      this.#cancelWait = this.#link.onceReady(() => this.#attempt());
      return;
    }
    this.#attempts++;
    this.#inFlight = true;
    let answer: Promise<unknown>;
    try {
      answer = this.#link.send(this.#key, this.#name, this.#args.slice(), this.#options?.bytes === true);
    } catch (error) {
      this.#failed(error);
      return;
    }
    answer.then(
      (value) => {
        this.#breaker.answered();
        if (this.#over) return;
        this.#end();
        this.#resolve(value);
      },
      (error) => this.#failed(error),
    );
  }

  #failed(cause: unknown): void {
    if (this.#over) return;
    this.#inFlight = false;
    const other = this.#instead?.(cause);
    if (other !== undefined && this.#name !== other[0]) {
      [this.#name, this.#args] = other;
      this.#breaker.answered();
      this.#attempt();
      return;
    }
    const failure = failureOf(cause, this.#writes);
    this.#failure = failure;
    if (failure.unreachable) {
      this.#lost = true;
      this.#breaker.failed();
    } else this.#breaker.answered();
    const unsafe = failure.unreachable && this.#writes && this.#options?.repeatable === false;
    if (!failure.retryable || unsafe || this.#breaker.open) {
      this.#end();
      this.#reject(
        this.#unknown && !failure.unreachable ? unknownOutcome(failure.error.message, cause) : failure.error,
      );
      return;
    }
    const waitMs = fullJitterMs(this.#attempts - 1, 20, 500, Math.random);
    const timer = setTimeout(() => this.#attempt(), waitMs);
    this.#cancelWait = () => clearTimeout(timer);
  }

  #expire(ms: number): void {
    this.#end();
    this.#breaker.failed();
    const cause = this.#failure?.error;
    const message = `Redis did not answer within ${ms} ms.`;
    if (this.#unknown) this.#reject(unknownOutcome(message, cause));
    else if (!this.#inFlight)
      this.#reject(this.#failure?.error ?? notSent("The client was not connected in time.", cause));
    else this.#reject(new KeyfoldError("DEADLINE_EXCEEDED", message, { cause, data: { deadlineMs: ms } }));
  }

  /** Whether a write may have been applied without an answer. */
  get #unknown(): boolean {
    return this.#writes && (this.#inFlight || this.#lost);
  }

  #end(): void {
    this.#over = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#options?.signal?.removeEventListener("abort", this.#onAbort);
    this.#cancelWait?.();
  }
}

function aborted(signal: AbortSignal): KeyfoldError {
  return new KeyfoldError("ABORTED", "The call's signal was aborted.", { cause: signal.reason });
}
