import { type BucketUnit, bucketEnd, bucketOf, bucketStart } from "../../model/bucket.js";

/** Sums are kept per bucket of the range's unit and of each coarser one, so that a year is read as months. */
export type Level = BucketUnit | "value" | "all";

/** Buckets of one level whose names lie between two bounds of ZRANGEBYLEX. */
export interface BucketSpan {
  readonly level: Level;
  readonly min: string;
  readonly max: string;
}

const coarser = { hour: "day", day: "month", month: undefined } as const satisfies Record<
  BucketUnit,
  BucketUnit | undefined
>;

/** The unit and every coarser one, finest first. */
export function levelsOf(unit: BucketUnit): readonly BucketUnit[] {
  const next = coarser[unit];
  return next === undefined ? [unit] : [unit, ...levelsOf(next)];
}

function span(level: Level, from: string | undefined, to: string | undefined): BucketSpan {
  return { level, min: from === undefined ? "-" : `[${from}`, max: to === undefined ? "+" : `(${to}` };
}

/** The fewest spans of whole buckets that make up [from, to); bounds are names of the unit's buckets. */
export function spansOf(unit: BucketUnit, from: string | undefined, to: string | undefined): readonly BucketSpan[] {
  if (from === undefined && to === undefined) return [{ level: "all", min: "-", max: "+" }];
  if (from !== undefined && to !== undefined && from >= to) return [];
  const next = coarser[unit];
  if (next === undefined) return [span(unit, from, to)];
  // The first and the last whole bucket of the coarser unit; what is left over on both sides is read finely.
  const first = from === undefined ? undefined : firstWhole(next, unit, from);
  const last = to === undefined ? undefined : bucketOf(next, bucketStart(unit, to));
  if (first !== undefined && last !== undefined && first >= last) return [span(unit, from, to)];
  const head = from !== undefined && first !== undefined ? startIn(unit, next, first) : undefined;
  const tail = to !== undefined && last !== undefined ? startIn(unit, next, last) : undefined;
  return [
    ...(from !== undefined && head !== undefined && from < head ? [span(unit, from, head)] : []),
    ...spansOf(next, first, last),
    ...(to !== undefined && tail !== undefined && tail < to ? [span(unit, tail, to)] : []),
  ];
}

/** The first bucket of the coarser unit that begins at or after this one. */
function firstWhole(next: BucketUnit, unit: BucketUnit, from: string): string {
  const start = bucketStart(unit, from);
  const within = bucketOf(next, start);
  return bucketStart(next, within).getTime() === start.getTime() ? within : bucketOf(next, bucketEnd(next, within));
}

function startIn(unit: BucketUnit, next: BucketUnit, name: string): string {
  return bucketOf(unit, bucketStart(next, name));
}
