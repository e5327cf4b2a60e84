import type { KeyfoldError } from "../../internal/errors.js";
import type { Consistency } from "../../model/consistency.js";
import type { Condition, ModelData } from "../../model/description.js";
import type { CapabilityData, DesignFacts } from "../../plan/types.js";
import type { Capability } from "./capability.js";
import type { NotApplied, Version, WriteOutcome } from "./outcome.js";

/**
 * What `connect` takes: an engine's driver client, not yet tied to a model.
 * `bind` plans a model and compiles each pattern's request once.
 */
export interface Adapter<C extends Capability = Capability> {
  /** Only a type: what this adapter serves. */
  readonly $capability?: C;
  readonly engine: C["engine"];
  /** The same as data. */
  readonly capability: CapabilityData;
  /** Makes the plan and compiles it. No I/O. */
  bind(model: ModelData): Store;
}

/** A record, plain: what the entity's schema puts out. */
export type RecordData = Readonly<Record<string, unknown>>;

/** One model on one database. */
export interface Store {
  readonly plan: DesignFacts;
  entity(name: string): EntityStore;
  pattern(name: string): PatternStore;
  /** Compares what is there with the plan. Changes nothing. */
  inspect(call: Call): Promise<DesignState>;
  /** Creates what is missing; drops nothing unless the call says `drop`. */
  apply(call: ApplyCall): Promise<DesignState>;
  /**
   * Replaces closed buckets of `top` patterns by their sums, where the engine keeps such buckets; undefined: it has
   * nothing to fold.
   */
  fold?(call: FoldCall): Promise<FoldState>;
  /** Writes of several records that are all done or none, where the engine has it. */
  transact?(writes: readonly TransactWrite[], call: WriteCall): Promise<TransactOutcome>;
  /** A session that begins here, or goes on from a token of this or another process. */
  session(token?: string): StoreSession;
  /** Gives back what the adapter itself opened; the user's own driver client stays open. */
  close(): Promise<void>;
}

/** What one session saw and wrote; calls that carry it move it on. */
export interface StoreSession {
  /** Text that another process can continue from. */
  token(): string;
  close(): Promise<void>;
}

/** What every request carries. */
export interface Call {
  readonly session?: StoreSession;
  /** Moment at which the caller stops waiting, in milliseconds of `Date.now()`. */
  readonly deadlineAt?: number;
  readonly signal?: AbortSignal;
}

export interface ReadCall extends Call {
  /** One of the levels that the pattern's capability lists; the client has checked that. */
  readonly consistency: Consistency;
  /** For `bounded`: the largest lag in milliseconds. */
  readonly maxStalenessMs?: number;
}

export interface WriteCall extends Call {
  /** Names the write, so that sending it again, also by another process, does nothing more. */
  readonly writeId?: string;
}

/** A write that demands something of the stored record. */
export interface ConditionalCall extends WriteCall {
  readonly ifVersion?: Version;
  readonly if?: readonly Condition[];
}

export interface Versioned {
  readonly record: RecordData;
  readonly version: Version;
}

/** What an update does, by top-level field name. */
export interface Changes {
  readonly set: RecordData;
  readonly unset: readonly string[];
  /** Added atomically: a number, a bigint or a decimal string, as the field has it. */
  readonly increment: RecordData;
}

/** One write of a transaction. `check` writes nothing: it demands something of a record, at least that it is there. */
export type TransactWrite = {
  readonly entity: string;
  readonly ifVersion?: Version;
  readonly if?: readonly Condition[];
} & (
  | { readonly kind: "insert"; readonly record: RecordData }
  | { readonly kind: "put"; readonly record: RecordData }
  | { readonly kind: "update"; readonly key: RecordData; readonly changes: Changes }
  | { readonly kind: "delete"; readonly key: RecordData }
  | { readonly kind: "check"; readonly key: RecordData }
);

/** What became of a transaction. */
export type TransactOutcome =
  /** All of it. By position: the record's version after it; undefined: it is gone. */
  | { readonly kind: "applied"; readonly versions: readonly (Version | undefined)[] }
  /** None of it. By position: why; undefined: this write does not stand in the way. */
  | { readonly kind: "notApplied"; readonly reasons: readonly (NotApplied | undefined)[] }
  /** None of it, for no reason of a record's. */
  | { readonly kind: "failed"; readonly error: KeyfoldError }
  | { readonly kind: "unknown"; readonly error: KeyfoldError };

/** One entity's records. Keys are objects with the key's fields. Records have passed the schema. */
export interface EntityStore {
  insert(record: RecordData, call: WriteCall): Promise<WriteOutcome>;
  /** One outcome per record, in order. Never rejects for single records. */
  insertMany(records: readonly RecordData[], call: WriteCall): Promise<readonly WriteOutcome[]>;
  /** Stores it, whatever is there. */
  put(record: RecordData, call: ConditionalCall): Promise<WriteOutcome>;
  update(key: RecordData, changes: Changes, call: ConditionalCall): Promise<WriteOutcome>;
  delete(key: RecordData, call: ConditionalCall): Promise<WriteOutcome>;
  /** One answer per key, in order; undefined: not there. */
  getMany(keys: readonly RecordData[], call: ReadCall): Promise<readonly (Versioned | undefined)[]>;
}

/** A cursor's content: one value per term of the pattern's order, as in a record. */
export type Position = readonly unknown[];

export interface PageCall extends ReadCall {
  readonly limit: number;
  /** Where the previous page ended. */
  readonly after?: Position;
}

export interface PageData {
  readonly rows: readonly RecordData[];
  /** Where this page ended; undefined: there is no more. */
  readonly next: Position | undefined;
}

/**
 * One pattern, compiled. `get` patterns are served by `EntityStore.getMany`, and only explained here. A `rank` is a page
 * of one row or none, `{ rank, of, record }`.
 */
export interface PatternStore {
  page(params: RecordData, call: PageCall): Promise<PageData>;
  explain(params: RecordData, call: PageCall): Promise<Explanation>;
}

/** What the engine says about one request. */
export interface Explanation {
  readonly engine: string;
  readonly pattern: string;
  /** The request as it was sent. */
  readonly request: unknown;
  /** The index that was used; undefined: none. */
  readonly index: string | undefined;
  readonly keysExamined: number | undefined;
  readonly documentsExamined: number | undefined;
  readonly rows: number | undefined;
  /** Capacity that the engine says it took, where it counts in units. */
  readonly units?: number;
  /** The engine's own answer. */
  readonly raw: unknown;
}

export interface ApplyCall extends Call {
  /** Told of each step, and of a long build's progress. */
  readonly onProgress?: (progress: ApplyProgress) => void;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
  /** Drop indexes that are not in the plan, and drop and make anew those that differ. Data is never dropped. Default false. */
  readonly drop?: boolean;
  /** Read all records and finish what writers that died left of them, where an engine's writes can leave anything. Default false. */
  readonly sweep?: boolean;
}

export interface FoldCall extends Call {
  /** Told of each bucket. */
  readonly onProgress?: (bucket: FoldedBucket) => void;
}

/** What became of one bucket. */
export interface FoldedBucket {
  readonly pattern: string;
  /** "2010-12-01" */
  readonly bucket: string;
  /**
   * `folded`: by this call; `same`: it was before; `open`: it is not over, or somebody writes to it; `lost`: a late
   * record came in between, and the next call folds it.
   */
  readonly state: "folded" | "same" | "open" | "lost";
  /** Of a bucket that this call folded. */
  readonly groups?: number;
  readonly records?: number;
}

export interface FoldState {
  readonly buckets: readonly FoldedBucket[];
}

export interface ApplyProgress {
  /** What is worked on: "collection line", "index line.customerId_1_at_-1__id_-1". */
  readonly step: string;
  readonly state: "started" | "running" | "done";
  readonly done?: number;
  readonly total?: number;
}

/** One thing of the plan and how it is on the server. */
export interface DesignItem {
  /** What it is, in the engine's word; `contents`: what existing records must hold for a pattern that was added later. */
  readonly kind: "collection" | "table" | "index" | "setting" | "contents";
  readonly name: string;
  /**
   * `same`: as planned; `missing`: not there; `created`: made by this apply; `differs`: there, but otherwise;
   * `building`: being built; `extra`: there, and not in the plan.
   */
  readonly state: "same" | "missing" | "created" | "differs" | "building" | "extra";
  /** What differs, in one sentence. */
  readonly detail?: string;
  /** Set where only this pattern cannot be asked until the item is as planned; all else works. */
  readonly pattern?: string;
}

export interface DesignState {
  /** True when every item is `same`, `created` or `extra`: everything can be asked. */
  readonly ready: boolean;
  readonly items: readonly DesignItem[];
}
