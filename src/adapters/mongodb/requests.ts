import { type Clock, systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import { type RequestEvent, requestsWatched, traceRequest } from "../../internal/diagnostics.js";
import { KeyfoldError } from "../../internal/errors.js";
import { RetryBudget, type RetryVerdict, retry } from "../../internal/retry.js";
import type { Call, ReadCall } from "../port/adapter.js";
import { type BsonValues, bsonValues, bsonVersionOf } from "./bson-values.js";
import {
  type ClientSessionLike,
  type CommandOptions,
  type DbLike,
  type Doc,
  sendCommand,
  startDriverSession,
} from "./driver.js";
import { type Failure, failureOf, serverError, type TopologyLike, unreachable } from "./errors.js";
import { levelOf } from "./level.js";
import type { MongoSession } from "./session.js";
import { watchTopology } from "./topology.js";

/** What was learnt from the server's first answer. */
export interface Deployment {
  readonly values: BsonValues;
  /**
   * The server keeps a record of each session's last write (a replica set or a sharded cluster does): the same write
   * sent again is answered from the record and not done again.
   */
  readonly exactResend: boolean;
}

/** What a write came to. `resent`: an earlier attempt may have run, and the server has no record to tell. */
export type WriteReply =
  | { readonly kind: "reply"; readonly reply: Doc; readonly resent: boolean }
  | { readonly kind: "error"; readonly thrown: unknown; readonly resent: boolean }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

export interface RequestSettings {
  /** A call's time when it names none. */
  readonly deadlineMs: number;
  readonly clock?: Clock;
}

const RAW_BATCH = { firstBatch: true };

/** Tells whether a command was serialized, which the driver does right before it writes it to a socket. */
class SendMark {
  sent = false;
  readonly #value: Doc;
  constructor(value: Doc) {
    this.#value = value;
  }
  toBSON(): Doc {
    this.sent = true;
    return this.#value;
  }
}

/** Sends commands to one database: deadlines, the one retry layer, sessions, events. */
export class Requests {
  readonly #db: DbLike;
  readonly #settings: RequestSettings;
  readonly #clock: Clock;
  readonly #retryOptions: { readonly budget: RetryBudget; readonly clock: Clock };
  readonly #topology: { current: TopologyLike | undefined };
  #deployment: Deployment | undefined;
  #learning: Promise<Deployment> | undefined;
  #idle: ClientSessionLike[] = [];
  #lastVersion = 0;

  constructor(db: DbLike, settings: RequestSettings) {
    this.#db = db;
    this.#settings = settings;
    this.#clock = settings.clock ?? systemClock;
    this.#retryOptions = { budget: new RetryBudget(), clock: this.#clock };
    this.#topology = watchTopology(db.client);
  }

  get database(): string {
    return this.#db.databaseName;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** The deadline of a call; the caller disposes it. */
  deadline(call: Call): Deadline {
    const deadlineMs =
      call.deadlineAt === undefined ? this.#settings.deadlineMs : Math.max(1, call.deadlineAt - this.#clock.now());
    return new Deadline({ deadlineMs, signal: call.signal, clock: this.#clock });
  }

  /** A version that no other write of this process has: microseconds since 1970, never the same twice. */
  nextVersion(): number {
    const now = Math.floor(this.#clock.now() * 1_000) + Math.floor(this.#clock.random() * 1_000);
    this.#lastVersion = Math.max(now, this.#lastVersion + 1);
    return this.#lastVersion;
  }

  /** What the server is, asked once. */
  get known(): Deployment | undefined {
    return this.#deployment;
  }

  async deployment(deadline: Deadline): Promise<Deployment> {
    if (this.#deployment !== undefined) return this.#deployment;
    this.#learning ??= this.#learn(deadline).finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  async #learn(deadline: Deadline): Promise<Deployment> {
    // Numbers stay BSON values here: they tell which major version of bson the driver has.
    const reply = await this.#retrying(deadline, "hello", "", (signal) =>
      sendCommand(this.#db, { hello: 1 }, { signal, promoteValues: false }),
    );
    const version =
      Object.values(reply)
        .map(bsonVersionOf)
        .find((each) => each !== undefined) ?? 7;
    const sharded = reply["msg"] === "isdbgrid";
    const replicated = typeof reply["setName"] === "string";
    this.#deployment = {
      values: bsonValues(version),
      exactResend: (sharded || replicated) && reply["logicalSessionTimeoutMinutes"] != null,
    };
    return this.#deployment;
  }

  /** Sends a command that changes nothing and has no level of its own (hello, listIndexes). */
  plain(command: Doc, collection: string, deadline: Deadline): Promise<Doc> {
    return this.#retrying(deadline, operationOf(command), collection, (signal) =>
      sendCommand(this.#db, command, { signal }),
    );
  }

  /** Sends a read at the call's level; the command becomes its own. Documents of the first batch come as bytes. */
  async read(command: Doc, collection: string, call: ReadCall, deadline: Deadline): Promise<Doc> {
    const { values } = this.#deployment ?? (await this.deployment(deadline));
    const session = call.session as MongoSession | undefined;
    const { readConcern, readPreference } = levelOf(call, session, values, this.#db);
    const name = operationOf(command);
    if (readConcern !== undefined) command["readConcern"] = readConcern;
    const reply = await this.#retrying(deadline, name, collection, (signal) => {
      command["maxTimeMS"] = Math.max(1, Math.ceil(deadline.remainingMs()));
      const options: CommandOptions =
        readPreference === undefined
          ? { fieldsAsRaw: RAW_BATCH, signal }
          : { fieldsAsRaw: RAW_BATCH, signal, readPreference };
      const tell = call.consistency === "session" ? session?.clusterTimeToTell(values) : undefined;
      return tell === undefined ? sendCommand(this.#db, command, options) : this.#telling(tell, command, options);
    });
    session?.observe(reply);
    return reply;
  }

  /** Sends a command on a driver session that tells the server a cluster time of another process. */
  async #telling(clusterTime: object, command: Doc, options: CommandOptions): Promise<Doc> {
    const carrier = startDriverSession(this.#db);
    carrier.advanceClusterTime(clusterTime as never);
    try {
      return await sendCommand(this.#db, command, { ...options, session: carrier });
    } finally {
      void carrier.endSession().catch(() => {});
    }
  }

  /** One request with retries, for requests that change nothing. */
  async #retrying(
    deadline: Deadline,
    operation: string,
    collection: string,
    send: (signal: AbortSignal) => Promise<Doc>,
  ): Promise<Doc> {
    try {
      return await retry(
        (attempt) => this.#traced(operation, collection, attempt, undefined, () => deadline.run(send)),
        (thrown) => verdictOf(failureOf(thrown)),
        deadline,
        this.#retryOptions,
      );
    } catch (thrown) {
      throw this.#explained(thrown, deadline);
    }
  }

  /** A deadline that passed because no server answers says so. */
  #explained(thrown: unknown, deadline: Deadline): KeyfoldError {
    const { error } = failureOf(thrown);
    if (error.code !== "DEADLINE_EXCEEDED" || !deadline.over) return error;
    return unreachable(this.#topology.current, thrown) ?? error;
  }

  #traced<T>(
    operation: string,
    collection: string,
    attempt: number,
    batch: number | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!requestsWatched()) return work();
    const event: RequestEvent = {
      "db.system.name": "mongodb",
      "db.namespace": this.#db.databaseName,
      "db.collection.name": collection,
      "db.operation.name": operation,
      "keyfold.attempt": attempt,
      ...(batch === undefined ? {} : { "db.operation.batch.size": batch }),
    };
    return traceRequest(event, async () => {
      try {
        return await work();
      } catch (thrown) {
        const { error } = failureOf(thrown);
        event["error.type"] = error.code;
        const code = (thrown as { readonly code?: unknown } | undefined)?.code;
        if (typeof code === "number") event["db.response.status_code"] = String(code);
        throw thrown;
      }
    });
  }

  /**
   * Sends a write until it is answered, its time is over or the retry budget is spent. The caller has made it harmless
   * to send twice; where the server keeps a record of writes, every attempt carries the same transaction number.
   */
  async write(
    command: Doc,
    collection: string,
    call: Call,
    deadline: Deadline,
    batch?: number,
    /** Added to the query of an attempt after one that may have run, where the server keeps no record. */
    resendQuery?: Doc,
  ): Promise<WriteReply> {
    const { exactResend, values } = this.#deployment ?? (await this.deployment(deadline));
    const session = call.session as MongoSession | undefined;
    const carrier = exactResend ? this.#takeSession() : undefined;
    const name = operationOf(command);
    // An attempt that hears nothing is given up while there is time for another one.
    const attemptMs = Math.max(50, deadline.totalMs * 0.4);
    let mayHaveRun = false;
    let resent = false;
    let clean = false;
    const full: Doc = { ...command };
    if (carrier?.serverSession != null) {
      carrier.serverSession.txnNumber += 1;
      full["txnNumber"] = values.longOfNumber(carrier.serverSession.txnNumber);
    }
    try {
      const reply = await retry(
        async (attempt) => {
          resent = mayHaveRun && carrier === undefined;
          if (resent && resendQuery !== undefined) full["query"] = { ...(command["query"] as Doc), ...resendQuery };
          const part = deadline.part(attemptMs);
          const mark = new SendMark({ w: "majority", wtimeout: Math.max(1, Math.ceil(part.totalMs)) });
          full["writeConcern"] = mark;
          try {
            const answer = await this.#traced(name, collection, attempt, batch, () =>
              part.run((signal) =>
                sendCommand(this.#db, full, carrier === undefined ? { signal } : { signal, session: carrier }),
              ),
            );
            const concern = answer["writeConcernError"] as Doc | undefined;
            if (concern !== undefined) throw new Unconcerned(concern);
            return answer;
          } catch (thrown) {
            const failure = writeFailureOf(thrown);
            const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
            if (mark.sent && (failure.mayHaveRun || late)) mayHaveRun = true;
            throw thrown;
          } finally {
            part.dispose();
          }
        },
        (thrown) => {
          const failure = writeFailureOf(thrown);
          // A part of the deadline passed, not all of it.
          if (failure.error.code === "DEADLINE_EXCEEDED") return { retry: true };
          return verdictOf(failure);
        },
        deadline,
        this.#retryOptions,
      );
      clean = true;
      session?.observe(reply);
      return { kind: "reply", reply, resent };
    } catch (thrown) {
      const failure = writeFailureOf(thrown);
      if (
        !failure.retry &&
        !failure.mayHaveRun &&
        failure.error.code !== "DEADLINE_EXCEEDED" &&
        failure.error.code !== "ABORTED"
      ) {
        clean = true;
        // The server answered this very attempt with a refusal; what became of earlier ones is the caller's to settle.
        if (!(thrown instanceof KeyfoldError)) return { kind: "error", thrown, resent };
      }
      const error = this.#explained(thrown instanceof Unconcerned ? thrown.cause : thrown, deadline);
      return { kind: "failed", error, mayHaveRun };
    } finally {
      if (carrier !== undefined) this.#giveSession(carrier, clean);
    }
  }

  #takeSession(): ClientSessionLike {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (!session.hasEnded && session.serverSession?.isDirty !== true) return session;
    }
    return startDriverSession(this.#db);
  }

  #giveSession(session: ClientSessionLike, clean: boolean): void {
    if (clean && !session.hasEnded && session.serverSession?.isDirty !== true && this.#idle.length < 256)
      this.#idle.push(session);
    else void session.endSession().catch(() => {});
  }

  async close(): Promise<void> {
    const sessions = this.#idle;
    this.#idle = [];
    await Promise.all(sessions.map((session) => session.endSession().catch(() => {})));
  }
}

/** A command's name: its first member. */
function operationOf(command: Doc): string {
  for (const name in command) return name;
  return "";
}

/** The write was done, but not on as many servers as it must be: it may yet be rolled back. */
class Unconcerned extends Error {
  constructor(concern: Doc) {
    super("write concern", { cause: serverError(concern) });
  }
}

function writeFailureOf(thrown: unknown): Failure {
  if (!(thrown instanceof Unconcerned)) return failureOf(thrown);
  const failure = failureOf(thrown.cause);
  const code = (thrown.cause as { readonly code?: unknown }).code;
  // 64: it waited for a majority in vain. The write is there; sending it again waits again.
  return { ...failure, mayHaveRun: true, retry: failure.retry || code === 64 };
}

/** What was never sent cost the server nothing; what it refused for load must not come back in numbers. */
function verdictOf(failure: Failure): RetryVerdict {
  if (!failure.retry) return { retry: false };
  if (failure.overloaded) return { retry: true, cost: 20, baseMs: 100 };
  return failure.mayHaveRun ? { retry: true, cost: 5 } : { retry: true, cost: 1, baseMs: 50 };
}
