import type { By, EntityData, ListPattern, ModelData, PatternData } from "../../model/description.js";
import { fieldAt } from "../../model/field.js";
import { type Cut, cutOf, type PartitionLimits } from "../partitions.js";
import { groupShare } from "../workload.js";
import type { Home } from "./places.js";
import { collectionLimit, recordBytes } from "./sizes.js";

/** Units per second that one partition key takes (manual: "Best practices for designing partition keys"). */
export const partitionWriteUnits = 1_000;
export const partitionReadUnits = 3_000;

/** Keys, version and entries in indexes of an item, before they are planned. */
const typicalOverhead = 160;

/** Write units of an item: one for each KiB begun. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 1024));
}

/** Read units of a strongly consistent read of so many bytes: one for each 4 KiB begun. */
export function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 4096));
}

/** Share of an entity's records and writes that fall into the most frequent group of a question; undefined: not known. */
export function hottestShare(model: ModelData, entity: EntityData, by: readonly By[]): number | undefined {
  // Only a bucket: all writes of now fall into the present one.
  return groupShare(
    model,
    entity,
    by.flatMap((part) => (part.kind === "field" ? [part.field] : [])),
  );
}

const collectionLimits: PartitionLimits = {
  partitionBytes: collectionLimit,
  partitionRows: Number.POSITIVE_INFINITY,
  sources: "10 GB of one partition",
};

/**
 * How a place of a list is cut: into write shards, so that its hottest partition takes its writes; and, where a rate is
 * declared, by time or into more shards, so that a collection stays within one partition.
 */
export function cutOfPlace(model: ModelData, pattern: ListPattern, kind: "index" | "copies"): Cut {
  const entity = model.entities[pattern.entity] as EntityData;
  const shards = writeShards(model, pattern, kind);
  const [first] = pattern.order;
  const date = first !== undefined && fieldAt(entity.fields, first.field)?.kind === "date" ? first.field : undefined;
  const bytes = recordBytes(model, entity) + typicalOverhead;
  const cut = cutOf(model, entity, pattern.by, date, bytes, collectionLimits, shards);
  const rated = model.workload.entities[entity.name]?.writesPerSecond !== undefined;
  return rated ? cut : { ...cut, unit: undefined, shards };
}

/** Shards of the home partitions, where a list by the key's first fields would write too much into one of them. */
export function homeShards(model: ModelData, entity: EntityData, home: Home): number {
  if (home.sortFields.length === 0 || home.shared) return 1;
  const by = home.partitionFields.map((field) => ({ kind: "field", field, param: field }) as const);
  return Math.max(1, Math.ceil(hottestWriteUnits(model, entity, by, "home") / partitionWriteUnits));
}

/** How many write shards a place needs, so that its hottest partition stays within what one takes. */
export function writeShards(
  model: ModelData,
  pattern: PatternData,
  kind: "index" | "copies" | "home" | "contributions",
): number {
  const entity = model.entities[pattern.entity] as EntityData;
  const by = "by" in pattern && typeof pattern.by !== "string" ? pattern.by : [];
  return Math.max(1, Math.ceil(hottestWriteUnits(model, entity, by, kind) / partitionWriteUnits));
}

/** Write units per second of the hottest partition of a place. */
export function hottestWriteUnits(
  model: ModelData,
  entity: EntityData,
  by: readonly By[],
  kind: "index" | "copies" | "home" | "contributions",
): number {
  const rate = model.workload.entities[entity.name]?.writesPerSecond ?? 0;
  const share = kind === "contributions" ? 1 : (hottestShare(model, entity, by) ?? 0);
  const bytes = kind === "contributions" ? 1 : recordBytes(model, entity) + typicalOverhead;
  // What is written in one transaction takes twice the units.
  return rate * share * writeUnits(bytes) * (kind === "copies" || kind === "contributions" ? 2 : 1);
}
