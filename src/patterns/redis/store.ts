import { randomBytes } from "node:crypto";
import { requestsWatched, traceRequest } from "../../internal/diagnostics.js";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { Breaker, type BreakerOptions } from "./breaker.js";
import { aborted, type Failure, failureOf, notSent, serverCode, unknownOutcome } from "./errors.js";
import { type Link, linkOf, type RedisArgument, type RedisClient } from "./link.js";
import type { Script } from "./script.js";

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
  /** Told when a connection broke under an attempt: it may have been applied, whatever a later one answers. */
  readonly lost?: (() => void) | undefined;
}

/** What the patterns on one client share. */
interface Shared {
  readonly link: Link;
  readonly breaker: Breaker;
}

const sharedOf = new WeakMap<object, Shared>();

function share(client: RedisClient, options: StoreOptions): Shared {
  const known = client !== null && typeof client === "object" ? sharedOf.get(client) : undefined;
  if (known !== undefined) return known;
  const link = linkOf(client);
  const ping = () => (link.ready() ? link.ping() : Promise.reject());
  const shared = { link, breaker: new Breaker(ping, options.breaker) };
  sharedOf.set(client, shared);
  return shared;
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

  constructor(client: RedisClient, options: StoreOptions = {}) {
    const { link, breaker } = share(client, options);
    this.link = link;
    this.#breaker = breaker;
    this.deadlineMs = options.deadlineMs ?? 500;
    if (!(this.deadlineMs > 0)) throw new KeyfoldError("INPUT_INVALID", "deadlineMs is a number over 0.");
  }

  /** Redis did not answer lately: calls fail at once until it does. */
  get broken(): boolean {
    return this.#breaker.open;
  }

  /** Runs a script. All keys lie in one slot. */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly RedisArgument[],
    options?: CallOptions,
  ): Promise<unknown> {
    const tail = [String(keys.length), ...keys, ...args];
    return this.#call({ key: keys[0], name: "EVALSHA", args: [script.sha(), ...tail], script, tail }, options);
  }

  /** Sends one command. `key`: the first key that it touches. */
  command(
    key: string | undefined,
    name: string,
    args: readonly RedisArgument[],
    writes: boolean,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#call({ key, name, args, script: { writes } }, options);
  }

  #call(question: Question, options: CallOptions = {}): Promise<unknown> {
    if (this.#breaker.open) return Promise.reject(this.#brokenError());
    const answer = ask(this.link, this.#breaker, question, options, options.deadlineMs ?? this.deadlineMs);
    if (!requestsWatched()) return answer;
    return traceRequest(
      {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.collection.name": question.key ?? "",
        "db.operation.name": question.name,
        "keyfold.attempt": 1,
      },
      () => answer,
    );
  }

  #brokenError(): KeyfoldError {
    return notSent("Redis did not answer the last calls; the breaker is open until it does.");
  }
}

/** A command, or a script by its digest. */
interface Question {
  readonly key: string | undefined;
  readonly name: string;
  readonly args: readonly RedisArgument[];
  readonly script: { readonly writes: boolean; readonly lua?: string };
  /** A script's keys and arguments. */
  readonly tail?: readonly RedisArgument[];
}

/** Asks until there is an answer or the time is over. */
function ask(
  link: Link,
  breaker: Breaker,
  { key, name, args, script, tail }: Question,
  { signal, bytes = false, repeatable, lost: tellLost }: CallOptions,
  deadlineMs: number,
): Promise<unknown> {
  const { writes, lua } = script;
  return new Promise((resolve, reject) => {
    let over = false;
    /** An attempt was handed to the driver, and its answer may still come. */
    let inFlight = false;
    /** An earlier attempt may have been applied: its connection broke. */
    let lost = false;
    let whole = false;
    let attempts = 0;
    let failure: Failure | undefined;
    let cancelWait: (() => void) | undefined;

    const end = (): void => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      cancelWait?.();
    };
    const refuse = (error: unknown): void => {
      end();
      reject(error);
    };
    /** Whether a write may have been applied without an answer. */
    const unknown = (): boolean => writes && (inFlight || lost);
    const abort = (): void =>
      refuse(unknown() ? unknownOutcome("The call was aborted.", signal!.reason) : aborted(signal!));
    const expire = (): void => {
      breaker.failed();
      link.rediscover();
      const cause = failure?.error;
      const message = `Redis did not answer within ${deadlineMs} ms.`;
      if (unknown()) refuse(unknownOutcome(message, cause));
      else if (inFlight) refuse(new KeyfoldError("DEADLINE_EXCEEDED", message, { cause, data: { deadlineMs } }));
      else refuse(cause ?? notSent("The client was not connected in time."));
    };
    const failed = (cause: unknown): void => {
      if (over) return;
      inFlight = false;
      if (lua !== undefined && !whole && serverCode(cause) === "NOSCRIPT") {
        whole = true;
        breaker.answered();
        attempt();
        return;
      }
      failure = failureOf(cause, writes);
      const { error, retryable, unreachable } = failure;
      if (unreachable) {
        lost = true;
        tellLost?.();
        breaker.failed();
        link.rediscover();
      } else breaker.answered();
      const unsafe = unreachable && writes && repeatable === false;
      if (!retryable || unsafe || breaker.open) {
        refuse(unknown() && !unreachable ? unknownOutcome(error.message, cause) : error);
        return;
      }
      const wait = setTimeout(attempt, fullJitterMs(attempts - 1, 20, 500, Math.random));
      cancelWait = () => clearTimeout(wait);
    };
    const attempt = (): void => {
      if (over) return;
      if (!link.ready()) {
        cancelWait = link.onceReady(attempt);
        return;
      }
      attempts++;
      inFlight = true;
      let answer: Promise<unknown>;
      try {
        answer = whole ? link.send(key, "EVAL", [lua!, ...tail!], bytes) : link.send(key, name, args.slice(), bytes);
      } catch (error) {
        failed(error);
        return;
      }
      answer.then((value) => {
        breaker.answered();
        if (over) return;
        end();
        resolve(value);
      }, failed);
    };

    const timer = setTimeout(expire, deadlineMs);
    if (signal?.aborted) abort();
    else {
      signal?.addEventListener("abort", abort, { once: true });
      attempt();
    }
  });
}
