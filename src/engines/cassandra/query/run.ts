import type { Value } from "../types/type.js";

/** A bound value that says "leave it as it is". */
export const unset: unique symbol = Symbol("unset");
export type Unset = typeof unset;
export type Bound = Value | Unset;

/** What one execution of a statement knows: its bound values, its time, who asks. */
export interface Run {
  readonly values: readonly Bound[];
  /** Milliseconds. */
  readonly nowMs: number;
  /** Seconds. */
  readonly now: number;
  /** Microseconds for what is written now, greater than those that were given before. */
  readonly timestamp: number | bigint;
  /** Version 1 UUIDs. */
  readonly timeUuid: () => Buffer;
  readonly random: () => number;
  readonly keyspace: string | undefined;
  readonly warnings: string[];
}
