/**
 * keyfold: entities and access patterns, declared once; the physical design, the requests and a typed client from them.
 * Engines are in subpaths: `keyfold/mongodb`.
 */

export type {
  Adapter,
  ApplyProgress,
  DesignItem,
  DesignState,
  FoldedBucket,
  FoldState,
  Position,
  RecordData,
} from "./adapters/port/adapter.js";
export type { Capability } from "./adapters/port/capability.js";
export type { Version } from "./adapters/port/outcome.js";
export { type ApplyOptions, apply } from "./client/apply.js";
export { type ConnectOptions, connect } from "./client/connect.js";
export { type FoldOptions, fold } from "./client/fold.js";
export type {
  CallOptions,
  CannotServe,
  CannotTransact,
  ChangesOf,
  Client,
  ClientBase,
  ConditionalOptions,
  Deleted,
  EntityClient,
  EntityWrite,
  ExplainedRequest,
  GetClient,
  IncrementsOf,
  Inserted,
  InsertedMany,
  InsertedOne,
  KeyOf,
  ListClient,
  ListOptions,
  ModelWrite,
  Page,
  PatternClient,
  ReadOptions,
  Refused,
  Transact,
  Transacted,
  VersionedRecord,
  WriteOptions,
  Written,
} from "./client/types.js";
export { type Issue, KeyfoldError, type KeyfoldErrorCode, type KeyfoldErrorDetails } from "./internal/errors.js";
export { type Bucket, type BucketUnit, day, hour, month } from "./model/bucket.js";
export type { AtMost, Consistency } from "./model/consistency.js";
export { decimal } from "./model/decimal.js";
export type { EntityWorkload, ModelData, PatternWorkload } from "./model/description.js";
export { type AnyEntity, type Entity, type EntitySpec, entity, type Schema } from "./model/entity.js";
export { bytes, embed } from "./model/fields.js";
export type { FieldSource, Mapping, SourceRow } from "./model/mapping.js";
export { type AnyModel, defineModel, describe, isModel, type Model } from "./model/model.js";
export type { Decimal } from "./model/names.js";
export {
  type AnyPattern,
  type Between,
  type Compare,
  get,
  list,
  type Order,
  type Params,
  type Pattern,
  type RankRow,
  rank,
  search,
  type TogetherRow,
  type TopRow,
  together,
  top,
  type Where,
} from "./model/patterns.js";
export type { DynamoPhysical, Physical } from "./model/physical.js";
export type { Finding, Severity } from "./plan/finding.js";
export { isPlannedEngine, planFor, plannedEngines, renderPlanJson, renderPlanText } from "./plan/plan.js";
export type { Plan, PlannedEngine } from "./plan/types.js";
