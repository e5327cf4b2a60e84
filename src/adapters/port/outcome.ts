import { KeyfoldError } from "../../internal/errors.js";

/** Grows with each write of a record. Compare for equality only. */
export type Version = number;

/**
 * What became of a write.
 *
 * - `applied`: it is stored; for a `put` or `update` `version` is the new one.
 * - `notApplied`: nothing was changed, for this reason.
 * - `unknown`: it may or may not be stored, and no read could settle it before the deadline.
 */
export type WriteOutcome =
  | { readonly kind: "applied"; readonly version: Version }
  | NotApplied
  | { readonly kind: "unknown"; readonly error: KeyfoldError };

/**
 * - `present`: an equal record was there already (harmless: the insert was done before).
 * - `conflict`: a different record is stored under this key.
 * - `unique`: another record has the value of a unique field.
 * - `version`: the stored version is not the one demanded.
 * - `condition`: the stored record does not meet the write's condition.
 * - `missing`: there is no such record.
 * - `failed`: the engine refused it, or the request never left; `error` says why. Safe to send again.
 */
export type NotAppliedReason = "present" | "conflict" | "unique" | "version" | "condition" | "missing" | "failed";

export interface NotApplied {
  readonly kind: "notApplied";
  readonly reason: NotAppliedReason;
  /** The stored record's version, where it was seen. */
  readonly version?: Version;
  /** The fields of the violated constraint, for `unique`. */
  readonly unique?: readonly string[];
  readonly error?: KeyfoldError;
}

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
export function raced(entity: string): WriteOutcome {
  return failed(
    new KeyfoldError("THROTTLED", `Other writers changed this record of ${entity} ${MAX_RACES} times in a row.`, {
      fix: "Write a record that many change at once with increment, or from one place.",
    }),
  );
}
