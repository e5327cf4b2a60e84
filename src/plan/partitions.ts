import type { BucketUnit } from "../model/bucket.js";
import type { By, EntityData, ModelData } from "../model/description.js";
import { formatBytes, formatNumber } from "./format.js";
import { groupShare } from "./workload.js";

/** What a partition of an engine may hold. */
export interface PartitionLimits {
  readonly partitionBytes: number;
  readonly partitionRows: number;
  /** Where the limits come from, in words. */
  readonly sources: string;
}

/** How a group is cut into partitions that stay within the engine's limits, and how that was found. */
export interface Cut {
  /** Unasked buckets of time; undefined: none. */
  readonly unit: BucketUnit | undefined;
  readonly shards: number;
  /** Rows of the largest partition; undefined: the workload says too little. */
  readonly rows: number | undefined;
  readonly arithmetic: string;
}

const seconds: { readonly [U in BucketUnit]: number } = { hour: 3_600, day: 86_400, month: 31 * 86_400 };
/** Shards beyond which one question is too many requests. */
export const mostShards = 64;

/**
 * The coarsest cut whose largest partition stays within the limits: whole groups, then months, days and hours of the
 * order's date, then shards beside them.
 *
 * @param by what the question gives: fields, or a bucket
 * @param date the field whose time may cut the group: the first of the order, when it is a date
 * @param spread shards that the group has in any case, for the rate of its writes
 */
export function cutOf(
  model: ModelData,
  entity: EntityData,
  by: readonly By[],
  date: string | undefined,
  rowBytes: number,
  limits: PartitionLimits,
  spread = 1,
): Cut {
  const workload = model.workload.entities[entity.name];
  const fields = by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  const asked = by.find((part) => part.kind === "bucket");
  const share = groupShare(model, entity, fields);
  const rate = workload?.writesPerSecond;
  const records = workload?.records;
  if (share === undefined || records === undefined) {
    return {
      unit: undefined,
      shards: spread,
      rows: undefined,
      arithmetic: `the workload does not say how many records ${fields.length === 0 ? "there are" : `share one ${fields.join(", ")}`}`,
    };
  }
  const group = records * share;
  const shown = share === 1 ? "" : ` × ${formatNumber(100 * share)}%`;
  const inTime = (unit: BucketUnit): number | undefined =>
    rate === undefined ? undefined : Math.min(group, rate * share * seconds[unit]);
  const bound = Math.min(limits.partitionRows, Math.floor(limits.partitionBytes / rowBytes));
  const allowed = `${formatNumber(bound)} rows of ${formatBytes(rowBytes)} (${limits.sources})`;
  const said = (rows: number, how: string): string =>
    `${how} = ${formatNumber(Math.ceil(rows))} rows, ${formatBytes(rows * rowBytes)}, against ${allowed}`;
  const whole = `${formatNumber(records)} records${shown}`;
  const timed = (unit: BucketUnit): string =>
    rate !== undefined && rate * share * seconds[unit] < group
      ? `${formatNumber(rate)} writes a second${shown} × ${formatNumber(seconds[unit])} s`
      : whole;

  const first = asked === undefined ? group : (inTime(asked.unit) ?? group);
  const how = asked === undefined ? whole : timed(asked.unit);
  const divided = (count: number): string => (count > 1 ? ` ÷ ${count} shards` : "");
  if (first / spread <= bound) {
    const rows = first / spread;
    return { unit: undefined, shards: spread, rows: Math.ceil(rows), arithmetic: said(rows, how + divided(spread)) };
  }
  if (asked === undefined && date !== undefined && rate !== undefined) {
    for (const unit of ["month", "day", "hour"] as const) {
      const rows = inTime(unit) ?? group;
      if (rows / spread > bound && unit !== "hour") continue;
      const shards = Math.min(mostShards, Math.max(spread, Math.ceil(rows / bound)));
      const cut = `${said(first, how)}: cut by ${unit}: ${said(rows / shards, timed(unit) + divided(shards))}`;
      return { unit, shards, rows: Math.ceil(rows / shards), arithmetic: cut };
    }
  }
  const shards = Math.min(mostShards, Math.max(spread, Math.ceil(first / bound)));
  return {
    unit: undefined,
    shards,
    rows: Math.ceil(first / shards),
    arithmetic: `${said(first, how)}: ÷ ${shards} shards = ${formatNumber(Math.ceil(first / shards))} rows, ${formatBytes((first / shards) * rowBytes)}`,
  };
}
