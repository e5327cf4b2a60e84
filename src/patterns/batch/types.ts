import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { KeyfoldError } from "../../internal/errors.js";

/** What a client's items are: plain objects for a document client, else attribute values. */
export type ItemOf<C> = C extends { readonly config: infer Config }
  ? "translateConfig" extends keyof Config
    ? object
    : Readonly<Record<string, AttributeValue>>
  : object;

/** One write of a batch: an item to store, or the key of one to delete. */
export type Write<Item> = { readonly put: Item } | { readonly delete: Item };

/**
 * Why something was not done. `error` says more.
 *
 * - `refused`: DynamoDB does not take it, or would not: too large, an empty key … Sending it again is in vain.
 * - `unprocessed`: DynamoDB answered, and gave it back until the time or the retry budget was spent.
 * - `throttled`: DynamoDB refused the request for load until then.
 * - `failed`: anything else: no connection, no rights, the deadline, the signal.
 */
export interface NotDone {
  readonly outcome: "refused" | "unprocessed" | "throttled" | "failed";
  /** A request with it was sent and not answered. False: it is certainly not done. A write is harmless to send again. */
  readonly mayBeDone: boolean;
  readonly error: KeyfoldError;
}

/** What became of one write. `superseded`: a later write of the same call has its key, at this position. */
export type WriteResult =
  | { readonly outcome: "written" }
  | { readonly outcome: "superseded"; readonly by: number }
  | NotDone;

/** What became of all writes. */
export interface WroteMany<Item> {
  readonly written: number;
  readonly superseded: number;
  /** The rest, typed: what was not written, and why. */
  readonly failures: readonly { readonly index: number; readonly write: Write<Item>; readonly result: NotDone }[];
  /** By position. */
  readonly results: readonly WriteResult[];
  /** False: an asynchronous source was not read to its end, since the time was over. */
  readonly complete: boolean;
}

/** What became of one key. */
export type GetResult<Row> =
  | { readonly outcome: "found"; readonly item: Row }
  | { readonly outcome: "missing" }
  | NotDone;

/** What became of all keys. */
export interface GotMany<Row, Key> {
  /** By position; undefined: missing, or not read: `results` tells. */
  readonly items: readonly (Row | undefined)[];
  readonly missing: number;
  /** Keys of which nobody knows whether they are there, and why. */
  readonly failures: readonly { readonly index: number; readonly key: Key; readonly result: NotDone }[];
  /** By position. */
  readonly results: readonly GetResult<Row>[];
}

/** Settings of {@link batch}. */
export interface BatchOptions {
  readonly table: string;
  /** Attributes of the table's key. Read once by DescribeTable when left out. */
  readonly key?: readonly string[];
  /** Requests under way at once. Default 8. */
  readonly inFlight?: number;
  /** Time of 1,000 writes or keys when a call names no deadline, retries included. Default 30,000. */
  readonly deadlineMs?: number;
}

/** What a call takes. */
export interface BatchCall {
  /** Milliseconds for the whole call. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** What a call of `get` takes. */
export interface GetCall extends BatchCall {
  /** Strongly consistent reads, at twice the units. Default false. */
  readonly consistent?: boolean;
  /** Top-level attributes to read; those of the key are always there. All when left out. */
  readonly attributes?: readonly string[];
}
