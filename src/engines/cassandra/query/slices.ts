import { above, clusteringPart, earlier, later } from "../data/keys.js";
import type { Column, Table } from "../schema/table.js";
import type { Value } from "../types/type.js";
import type { Restriction, Side } from "./relations.js";
import type { Run } from "./run.js";

/** Clustering keys in [from, to). */
export interface Slice {
  readonly from: string;
  readonly to: string;
}

/** Everything. */
export const everything: Slice = { from: "", to: above };

/** Slices of the rows that these restrictions leave. */
export function slicesOf(table: Table, restrictions: readonly Restriction[], run: Run): Slice[] {
  const columns = table.clustering;
  let prefixes = [""];
  let position = 0;
  for (const restriction of restrictions) {
    if (restriction.kind === "eq") {
      const part = tupleKey(columns, position, restriction.values(run));
      prefixes = prefixes.map((prefix) => prefix + part);
    } else if (restriction.kind === "in") {
      const parts = restriction.items(run).map((values) => tupleKey(columns, position, values));
      const each = [...new Set(parts)].sort();
      prefixes = prefixes.flatMap((prefix) => each.map((part) => prefix + part));
    } else if (restriction.kind === "slice") {
      const ranges = sliceRanges(columns, restriction.lower, restriction.upper, run);
      return prefixes.flatMap((prefix) =>
        ranges.map(({ from, to }) => ({ from: prefix + from, to: to === above ? prefix + above : prefix + to })),
      );
    }
    position += restriction.columns.length;
  }
  if (position === columns.length && table.compact !== "dense")
    // The keys are whole: one row each.
    return prefixes.map((prefix) => ({ from: prefix, to: `${prefix}\x00` }));
  return prefixes.map((prefix) => ({ from: prefix, to: prefix + above }));
}

function tupleKey(columns: readonly Column[], position: number, values: readonly Value[]): string {
  let text = "";
  values.forEach((value, at) => {
    text += clusteringPart(columns[position + at]!, value);
  });
  return text;
}

/** Ranges of keys for bounds over one or several columns, which may go up and down. */
function sliceRanges(_columns: readonly Column[], lower: Side | undefined, upper: Side | undefined, run: Run): Slice[] {
  const low = lower === undefined ? [everything] : halfRanges(lower, true, run);
  const high = upper === undefined ? [everything] : halfRanges(upper, false, run);
  const out: Slice[] = [];
  for (const a of low)
    for (const b of high) {
      const from = later(a.from, b.from);
      const to = earlier(a.to, b.to);
      if (from < to) out.push({ from, to });
    }
  return out.sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** (a, b) > (1, 2) is a > 1, or a = 1 and b > 2: one range for each column, the last one with the equals sign. */
function halfRanges({ columns, values, inclusive }: Side, isLower: boolean, run: Run): Slice[] {
  const given = values(run);
  const ranges: Slice[] = [];
  let prefix = "";
  given.forEach((value, at) => {
    const column = columns[at]!;
    const part = clusteringPart(column, value);
    const withEqual = inclusive && at === given.length - 1;
    // Upwards in keys, unless the column runs down.
    const greater = isLower !== column.descending;
    if (greater) ranges.push({ from: prefix + part + (withEqual ? "" : above), to: prefix + above });
    else ranges.push({ from: prefix, to: prefix + part + (withEqual ? above : "") });
    prefix += part;
  });
  return ranges;
}
