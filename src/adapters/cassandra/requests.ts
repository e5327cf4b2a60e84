import { type Clock, systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import { type RequestEvent, requestsWatched, traceRequest } from "../../internal/diagnostics.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { RetryBudget, type RetryVerdict, retry } from "../../internal/retry.js";
import type { Qualify } from "../../plan/cassandra/statements.js";
import { inKeyspace } from "../../plan/cassandra/statements.js";
import type { Call } from "../port/adapter.js";
import {
  type BatchQuery,
  type CassandraClient,
  type ClientFacts,
  type Result,
  type SendOptions,
  sendBatch,
  sendStatement,
} from "./driver.js";
import { type Failure, failureOf, isBatchlogLost } from "./errors.js";
import { type Levels, levelCodes } from "./levels.js";

/** One prepared statement and what events say of it. */
export interface Statement {
  readonly query: string;
  readonly operation: string;
  readonly table: string;
}

/** What a write came to. `mayHaveRun`: an attempt was sent and not answered. */
export type WriteReply =
  | { readonly kind: "reply"; readonly result: Result; readonly mayHaveRun: boolean }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

export interface RequestSettings {
  readonly engine: "cassandra" | "scylladb";
  readonly keyspace: string;
  readonly levels: Levels;
  /** A call's time when it names none. */
  readonly deadlineMs: number;
  /** The client's execution profile that requests are sent by. */
  readonly executionProfile?: string | undefined;
  readonly clock?: Clock;
}

/** Attempts that meet too few live replicas before that is the answer: a node that comes back takes longer. */
const UNAVAILABLE_ATTEMPTS = 2;

/** The longest wait for one answer: the server's own limits are 5 and 10 s. */
const LONGEST_ATTEMPT_MS = 10_000;
/** The same for a definition, which all nodes take part in. */
const DEFINITION_MS = 30_000;

/**
 * How long logged batches are left alone where there is another way: a coordinator writes each to the logs of two other
 * nodes first, and takes up to twenty seconds to notice that one of them is gone. Every batch until then waits for 2 s,
 * and is refused.
 */
const BATCHLOG_DOUBT_MS = 5_000;

/** Sends statements to one keyspace: deadlines, the one retry layer, events. */
export class Requests {
  readonly engine: RequestSettings["engine"];
  readonly keyspace: string;
  readonly levels: Levels;
  readonly clock: Clock;
  readonly budget = new RetryBudget();
  readonly qualify: Qualify;
  readonly client: CassandraClient;
  /** Whole numbers travel as BigInt: the client was set up so. */
  readonly bigints: boolean;
  readonly #settings: RequestSettings;
  /** Of every request to a table. */
  readonly #always: { readonly prepare: true; readonly executionProfile?: string };
  #lastVersion = 0;
  #batchlogFrom = 0;

  constructor(client: CassandraClient, settings: RequestSettings) {
    this.client = client;
    this.engine = settings.engine;
    this.keyspace = settings.keyspace;
    this.levels = settings.levels;
    this.qualify = inKeyspace(settings.keyspace);
    this.bigints = (client as ClientFacts).options?.encoding?.useBigIntAsLong === true;
    this.#settings = settings;
    const { executionProfile } = settings;
    this.#always = { prepare: true, ...(executionProfile === undefined ? {} : { executionProfile }) };
    this.clock = settings.clock ?? systemClock;
  }

  /** The deadline of a call; the caller disposes it. */
  deadline(call: Call): Deadline {
    const deadlineMs =
      call.deadlineAt === undefined ? this.#settings.deadlineMs : Math.max(1, call.deadlineAt - this.clock.now());
    return new Deadline({ deadlineMs, signal: call.signal, clock: this.clock });
  }

  /** A version above `last` that no other write of this process has: microseconds since 1970. */
  nextVersion(last = 0): number {
    const now = Math.floor(this.clock.now() * 1_000) + Math.floor(this.clock.random() * 1_000);
    this.#lastVersion = Math.max(now, this.#lastVersion + 1, last + 1);
    return this.#lastVersion;
  }

  /** A read, sent again until it is answered; at a level by its code. */
  async read(
    statement: Statement,
    params: readonly unknown[],
    level: number,
    deadline: Deadline,
    page: { readonly fetchSize?: number; readonly pageState?: string } = {},
  ): Promise<Result> {
    const options = { ...this.#always, consistency: level, isIdempotent: true, ...page };
    return this.#retried(deadline, attemptMs(deadline), (attempt, part) =>
      this.#execute(statement, params, options, attempt, part),
    );
  }

  /** A statement that is not prepared: definitions, and facts of the server. */
  async run(query: string, operation: string, params: readonly unknown[], deadline: Deadline): Promise<Result> {
    const consistency = levelCodes[this.levels.read];
    const options = { ...this.#always, prepare: params.length > 0, consistency, isIdempotent: true };
    return this.#retried(deadline, Math.max(DEFINITION_MS, attemptMs(deadline)), (attempt, part) =>
      this.#execute({ query, operation, table: "" }, params, options, attempt, part),
    );
  }

  async #retried(
    deadline: Deadline,
    partMs: number,
    send: (attempt: number, part: Deadline) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await retry(
        async (attempt) => {
          using part = deadline.part(partMs);
          return await send(attempt, part);
        },
        verdictOfPart,
        deadline,
        { budget: this.budget, clock: this.clock },
      );
    } catch (thrown) {
      const { error } = failureOf(thrown);
      // The caller's time, not a part's.
      throw error.code === "DEADLINE_EXCEEDED" ? deadline.error(error) : error;
    }
  }

  /** A write with a timestamp of its own: sent twice it does nothing more. */
  write(statement: Statement, params: readonly unknown[], timestamp: number, deadline: Deadline): Promise<WriteReply> {
    const consistency = levelCodes[this.levels.write];
    const options = { ...this.#always, consistency, isIdempotent: true, timestamp };
    return this.#written(deadline, (attempt, part) => this.#execute(statement, params, options, attempt, part));
  }

  /**
   * A batch with one timestamp. Logged, all of it is done, now or when a node comes back, or none; unlogged, it is for
   * rows of one partition, which are one mutation anyway.
   *
   * @param otherwise the caller has another way: where the log of batches does not answer, the batch is not sent again.
   */
  async batch(
    queries: readonly BatchQuery[],
    timestamp: number,
    deadline: Deadline,
    { logged = true, otherwise = false }: { readonly logged?: boolean; readonly otherwise?: boolean } = {},
  ): Promise<WriteReply> {
    const options = {
      ...this.#always,
      logged,
      consistency: levelCodes[this.levels.write],
      isIdempotent: true,
      timestamp,
    };
    const event = { query: "", operation: "BATCH", table: "" };
    const reply = await this.#written(
      deadline,
      (attempt, part) =>
        this.#send(event, attempt, part, queries.length, (readTimeout) =>
          sendBatch(this.client, queries, { ...options, readTimeout }),
        ),
      otherwise ? unlessBatchlog : verdictOfPart,
    );
    if (reply.kind === "failed" && isBatchlogLost(reply.error)) {
      this.#batchlogFrom = this.clock.monotonic() + BATCHLOG_DOUBT_MS;
    }
    return reply;
  }

  /** Whether the log of batches has answered of late: it wants two nodes, and may ask one that is gone. */
  get hasBatchlog(): boolean {
    return this.clock.monotonic() >= this.#batchlogFrom;
  }

  /** A lightweight transaction, sent once: who sends it again knows how to tell what became of the first. */
  async transact(statement: Statement, params: readonly unknown[], deadline: Deadline): Promise<WriteReply> {
    const options = {
      ...this.#always,
      consistency: levelCodes[this.levels.write],
      serialConsistency: levelCodes[this.levels.serial],
      isIdempotent: false,
    };
    using part = deadline.part(attemptMs(deadline));
    try {
      return { kind: "reply", result: await this.#execute(statement, params, options, 1, part), mayHaveRun: false };
    } catch (thrown) {
      const failure = failureOf(thrown);
      const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
      return { kind: "failed", error: failure.error, mayHaveRun: failure.mayHaveRun || late };
    }
  }

  /** Whether sending a lightweight transaction again may help. */
  async pause(error: KeyfoldError, attempt: number, deadline: Deadline): Promise<boolean> {
    const failure = failureOf(error.cause ?? error);
    const late = error.code === "DEADLINE_EXCEEDED" && !deadline.over;
    const verdict: RetryVerdict = late ? { retry: true } : verdictOf(failure, attempt);
    if (!verdict.retry || deadline.over || !this.budget.spend(verdict.cost ?? 5)) return false;
    const waitMs = this.clock.random() * Math.min(2_000, (verdict.baseMs ?? 25) * 2 ** attempt);
    if (waitMs >= deadline.remainingMs()) return false;
    await this.clock.sleep(waitMs, deadline.signal).catch(() => {});
    return !deadline.over;
  }

  async #written(
    deadline: Deadline,
    send: (attempt: number, part: Deadline) => Promise<Result>,
    judge = verdictOfPart,
  ): Promise<WriteReply> {
    let mayHaveRun = false;
    try {
      const result = await retry(
        async (attempt) => {
          using part = deadline.part(attemptMs(deadline));
          try {
            return await send(attempt, part);
          } catch (thrown) {
            const failure = failureOf(thrown);
            const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
            if (failure.mayHaveRun || late) mayHaveRun = true;
            throw thrown;
          }
        },
        judge,
        deadline,
        { budget: this.budget, clock: this.clock },
      );
      return { kind: "reply", result, mayHaveRun };
    } catch (thrown) {
      return { kind: "failed", error: failureOf(thrown).error, mayHaveRun };
    }
  }

  #execute(
    statement: Statement,
    params: readonly unknown[],
    options: Omit<SendOptions, "readTimeout">,
    attempt: number,
    deadline: Deadline,
  ): Promise<Result> {
    return this.#send(statement, attempt, deadline, undefined, (readTimeout) =>
      sendStatement(this.client, statement.query, params, { ...options, readTimeout }),
    );
  }

  #send(
    statement: Statement,
    attempt: number,
    deadline: Deadline,
    batch: number | undefined,
    work: (readTimeout: number) => Promise<Result>,
  ): Promise<Result> {
    // The driver's own clock ends a request that nobody waits for any more.
    const send = () => deadline.run(() => work(Math.max(1, Math.ceil(deadline.remainingMs()))));
    if (!requestsWatched()) return send();
    const event: RequestEvent = {
      "db.system.name": this.#settings.engine,
      "db.namespace": this.keyspace,
      "db.collection.name": statement.table,
      "db.operation.name": statement.operation,
      "keyfold.attempt": attempt,
      ...(batch === undefined ? {} : { "db.operation.batch.size": batch }),
    };
    return traceRequest(event, async () => {
      try {
        return await send();
      } catch (thrown) {
        const failure = failureOf(thrown);
        event["error.type"] = failure.error.code;
        if (failure.code !== undefined)
          event["db.response.status_code"] = `0x${failure.code.toString(16).padStart(4, "0")}`;
        throw thrown;
      }
    });
  }
}

/** An attempt that hears nothing is given up while there is time for another one: the node may be gone. */
function attemptMs(deadline: Deadline): number {
  return Math.max(50, Math.min(LONGEST_ATTEMPT_MS, deadline.totalMs * 0.4));
}

function verdictOfPart(thrown: unknown, attempt: number): RetryVerdict {
  const failure = failureOf(thrown);
  // A part of the deadline passed, not all of it.
  return failure.error.code === "DEADLINE_EXCEEDED" ? { retry: true } : verdictOf(failure, attempt);
}

function unlessBatchlog(thrown: unknown, attempt: number): RetryVerdict {
  return isBatchlogLost(failureOf(thrown).error) ? { retry: false } : verdictOfPart(thrown, attempt);
}

/** What was never sent cost the server nothing; what it refused for load must not come back in numbers. */
function verdictOf(failure: Failure, attempt: number): RetryVerdict {
  if (!failure.retry) return { retry: false };
  if (failure.code === 0x1000 && attempt >= UNAVAILABLE_ATTEMPTS) return { retry: false };
  if (failure.overloaded) return { retry: true, cost: 10, baseMs: 50 };
  // Nothing of the batch was done but to log it: a node is gone, and that is no load.
  if (isBatchlogLost(failure.error)) return { retry: true, cost: 1, baseMs: 100 };
  return failure.mayHaveRun ? { retry: true, cost: 5 } : { retry: true, cost: 1, baseMs: 50 };
}
