import type { By, EntityData, ModelData, PatternData } from "../../model/description.js";
import { groupShare } from "../workload.js";
import { recordBytes } from "./sizes.js";

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
