import type { KeyfoldError } from "../../internal/errors.js";

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
