import type { EntityData, ListPattern, ModelData, PatternData, TopPattern } from "../../model/description.js";
import type { Cut } from "../partitions.js";
import { askedRows, distinctValues, pageRows, requestsPerSecond } from "../workload.js";
import type { CqlPatternEstimate, CqlTable } from "./types.js";

/** Buckets in a year: what an unbounded `top` is taken to read. */
export const bucketsPerYear = { hour: 8_760, day: 365, month: 12 } as const;

export function getEstimate(model: ModelData, pattern: PatternData, table: CqlTable): CqlPatternEstimate {
  return {
    rows: 1,
    requests: 1,
    bytes: table.estimate.rowBytes,
    requestsPerSecond: requestsPerSecond(model, pattern.name),
  };
}

/** A page: each shard is asked for all its rows, since any of them may have them; buckets as far as rows are missing. */
export function listEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
  table: CqlTable,
  cut: Cut,
): CqlPatternEstimate {
  const { rows } = pageRows(model, entity, pattern);
  const buckets = cut.unit === undefined || cut.rows === undefined ? 1 : Math.max(1, Math.ceil(rows / cut.rows));
  return {
    rows,
    requests: cut.shards * buckets + (cut.unit === undefined ? 0 : 1),
    bytes: rows * table.estimate.rowBytes,
    requestsPerSecond: requestsPerSecond(model, pattern.name),
  };
}

/** A year's buckets before they are folded. */
export function topEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: TopPattern,
  table: CqlTable,
  cut: Cut,
): CqlPatternEstimate {
  const workload = model.workload.entities[entity.name];
  const wanted = askedRows(model, pattern.name);
  const groups = distinctValues(entity, workload, pattern.by);
  const unit = pattern.range?.unit;
  const buckets = unit === undefined ? 1 : bucketsPerYear[unit];
  return {
    rows: Math.min(wanted, groups ?? wanted),
    requests: buckets * cut.shards + (unit === undefined ? 0 : 1),
    bytes: workload?.records === undefined ? undefined : workload.records * table.estimate.rowBytes,
    requestsPerSecond: requestsPerSecond(model, pattern.name),
  };
}
