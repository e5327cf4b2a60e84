import type { Capability } from "../adapters/port/capability.js";
import type { Version } from "../adapters/port/outcome.js";
import type { Consistency } from "../model/consistency.js";
import type { AnyModel } from "../model/model.js";
import type { Amount, At } from "../model/names.js";
import type { AnyPattern, Compare, TogetherRow } from "../model/patterns.js";

/** A page of rows. An empty page is not the end: `cursor` is undefined at the end. */
export interface Page<Row> {
  readonly items: Row[];
  readonly cursor: string | undefined;
  /** The level at which it was read. */
  readonly consistency: Consistency;
}

/** What every call takes. */
export interface CallOptions {
  /** Stop waiting when this is aborted. */
  readonly signal?: AbortSignal;
  /** Stop waiting after this many milliseconds; the client's `deadlineMs` when left out. */
  readonly deadlineMs?: number;
}

export interface ReadOptions<Level> extends CallOptions {
  /** The pattern's own level when left out. */
  readonly consistency?: Level;
  /** For `bounded`: how far behind the answer may be, in milliseconds. */
  readonly maxStalenessMs?: number;
}

export interface ListOptions<Level> extends ReadOptions<Level> {
  /** Most rows of the page; 100 when left out. */
  readonly limit?: number;
  /** From the previous page of the same question. */
  readonly cursor?: string | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Names this write, so that sending it again, also from another process, does nothing more. */
  readonly writeId?: string;
}

export interface ConditionalOptions<R> extends WriteOptions {
  /** Only when the stored record has this version. */
  readonly ifVersion?: Version;
  /** Only when the stored record meets these conditions. */
  readonly if?: { readonly [F in keyof R]?: Compare<NonNullable<R[F]>> };
}

/** `applied: false`: an equal record was there already. A different one under the key is a `CONFLICT` error. */
export type Inserted =
  | { readonly applied: true; readonly version: Version }
  | { readonly applied: false; readonly version: Version | undefined };

/** `applied: false`: the record is not there, or does not meet the condition; a demanded version that differs is a `VERSION_MISMATCH` error. */
export type Written =
  | { readonly applied: true; readonly version: Version }
  | { readonly applied: false; readonly reason: "missing" | "condition" };

export type Deleted =
  | { readonly applied: true }
  | { readonly applied: false; readonly reason: "missing" | "condition" };

/** What became of each record of an `insertMany`, in order. */
export type InsertedOne =
  | { readonly outcome: "applied"; readonly version: Version }
  | { readonly outcome: "present" }
  | { readonly outcome: "conflict" | "rejected" | "failed" | "unknown"; readonly error: Error };

export interface InsertedMany {
  readonly applied: number;
  readonly present: number;
  /** Records that are not stored as given: conflict, rejected (the schema), failed (safe to send again), unknown. */
  readonly failures: readonly { readonly index: number; readonly result: InsertedOne }[];
  /** By position. */
  readonly results: readonly InsertedOne[];
}

/** New values by field; undefined removes an optional field. The key's fields cannot change. */
export type ChangesOf<R, Key> = { readonly [F in Exclude<keyof R, keyof Key>]?: R[F] };
/** Amounts by field. */
export type IncrementsOf<R> = {
  readonly [F in keyof R as NonNullable<R[F]> extends Amount ? F : never]?: NonNullable<R[F]>;
};

/** A record and its version. */
export interface VersionedRecord<R> {
  readonly record: R;
  readonly version: Version;
}

/** Writes and reads of one entity's records by key. */
export interface EntityClient<R, In, Key> {
  insert(record: In, options?: WriteOptions): Promise<Inserted>;
  insertMany(records: Iterable<In> | AsyncIterable<In>, options?: CallOptions): Promise<InsertedMany>;
  put(record: In, options?: ConditionalOptions<R>): Promise<Written>;
  update(key: Key, changes: ChangesOf<R, Key>, options?: ConditionalOptions<R>): Promise<Written>;
  increment(key: Key, amounts: IncrementsOf<R>, options?: ConditionalOptions<R>): Promise<Written>;
  delete(key: Key, options?: ConditionalOptions<R>): Promise<Deleted>;
  get(
    key: Key,
    options: ReadOptions<Consistency> & { readonly version: true },
  ): Promise<VersionedRecord<R> | undefined>;
  get(key: Key, options?: ReadOptions<Consistency>): Promise<R | undefined>;
  getMany(keys: readonly Key[], options?: ReadOptions<Consistency>): Promise<(R | undefined)[]>;
}

/** Serves `get` and `rank` patterns. */
export interface GetClient<P, Row, Level> {
  (params: P, options?: ReadOptions<Level>): Promise<Row | undefined>;
  explain(params: P, options?: ReadOptions<Level>): Promise<ExplainedRequest>;
}

/** Serves `list`, `top` and `search` patterns. */
export interface ListClient<P, Row, Level> {
  (params: P, options?: ListOptions<Level>): Promise<Page<Row>>;
  /** Row by row, page after page; `limit` is the page's size. */
  each(params: P, options?: ListOptions<Level>): AsyncIterableIterator<Row>;
  explain(params: P, options?: ListOptions<Level>): Promise<ExplainedRequest>;
}

/** The request that was sent, and what the engine says about it. */
export interface ExplainedRequest {
  readonly engine: string;
  readonly pattern: string;
  readonly request: unknown;
  readonly index: string | undefined;
  readonly keysExamined: number | undefined;
  readonly documentsExamined: number | undefined;
  readonly rows: number | undefined;
  /** Capacity that the engine says it took, where it counts in units. */
  readonly units?: number;
  readonly raw: unknown;
}

/** In place of a pattern that the adapter cannot serve: nothing can be passed, and the error and the hover say why. */
export interface CannotServe<Why extends string> {
  (cannot: Why, ...and: never[]): never;
  each(cannot: Why, ...and: never[]): never;
  explain(cannot: Why, ...and: never[]): never;
}

type RowOf<E, P extends AnyPattern> = P["$row"] extends "records"
  ? TogetherRow<E, P["entity"]>
  : P["$row"] extends "record"
    ? P["entity"] extends keyof E
      ? E[P["entity"]] extends { readonly $record: unknown }
        ? E[P["entity"]]["$record"]
        : never
      : never
    : P["$row"];

/** The levels that every engine of a union promises: `Adapter<MongoDB | DynamoDB>` gives what both can. */
type Levels<C extends Capability, Kind> = (
  C extends unknown
    ? (level: Kind extends keyof C["serves"] ? C["serves"][Kind] : never) => void
    : never
) extends (level: infer L) => void
  ? L
  : never;

/** What identifies a record. */
export type KeyOf<R, F extends string> = { [X in F]: At<R, X> } & {};

/** What a pattern is on a client. */
export type PatternClient<E, P extends AnyPattern, C extends Capability> = P["kind"] extends keyof C["serves"]
  ? P["kind"] extends "get" | "rank"
    ? GetClient<P["$params"], RowOf<E, P>, Levels<C, P["kind"]> & P["$level"]>
    : ListClient<P["$params"], RowOf<E, P>, Levels<C, P["kind"]> & P["$level"]>
  : CannotServe<`${C["engine"]}() cannot serve "${P["kind"]}" patterns: see keyfold plan`>;

/** The client's own members; their names begin with `$`, so that later ones collide with no entity or pattern. */
export interface ClientBase {
  /** Resolves when the design was checked and the server answered; rejects as the first request would. */
  readonly $ready: Promise<void>;
  /** A client with a session of its own; from a token: one that has seen what the token's session saw. */
  $session(token?: string): this;
  /** The session's token, for `$session` in another process. */
  $token(): string;
  $close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a write of a transaction demands of the stored record. */
interface Demands<R> {
  /** Only when the stored record has this version. */
  readonly ifVersion?: Version;
  /** Only when the stored record meets these conditions. */
  readonly if?: { readonly [F in keyof R]?: Compare<NonNullable<R[F]>> };
}

/** One write of a transaction on one entity. `check` writes nothing: the record must be there and meet the demands. */
export type EntityWrite<Name, R, In, Key> =
  | { readonly entity: Name; readonly insert: In }
  | ({ readonly entity: Name; readonly put: In } & Demands<R>)
  | ({ readonly entity: Name; readonly update: Key; readonly changes: ChangesOf<R, Key> } & Demands<R>)
  | ({ readonly entity: Name; readonly increment: Key; readonly amounts: IncrementsOf<R> } & Demands<R>)
  | ({ readonly entity: Name; readonly delete: Key } & Demands<R>)
  | ({ readonly entity: Name; readonly check: Key } & Demands<R>);

/** One write of a transaction. */
export type ModelWrite<E extends AnyModel["entities"]> = {
  [K in keyof E & string]: EntityWrite<K, E[K]["$record"], E[K]["$input"], KeyOf<E[K]["$record"], E[K]["key"][number]>>;
}[keyof E & string];

/**
 * Why a write stood in the way of its transaction.
 *
 * - `present`: an insert's record is there already, and equal.
 * - `conflict`: a different record is stored under an insert's key.
 * - `unique`: another record has the value of the unique fields `unique`.
 * - `version`: the stored version is not the one demanded.
 * - `condition`: the stored record does not meet `if`.
 * - `missing`: there is no such record.
 */
export interface Refused {
  readonly reason: "present" | "conflict" | "unique" | "version" | "condition" | "missing";
  /** The stored record's version, where it was seen. */
  readonly version?: Version;
  readonly unique?: readonly string[];
}

/** What became of a transaction: all of its writes are done, or none. */
export type Transacted =
  /** By position: the record's version after it; undefined: it is gone. */
  | { readonly applied: true; readonly versions: readonly (Version | undefined)[] }
  /** By position: why this write could not be done; undefined: it could. */
  | { readonly applied: false; readonly reasons: readonly (Refused | undefined)[] };

/** Writes several records, of any entities, as one; see {@link Client}. */
export type Transact<E extends AnyModel["entities"]> = (
  writes: readonly ModelWrite<E>[],
  options?: WriteOptions,
) => Promise<Transacted>;

/** In place of `$transact` on an engine that has no transactions. */
export type CannotTransact<Engine extends string> = (
  cannot: `${Engine}() cannot write several records as one`,
  ...and: never[]
) => never;

/**
 * The typed client of a model on an engine.
 *
 * @example
 * ```ts
 * interface Shop extends Client<typeof model, MongoDB> {}   // short names in hovers and errors
 * const shop: Shop = connect(model, mongodb(db));
 * ```
 */
export type Client<M extends AnyModel, C extends Capability> = ClientBase & {
  readonly [K in keyof M["entities"]]: EntityClient<
    M["entities"][K]["$record"],
    M["entities"][K]["$input"],
    KeyOf<M["entities"][K]["$record"], M["entities"][K]["key"][number]>
  >;
} & { readonly [K in keyof M["patterns"]]: PatternClient<M["entities"], M["patterns"][K], C> } & {
  /**
   * Writes several records, of any entities, all or none; one write a record.
   *
   * @throws KeyfoldError `TOO_LARGE` for more than the engine takes at once, with what each write costs in `data`;
   * `OUTCOME_UNKNOWN`, `THROTTLED`, `DEADLINE_EXCEEDED` … as every write.
   *
   * @example
   * ```ts
   * const { applied } = await shop.$transact([
   *   { entity: "order", insert: order },
   *   { entity: "stock", increment: { sku }, amounts: { left: -1 }, if: { left: { gte: 1 } } },
   * ]);
   * ```
   */
  readonly $transact: [C] extends [{ readonly transacts: true }]
    ? Transact<M["entities"]>
    : CannotTransact<C["engine"]>;
};
