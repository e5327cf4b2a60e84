import type { Consistency } from "../../model/consistency.js";
import type { Field } from "../../model/field.js";
import type { RequestValue, Slot, TemplateObject } from "../template.js";
import type { PlanFacts, PlannedPattern, UnservedPattern } from "../types.js";

/** The physical design of a model on MongoDB. */
export interface MongoPlan extends PlanFacts {
  readonly engine: "mongodb";
  /** By entity name. */
  readonly collections: { readonly [entity: string]: MongoCollection };
  /** By pattern name. */
  readonly patterns: { readonly [pattern: string]: MongoPatternPlan | UnservedPattern };
  readonly grants: MongoGrants;
}

/** BSON type in which a field is stored. `int`: int32 when it fits, else int64 ("long"). `any`: JSON as BSON has it. */
export type BsonType =
  | "string"
  | "int"
  | "long"
  | "double"
  | "decimal"
  | "bool"
  | "date"
  | "binData"
  | "uuid"
  | "array"
  | "object"
  | "any";

/** Where one field of a record is in the document. */
export interface StoredField {
  /** Top-level name in the record. */
  readonly field: string;
  /** Path in the document: "_id", "_id.tenant" or the field's own name. */
  readonly path: string;
  readonly bson: BsonType;
  readonly type: Field;
}

/**
 * How `_id` is made from the key. One field: its value, in its own BSON type. Several: an embedded document with the
 * key's fields in the key's order, which sorts like the key, is unique like the key, and reads well in mongosh.
 * The key's fields are stored there and nowhere else.
 */
export type IdRecipe =
  | { readonly kind: "value"; readonly field: string; readonly bson: BsonType }
  | { readonly kind: "document"; readonly parts: readonly { readonly field: string; readonly bson: BsonType }[] };

export type IndexDirection = 1 | -1;

export interface MongoIndexKey {
  readonly [path: string]: IndexDirection;
}

export interface MongoIndex {
  readonly name: string;
  readonly key: MongoIndexKey;
  readonly unique: boolean;
  /** Set for a unique constraint on optional fields: records without the field are exempt. */
  readonly partialFilterExpression: TemplateObject | undefined;
  /** Set where MongoDB removes records by it: so many seconds after the date in it. */
  readonly expireAfterSeconds?: 0;
  /** Patterns that are served by it, and unique constraints ("unique(email)") that it enforces. */
  readonly serves: readonly string[];
  readonly estimate: { readonly entryBytes: number; readonly bytes: number | undefined };
}

export interface MongoCollection {
  readonly entity: string;
  /** Name of the collection. */
  readonly name: string;
  readonly id: IdRecipe;
  /** In the schema's order, the key's fields first. */
  readonly fields: readonly StoredField[];
  /** The record's version: an int64 (BSON long) that only grows. */
  readonly version: { readonly path: "_v" };
  /** Path of the date at which a record ends; left out: records do not end. */
  readonly expires?: string;
  /** Without the `_id` index, which is always there. */
  readonly indexes: readonly MongoIndex[];
  readonly estimate: MongoCollectionEstimate;
}

export interface MongoCollectionEstimate {
  readonly documentBytes: number;
  /** `undefined` where the workload does not say how many records there are. */
  readonly documents: number | undefined;
  readonly dataBytes: number | undefined;
  /** All indexes, `_id` included. */
  readonly indexBytes: number | undefined;
}

/** What one request costs, at the declared workload. */
export interface MongoPatternEstimate {
  readonly rows: number;
  readonly keysExamined: number | undefined;
  readonly documentsExamined: number | undefined;
  readonly bytesReturned: number | undefined;
  readonly requestsPerSecond: number | undefined;
  /** The server must sort the matching documents in memory. */
  readonly sortsInMemory: boolean;
}

interface MongoPatternFacts extends Pick<PlannedPattern, "select"> {
  readonly pattern: string;
  readonly entity: string;
  readonly collection: string;
  readonly consistency: Consistency;
  /** Name of the index that serves it, "_id_", or undefined: the whole collection is read. */
  readonly index: string | undefined;
  /** Every slot's value, for `request` and `next`. */
  readonly values: readonly RequestValue[];
  readonly estimate: MongoPatternEstimate;
}

export type MongoPatternPlan = MongoGetPlan | MongoListPlan | MongoTopPlan;

/** find({ _id }) with limit 1. Many at once: `_id` in a list. */
export interface MongoGetPlan extends MongoPatternFacts {
  readonly kind: "get";
  readonly request: MongoFind;
}

/** A page of records. */
export interface MongoListPlan extends MongoPatternFacts {
  readonly kind: "list";
  /** The first page. */
  readonly request: MongoFind;
  /** Fields of the record that are read; left out: all. */
  readonly reads?: readonly string[];
  /** Any further page: with values from the cursor. */
  readonly next: MongoFind;
  /** What the cursor holds, in the pattern's order: one value for each `after` source. */
  readonly position: readonly { readonly field: string; readonly path: string; readonly type: Field }[];
}

/** A page of groups. */
export interface MongoTopPlan extends MongoPatternFacts {
  readonly kind: "top";
  readonly request: MongoAggregate;
  readonly next: MongoAggregate;
  /** How a result document `{ _id, sum?, count }` becomes a row: names of the row's members and their types. */
  readonly row: {
    readonly by: { readonly name: string; readonly type: Field };
    readonly sum: { readonly name: string; readonly type: Field } | undefined;
  };
}

/** The `find` command. */
export interface MongoFind {
  readonly kind: "find";
  readonly collection: string;
  readonly filter: TemplateObject;
  /** Paths that are sent; left out: whole documents. */
  readonly projection?: { readonly [path: string]: 1 };
  /** Absent where the order does not matter (one document). */
  readonly sort: MongoIndexKey | undefined;
  /** The index's key pattern: a missing index is an error, not a collection scan. */
  readonly hint: MongoIndexKey | undefined;
  readonly limit: Slot | number;
}

/** The `aggregate` command. */
export interface MongoAggregate {
  readonly kind: "aggregate";
  readonly collection: string;
  readonly pipeline: readonly TemplateObject[];
  /** Left to itself, the server may take an index that a condition such as "not null" touches, and read everything through it. */
  readonly hint: MongoAggregateHint;
}

/** Which index an aggregate is to use: it depends on whether the call bounds its range. */
export interface MongoAggregateHint {
  /** With `from` or `to` given: the index that begins with the range's field. */
  readonly bounded: MongoIndexKey | undefined;
  /** Without: the collection as it lies; undefined where a condition may find an index that narrows. */
  readonly unbounded: { readonly $natural: 1 } | undefined;
}

/** A privilege as `createRole` takes it, without the database's name. */
export interface MongoPrivilege {
  /** "" for the whole database. */
  readonly collection: string;
  readonly actions: readonly string[];
}

/** The least rights that the client needs to run, and that `apply` needs. */
export interface MongoGrants {
  readonly run: readonly MongoPrivilege[];
  readonly apply: readonly MongoPrivilege[];
}
