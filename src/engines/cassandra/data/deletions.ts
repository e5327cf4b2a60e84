/** Deletions of a partition and of ranges of its rows, kept beside the rows that they cover. */
import type { Deletion, Timestamp } from "./cells.js";
import { laterDeletion } from "./cells.js";
import { earlier, later } from "./keys.js";

/** Rows with clustering keys in [from, to). */
export interface RangeDeletion extends Deletion {
  readonly from: string;
  readonly to: string;
}

export interface Deletions {
  readonly partition: Deletion | undefined;
  /** In order, without overlap. */
  readonly ranges: readonly RangeDeletion[];
}

export const noDeletions: Deletions = { partition: undefined, ranges: [] };

/** Adds a range: where it overlaps others, the later deletion wins. */
export function addRange(ranges: readonly RangeDeletion[], added: RangeDeletion): RangeDeletion[] {
  const out: RangeDeletion[] = [];
  let { from } = added;
  const { to, timestamp, deletedAt } = added;
  const put = (range: RangeDeletion): void => {
    if (range.from >= range.to) return;
    const last = out.at(-1);
    if (
      last !== undefined &&
      last.to === range.from &&
      last.timestamp === range.timestamp &&
      last.deletedAt === range.deletedAt
    )
      out[out.length - 1] = { ...last, to: range.to };
    else out.push(range);
  };
  let done = false;
  for (const range of ranges) {
    if (range.to <= from || done) {
      put(range);
      continue;
    }
    if (range.from >= to) {
      put({ from, to, timestamp, deletedAt });
      done = true;
      put(range);
      continue;
    }
    // They overlap.
    if (range.from < from) put({ ...range, to: from });
    else if (from < range.from) put({ from, to: range.from, timestamp, deletedAt });
    const start = later(range.from, from);
    const end = earlier(range.to, to);
    const { timestamp: at, deletedAt: second } = laterDeletion(range, added)!;
    put({ from: start, to: end, timestamp: at, deletedAt: second });
    if (range.to > to) {
      put({ ...range, from: to });
      done = true;
    }
    from = end;
    if (from >= to) done = true;
  }
  if (!done) put({ from, to, timestamp, deletedAt });
  return out;
}

/** What covers the row with this clustering key. */
export function deletionOf(deletions: Deletions, clustering: string): Deletion | undefined {
  const { partition, ranges } = deletions;
  if (ranges.length === 0) return partition;
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ranges[middle]!.from <= clustering) low = middle;
    else high = middle - 1;
  }
  const range = ranges[low]!;
  return clustering >= range.from && clustering < range.to ? laterDeletion(partition, range) : partition;
}

export function mergeDeletions(a: Deletions, b: Deletions): Deletions {
  const partition = laterDeletion(a.partition, b.partition);
  let { ranges } = a;
  for (const range of b.ranges) ranges = addRange(ranges, range);
  return withoutShadowed({ partition, ranges });
}

function withoutShadowed({ partition, ranges }: Deletions): Deletions {
  if (partition === undefined) return { partition, ranges };
  return { partition, ranges: ranges.filter((range) => range.timestamp > partition.timestamp) };
}

/** Without what is older than `before` (a second). */
export function purgeDeletions({ partition, ranges }: Deletions, before: number): Deletions {
  return {
    partition: partition !== undefined && partition.deletedAt < before ? undefined : partition,
    ranges: ranges.filter((range) => range.deletedAt >= before),
  };
}

export function isNoDeletion({ partition, ranges }: Deletions): boolean {
  return partition === undefined && ranges.length === 0;
}

type Written = [string, number, string?, string?];

export function encodeDeletions({ partition, ranges }: Deletions): Buffer {
  const written = (deletion: Deletion): Written => [String(deletion.timestamp), deletion.deletedAt];
  const all: Written[] = ranges.map((range) => [String(range.timestamp), range.deletedAt, range.from, range.to]);
  if (partition !== undefined) all.unshift(written(partition));
  return Buffer.from(JSON.stringify(all));
}

function timestampOf(text: string): Timestamp {
  const value = BigInt(text);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

export function decodeDeletions(bytes: Buffer | undefined): Deletions {
  if (bytes === undefined) return noDeletions;
  let partition: Deletion | undefined;
  const ranges: RangeDeletion[] = [];
  for (const [timestamp, deletedAt, from, to] of JSON.parse(bytes.toString()) as Written[]) {
    const deletion = { timestamp: timestampOf(timestamp), deletedAt };
    if (from === undefined || to === undefined) partition = deletion;
    else ranges.push({ ...deletion, from, to });
  }
  return { partition, ranges };
}
