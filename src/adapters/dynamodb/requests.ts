import { type Clock, systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { RetryBudget, type RetryVerdict, retry } from "../../internal/retry.js";
import { type ClientLike, type Doc, type Operation, sendOperation } from "../../patterns/dynamodb/driver.js";
import { cancellationOf, conditionFailed, type Failure, failureOf } from "../../patterns/dynamodb/errors.js";
import { tracedAttempt } from "../../patterns/dynamodb/traced.js";
import type { Call } from "../port/adapter.js";
import type { TableKey } from "./table-key.js";

/**
 * What a write came to. `refused`: the server answered that a condition did not hold, and `thrown` says which.
 * `mayHaveRun`: an attempt was sent and not answered.
 */
export type WriteReply =
  | { readonly kind: "reply"; readonly output: Doc }
  | { readonly kind: "refused"; readonly thrown: unknown; readonly mayHaveRun: boolean }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

export interface RequestSettings {
  /** A call's time when it names none. */
  readonly deadlineMs: number;
  readonly clock?: Clock;
  /** Names of the table's key. */
  readonly key: TableKey;
}

/** Sends operations to one table: deadlines, the one retry layer, events. */
export class Requests {
  readonly table: string;
  readonly key: TableKey;
  readonly clock: Clock;
  readonly budget = new RetryBudget();
  readonly #client: ClientLike;
  readonly #settings: RequestSettings;
  #lastVersion = 0;

  constructor(client: ClientLike, table: string, settings: RequestSettings) {
    this.#client = client;
    this.table = table;
    this.key = settings.key;
    this.#settings = settings;
    this.clock = settings.clock ?? systemClock;
  }

  /** The deadline of a call; the caller disposes it. */
  deadline(call: Call): Deadline {
    const deadlineMs =
      call.deadlineAt === undefined ? this.#settings.deadlineMs : Math.max(1, call.deadlineAt - this.clock.now());
    return new Deadline({ deadlineMs, signal: call.signal, clock: this.clock });
  }

  /** A version that no other write of this process has: microseconds since 1970, never the same twice. */
  nextVersion(): number {
    const now = Math.floor(this.clock.now() * 1_000) + Math.floor(this.clock.random() * 1_000);
    this.#lastVersion = Math.max(now, this.#lastVersion + 1);
    return this.#lastVersion;
  }

  /** Sends an operation that changes nothing, or that is harmless to repeat and needs no settling. */
  async send(operation: Operation, input: Doc, deadline: Deadline, batch?: number): Promise<Doc> {
    try {
      return await retry(
        (attempt) => this.#attempt(operation, input, attempt, deadline, batch),
        (thrown) => verdictOf(failureOf(thrown)),
        deadline,
        { budget: this.budget, clock: this.clock },
      );
    } catch (thrown) {
      if (conditionFailed(thrown) !== undefined) throw thrown;
      throw failureOf(thrown).error;
    }
  }

  /** Sends it once, without a retry: for batches, which retry what is left themselves. */
  once(operation: Operation, input: Doc, attempt: number, deadline: Deadline, batch?: number): Promise<Doc> {
    return this.#attempt(operation, input, attempt, deadline, batch);
  }

  /** Sends a write until it is answered, its time is over or the budget is spent; the caller made it harmless to repeat. */
  async write(operation: Operation, input: Doc, deadline: Deadline, batch?: number): Promise<WriteReply> {
    let mayHaveRun = false;
    // An attempt that hears nothing is given up while there is time for another one.
    const attemptMs = Math.max(50, deadline.totalMs * 0.4);
    try {
      const output = await retry(
        async (attempt) => {
          using part = deadline.part(attemptMs);
          try {
            return await this.#attempt(operation, input, attempt, part, batch);
          } catch (thrown) {
            const failure = failureOf(thrown);
            const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
            if (failure.mayHaveRun || late) mayHaveRun = true;
            throw thrown;
          }
        },
        (thrown) => {
          const failure = failureOf(thrown);
          // A part of the deadline passed, not all of it.
          if (failure.error.code === "DEADLINE_EXCEEDED") return { retry: true };
          return verdictOf(failure);
        },
        deadline,
        { budget: this.budget, clock: this.clock },
      );
      return { kind: "reply", output };
    } catch (thrown) {
      const failure = failureOf(thrown);
      const decided = conditionFailed(thrown) !== undefined || (cancellationOf(thrown) !== undefined && !failure.retry);
      if (decided) return { kind: "refused", thrown, mayHaveRun };
      return { kind: "failed", error: failure.error, mayHaveRun };
    }
  }

  #attempt(
    operation: Operation,
    input: Doc,
    attempt: number,
    deadline: Deadline,
    batch: number | undefined,
  ): Promise<Doc> {
    return tracedAttempt({ table: this.table, operation, attempt, batch }, () =>
      deadline.run((signal) => sendOperation(this.#client, operation, input, signal)),
    );
  }
}

/** What was never sent cost the server nothing; what it refused for load must not come back in numbers. */
export function verdictOf(failure: Failure): RetryVerdict {
  if (!failure.retry) return { retry: false };
  if (failure.overloaded) return { retry: true, cost: 10, baseMs: 50 };
  return failure.mayHaveRun ? { retry: true, cost: 5 } : { retry: true, cost: 1, baseMs: 50 };
}
