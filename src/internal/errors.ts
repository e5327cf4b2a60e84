/**
 * Every code that a {@link KeyfoldError} can carry. The set is closed: a new code needs an entry in docs/errors.
 *
 * - `MODEL_INVALID`: the model is wrong; `issues` lists every mistake with its path and fix.
 * - `INPUT_INVALID`: an argument, record, file or URL does not have the required shape.
 * - `CONFLICT`: another record is stored under this key, or a unique field is taken.
 * - `VERSION_MISMATCH`: the record's version is not the one that the write demanded.
 * - `NOT_FOUND`: the record, file or table that the request needs is not there.
 * - `OUTCOME_UNKNOWN`: the write may or may not have happened and no read could settle it.
 * - `CONSISTENCY_UNSUPPORTED`: the engine cannot promise the level that was asked for.
 * - `CONSISTENCY_UNAVAILABLE`: the level could not be reached before the deadline.
 * - `PATTERN_UNSUPPORTED`: the engine cannot serve this pattern.
 * - `DESIGN_MISSING`: a collection, index or table of the plan is absent; run `keyfold apply`.
 * - `DESIGN_DIFFERS`: what is stored differs from the plan.
 * - `SCHEMA_MISMATCH`: a stored record does not fit the entity's schema.
 * - `CURSOR_INVALID`: the cursor was altered, is of another question, or of another design.
 * - `TOO_LARGE`: a record is larger than the engine's limit.
 * - `OUT_OF_RANGE`: a number does not fit the field's type.
 * - `DEADLINE_EXCEEDED`: the deadline passed first.
 * - `ABORTED`: the caller's signal was aborted.
 * - `THROTTLED`: the engine refused for load, and the retry budget is spent.
 * - `UNAVAILABLE`: no server could be reached.
 * - `LOAD_FAILED`: a cache waited for another process to load a value, and the loader failed there.
 * - `UNAUTHORIZED`: the credentials were refused, or do not allow this request.
 * - `DRIVER_ERROR`: any other error of the driver; the cause is attached.
 */
export type KeyfoldErrorCode =
  | "MODEL_INVALID"
  | "INPUT_INVALID"
  | "CONFLICT"
  | "VERSION_MISMATCH"
  | "NOT_FOUND"
  | "OUTCOME_UNKNOWN"
  | "CONSISTENCY_UNSUPPORTED"
  | "CONSISTENCY_UNAVAILABLE"
  | "PATTERN_UNSUPPORTED"
  | "DESIGN_MISSING"
  | "DESIGN_DIFFERS"
  | "SCHEMA_MISMATCH"
  | "CURSOR_INVALID"
  | "TOO_LARGE"
  | "OUT_OF_RANGE"
  | "DEADLINE_EXCEEDED"
  | "ABORTED"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "LOAD_FAILED"
  | "UNAUTHORIZED"
  | "DRIVER_ERROR";

/** One mistake in a model, a record or a file: where it is, what is wrong, what to do. */
export interface Issue {
  /** Stable code of the mistake, in kebab-case. */
  readonly code: string;
  /** Where: keys and array positions from the root. */
  readonly path: readonly (string | number)[];
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly fix: string;
}

/** What a {@link KeyfoldError} carries beside its message. */
export interface KeyfoldErrorDetails {
  /** The error that this one was made from. */
  readonly cause?: unknown;
  /** What to do, in one sentence. */
  readonly fix?: string;
  /** All mistakes, where there can be more than one. */
  readonly issues?: readonly Issue[];
  /** Facts for programs: entity, key, expected and found versions, ids. Never credentials. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * The one error class that keyfold throws.
 *
 * @example
 * ```ts
 * try {
 *   await shop.line.update(key, changes, { ifVersion: 3 });
 * } catch (error) {
 *   if (error instanceof KeyfoldError && error.code === "VERSION_MISMATCH") retry();
 * }
 * ```
 */
export class KeyfoldError extends Error {
  readonly code: KeyfoldErrorCode;
  readonly fix: string | undefined;
  readonly issues: readonly Issue[];
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: KeyfoldErrorCode, message: string, details: KeyfoldErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "KeyfoldError";
    this.code = code;
    this.fix = details.fix;
    this.issues = details.issues ?? [];
    this.data = details.data ?? {};
  }
}
