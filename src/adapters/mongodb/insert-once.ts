import { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { retry } from "../../internal/retry.js";
import type { Doc } from "./driver.js";
import { duplicateOf, failureOf } from "./errors.js";
import { sameDocument } from "./same-document.js";

/** The part of the official driver's `Collection` that `insertOnce` uses. */
export interface CollectionLike {
  readonly collectionName: string;
  insertOne(document: never, options?: never): Promise<unknown>;
  findOne(filter: never, options?: never): Promise<unknown>;
}

/** What `insertOnce` is told. */
export interface InsertOnceOptions {
  /** The document's `_id`, the same for each try of the same thing: an order number, a message id. */
  readonly id: unknown;
  /** Time for all tries together. Default 10,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * - `applied: true`: this call stored it.
 * - `applied: false`: an equal document was there already. With `resent: true` it may have been stored by this very
 *   call, whose first sending was not answered.
 */
export interface InsertedOnce {
  readonly applied: boolean;
  readonly resent: boolean;
}

/**
 * Inserts a document exactly once under an id of your choice, into a collection of your own, however often it is tried.
 *
 * A duplicate counts as "already there" only when it is on that `_id` and the stored document is equal; a different
 * document under the id, or a duplicate on another unique index, is a conflict. Connection losses and failovers are
 * retried until the deadline; an insert that was not answered is settled by a read.
 *
 * @throws KeyfoldError `CONFLICT`, `OUTCOME_UNKNOWN`, `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `ABORTED`, `TOO_LARGE` …
 *
 * @example
 * ```ts
 * const { applied } = await insertOnce(db.collection("payments"), payment, { id: payment.orderNo });
 * if (!applied) console.log("was booked before");
 * ```
 */
export async function insertOnce(
  collection: CollectionLike,
  document: object,
  options: InsertOnceOptions,
): Promise<InsertedOnce> {
  const { id } = options;
  if (id === undefined || id === null) {
    throw new KeyfoldError("INPUT_INVALID", "insertOnce needs an id.", {
      fix: "Derive it from what the document stands for, so that every try has the same one.",
    });
  }
  const given = (document as Doc)["_id"];
  if (given !== undefined && !sameDocument(given, id)) {
    throw new KeyfoldError("INPUT_INVALID", "The document has an _id that is not the id given.", {
      fix: "Leave _id out of the document.",
    });
  }
  const whole: Doc = { _id: id, ...document };
  using deadline = new Deadline({ deadlineMs: options.deadlineMs ?? 10_000, signal: options.signal });
  deadline.throwIfOver();
  let mayHaveRun = false;
  let resent = false;
  const attemptMs = Math.max(50, deadline.totalMs * 0.4);

  const tryOnce = async (): Promise<InsertedOnce> => {
    using part = deadline.part(Math.min(attemptMs, Math.max(1, deadline.remainingMs() * 0.85)));
    resent = mayHaveRun;
    const settings = { writeConcern: { w: "majority" }, timeoutMS: Math.ceil(part.totalMs * 0.95) };
    const marked = new Marked(whole);
    try {
      await part.run(() => collection.insertOne(marked as never, settings as never));
      return { applied: true, resent };
    } catch (thrown) {
      const duplicate = duplicateOf(thrown);
      if (duplicate === undefined) {
        const failure = failureOf(thrown);
        if (marked.wasSent() && (failure.mayHaveRun || thrown === failure.error)) mayHaveRun = true;
        throw thrown;
      }
      if (duplicate.index !== "_id_" && !(duplicate.fields.length === 1 && duplicate.fields[0] === "_id")) {
        throw new KeyfoldError(
          "CONFLICT",
          `Another document of ${collection.collectionName} has the same value in the unique index ${duplicate.index}.`,
          {
            cause: thrown,
            fix: "Compare the two documents: they share a value that must be unique.",
            data: { index: duplicate.index, fields: duplicate.fields },
          },
        );
      }
      return await settle(part, thrown);
    }
  };

  /** What is stored under the id decides. */
  const settle = async (within: Deadline, cause: unknown): Promise<InsertedOnce> => {
    const settings = {
      readPreference: "primary",
      readConcern: { level: "majority" },
      timeoutMS: Math.max(1, Math.ceil(within.remainingMs())),
    };
    const stored = await within.run(() => collection.findOne({ _id: id } as never, settings as never));
    if (stored === null) throw new Vanished();
    if (sameDocument(whole, stored)) return { applied: false, resent };
    throw new KeyfoldError(
      "CONFLICT",
      `A different document is stored in ${collection.collectionName} under this id.`,
      {
        cause,
        fix: "Give different things different ids; read the stored document to see what it is.",
        data: { collection: collection.collectionName },
      },
    );
  };

  try {
    return await retry(
      tryOnce,
      (thrown) => {
        // It was deleted between the duplicate and the look at it, or only this attempt's time passed.
        if (thrown instanceof Vanished) return { retry: true };
        const failure = failureOf(thrown);
        return { retry: failure.retry || (thrown === failure.error && failure.error.code === "DEADLINE_EXCEEDED") };
      },
      deadline,
    );
  } catch (thrown) {
    if (thrown instanceof Vanished)
      throw new KeyfoldError("THROTTLED", "Others insert and delete this document at the same time.");
    const { error } = failureOf(thrown);
    if (error.code === "CONFLICT" || !mayHaveRun) throw error;
    resent = true;
    const settled = deadline.over
      ? undefined
      : await settle(deadline, thrown).catch((other) => {
          if (other instanceof KeyfoldError && other.code === "CONFLICT") throw other;
          return undefined;
        });
    if (settled !== undefined) return settled;
    throw new KeyfoldError(
      "OUTCOME_UNKNOWN",
      "The insert was sent and not answered, and no read could tell what became of it.",
      {
        cause: error,
        fix: "Call insertOnce again with the same id and document: it is not stored twice.",
      },
    );
  }
}

class Vanished extends Error {}

/**
 * A copy of a document (the driver writes into what it inserts, and the caller may go on using its own) that tells
 * whether it was serialized, which the driver does right before it writes to a socket.
 */
class Marked {
  #sent = false;
  readonly [field: string]: unknown;
  constructor(document: Doc) {
    Object.assign(this, document);
  }
  toBSON(): Doc {
    this.#sent = true;
    return { ...this };
  }
  wasSent(): boolean {
    return this.#sent;
  }
}
