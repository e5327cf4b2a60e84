import { KeyfoldError } from "../../internal/errors.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { NotAppliedReason, WriteOutcome } from "../port/outcome.js";
import type { DuplicateKey } from "./errors.js";

/** Races with other writers that a write takes part in before it gives up. */
export const MAX_RACES = 20;

/** Certainly not done, for this error. */
export function failed(error: KeyfoldError): WriteOutcome {
  return { kind: "notApplied", reason: "failed", error };
}

/** Not done: what is stored does not admit it. */
export function notApplied(reason: NotAppliedReason, version: number | undefined): WriteOutcome {
  return version === undefined ? { kind: "notApplied", reason } : { kind: "notApplied", reason, version };
}

/** Nobody can tell whether it was done. */
export function unknown(message: string, cause: unknown): WriteOutcome {
  return {
    kind: "unknown",
    error: new KeyfoldError("OUTCOME_UNKNOWN", message, {
      cause,
      fix: "Read the record, or send the same write again: with the same writeId, ifVersion or record it is not done twice.",
    }),
  };
}

/** The outcome of a write that lost every race. */
export function raced(collection: MongoCollection): WriteOutcome {
  return failed(
    new KeyfoldError(
      "THROTTLED",
      `Other writers changed this record of ${collection.entity} ${MAX_RACES} times in a row.`,
      {
        fix: "Write a record that many change at once with increment, or from one place.",
      },
    ),
  );
}

/** Fields of the record that a unique index is over. */
export function fieldsOf(duplicate: DuplicateKey, collection: MongoCollection): readonly string[] {
  const paths =
    duplicate.fields.length > 0
      ? duplicate.fields
      : Object.keys(collection.indexes.find((index) => index.name === duplicate.index)?.key ?? {});
  return paths.map((path) => collection.fields.find((stored) => stored.path === path)?.field ?? path);
}
