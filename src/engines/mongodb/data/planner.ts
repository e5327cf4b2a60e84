import { after, before } from "../../storage/store.js";
import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import {
  type Conjunction,
  conjunctionOf,
  contains,
  full,
  type Interval,
  intersection,
  intervalText,
  isFull,
  type Predicate,
  rangeOf,
} from "./bounds.js";
import type { Collection } from "./collection.js";
import type { Index } from "./index.js";
import type { KeyField } from "./index-keys.js";
import { inverted } from "./key-encoding.js";
import { equalValues } from "./language.js";
import type { Access, IndexScan, KeyRange, Plan } from "./plan.js";

export interface PlanRequest {
  readonly filter: Doc;
  readonly sort?: Doc | undefined;
  readonly hint?: Value | undefined;
  readonly limit?: number | undefined;
  readonly skip?: number | undefined;
}

/** Ranges that one scan may have; further fields are left to the filter. */
const mostRanges = 4096;
/** Ranges that may be merged into one order, as MongoDB has it (internalQueryMaxScansToExplode). */
const mostMerged = 200;
/** Keys that are counted to compare two indexes. */
const mostCounted = 20_000;

interface SortKey {
  readonly path: string;
  readonly descending: boolean;
}

interface Candidate {
  readonly scan: IndexScan;
  readonly sorted: boolean;
  readonly exact: boolean;
  /** Whether some field has a bound at all. */
  readonly bounded: boolean;
}

/** Chooses how a query finds its records: the index that has the fewest keys to look at, else the whole collection. */
export function planQuery(collection: Collection, request: PlanRequest): Plan {
  const { filter, sort, hint } = request;
  const natural = naturalOf(sort) ?? naturalOf(hint);
  const keys = sortKeys(sort);
  const whole = (): Plan => ({
    access: { kind: "collscan", reverse: natural !== undefined && natural < 0 },
    sorted: keys.length === 0,
    exact: filter.isEmpty,
    rejected: [],
    sort,
  });
  if (natural !== undefined) return whole();
  if (hint === undefined && collection.indexes.length === 1 && keys.length === 0 && !mentionsId(filter)) return whole();
  const conjunction = conjunctionOf(filter);
  if (hint !== undefined) {
    const index = hinted(collection, hint);
    const { scan, sorted, exact } = candidate(index, conjunction, keys, filter);
    return { access: scan, sorted, exact, rejected: [], sort };
  }
  const candidates: Candidate[] = [];
  for (const index of collection.indexes) {
    if (index.hidden) continue;
    if (!usable(index, conjunction)) continue;
    const found = candidate(index, conjunction, keys, filter);
    if (found.bounded || (found.sorted && keys.length > 0)) candidates.push(found);
  }
  if (!candidates.some((each) => each.bounded)) {
    const alternative = orPlan(collection, conjunction);
    if (alternative !== undefined) {
      return { access: alternative, sorted: keys.length === 0, exact: false, rejected: [], sort };
    }
  }
  if (candidates.length === 0) return whole();
  const best = cheapest(candidates, request);
  return {
    access: best.scan,
    sorted: keys.length === 0 || best.sorted,
    exact: best.exact,
    rejected: candidates.filter((each) => each !== best).map((each) => each.scan),
    sort,
  };
}

function naturalOf(value: Value | undefined): number | undefined {
  if (!(value instanceof Doc)) return undefined;
  const first = value.first();
  return first?.[0] === "$natural" ? Number(String(first[1])) : undefined;
}

function sortKeys(sort: Doc | undefined): readonly SortKey[] {
  if (sort === undefined) return [];
  const keys: SortKey[] = [];
  for (const [path, order] of sort) keys.push({ path, descending: Number(String(order)) < 0 });
  return keys;
}

function mentionsId(filter: Doc): boolean {
  for (const name of filter.keys()) if (name === "_id" || name.startsWith("$")) return true;
  return false;
}

function hinted(collection: Collection, hint: Value): Index {
  let index: Index | undefined;
  if (typeof hint === "string") index = collection.indexes.find((each) => each.name === hint);
  else if (hint instanceof Doc) index = collection.indexes.find((each) => equalValues(each.keyPattern, hint));
  else throw mongoError(9, "Hint must be a string or an object");
  if (index === undefined || index.hidden) {
    throw mongoError(
      2,
      `error processing query: ns=${collection.ns} planner returned error :: caused by :: hint provided does not correspond to an existing index`,
    );
  }
  return index;
}

/** Whether all documents that the filter can match are in the index. */
function usable(index: Index, conjunction: Conjunction): boolean {
  if (index.sparse) {
    const excluded = index.fields.some((field) =>
      conjunction.predicates.some((each) => each.path === field.path && !each.matchesMissing),
    );
    if (!excluded) return false;
  }
  return index.partialFilter === undefined || implies(conjunction, conjunctionOf(index.partialFilter));
}

/** Whether every document that satisfies `given` satisfies `wanted`; false where that cannot be seen. */
function implies(given: Conjunction, wanted: Conjunction): boolean {
  if (!wanted.complete) return false;
  return wanted.predicates.every((want) =>
    given.predicates.some((have) => {
      if (have.path !== want.path || have.matchesMissing) return false;
      // `$exists: true` is all that a full interval can stand for in a partial filter.
      if (isFull(want.intervals)) return !want.matchesMissing;
      return want.exact && contains(want.intervals, have.intervals);
    }),
  );
}

/** The bounds of one field: all predicates on it, or the tightest one where the field can be an array. */
function boundsOf(field: KeyField, multikey: boolean, predicates: readonly Predicate[]): readonly Interval[] {
  const own = predicates.filter((each) => each.path === field.path && !isFull(each.intervals));
  if (own.length === 0) return full;
  if (!multikey) {
    let all: readonly Interval[] = own[0]!.intervals;
    for (const each of own.slice(1)) all = intersection(all, each.intervals);
    return all;
  }
  // Two predicates may be true of two elements: only those of one $elemMatch are about the same.
  const groups = new Map<number | string, readonly Interval[]>();
  for (const [at, each] of own.entries()) {
    const group = each.element ?? `single ${at}`;
    const before = groups.get(group);
    groups.set(group, before === undefined ? each.intervals : intersection(before, each.intervals));
  }
  const rank = (intervals: readonly Interval[]): number =>
    intervals.every((each) => each.point) ? intervals.length : 1_000_000 + intervals.length;
  return [...groups.values()].sort((a, b) => rank(a) - rank(b))[0]!;
}

function candidate(index: Index, conjunction: Conjunction, sort: readonly SortKey[], filter: Doc): Candidate {
  const { fields, arrays } = index;
  const bounds: (readonly Interval[])[] = [];
  const boundArrays = new Set<string>();
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at]!;
    const depth = arrays[at]!;
    let own = boundsOf(field, depth > 0, conjunction.predicates);
    if (depth > 0 && !isFull(own)) {
      // Another field of the same array: its bound may be about another element.
      const array = field.parts.slice(0, depth).join(".");
      if (boundArrays.has(array)) own = full;
      boundArrays.add(array);
    }
    bounds.push(own);
  }

  // Points first, then at most one field with ranges: each of these is one contiguous part of the index.
  let prefixes: string[] = [""];
  let ranges: KeyRange[] | undefined;
  let used = 0;
  const pointFields = new Set<number>();
  for (let at = 0; at < fields.length && ranges === undefined; at++) {
    const own = bounds[at]!;
    const { descending } = fields[at]!;
    if (isFull(own)) break;
    if (prefixes.length * own.length > mostRanges) break;
    used = at + 1;
    const ordered = descending ? [...own].reverse() : own;
    if (own.every((each) => each.point)) {
      if (own.length === 1) pointFields.add(at);
      const points = ordered.map((each) => pointBytes(each, descending));
      prefixes = prefixes.flatMap((prefix) => points.map((point) => prefix + point));
      if (prefixes.length === 0) ranges = [];
    } else {
      const parts = ordered.map((each) => rangeOf(each, descending));
      ranges = prefixes.flatMap((prefix) => parts.map(({ from, to }) => ({ from: prefix + from, to: prefix + to })));
    }
  }
  const points = ranges === undefined ? prefixes.map((prefix) => prefix.length) : undefined;
  ranges ??= prefixes.map((prefix) => ({ from: before(prefix), to: after(prefix) }));

  const order = sortOrder(index, bounds, pointFields, sort);
  // Ranges follow each other as the index does, so an order that the index has is theirs together.
  let sorted = order !== undefined;
  let reverse = order?.reverse ?? false;
  let mergePrefixes: readonly number[] | undefined;
  if (!sorted && sort.length > 0 && ranges.length > 1 && ranges.length <= mostMerged && points !== undefined) {
    // Several points at the front, and the order behind them: the ranges are merged.
    const behind = new Set(pointFields);
    for (let at = 0; at < used; at++) behind.add(at);
    const merged = sortOrder(index, bounds, behind, sort, used);
    if (merged !== undefined) {
      sorted = true;
      reverse = merged.reverse;
      mergePrefixes = points;
    }
  }
  const exact =
    conjunction.complete &&
    !index.isMultikey &&
    conjunction.predicates.every((each) => {
      const at = fields.findIndex((field) => field.path === each.path);
      return at >= 0 && at < used && each.exact;
    }) &&
    !filter.isEmpty;
  const scan: IndexScan = {
    kind: "ixscan",
    index,
    ranges,
    reverse: sorted && reverse,
    bounds: bounds.map((own, at) => {
      const downwards = fields[at]!.descending !== (sorted && reverse);
      const texts = (at < used ? own : full).map((each) => intervalText(each, downwards));
      return downwards ? texts.reverse() : texts;
    }),
    ...(mergePrefixes === undefined ? {} : { mergePrefixes }),
  };
  return { scan, sorted, exact, bounded: used > 0 };
}

/** The bytes of the one value of a point. */
function pointBytes({ low }: Interval, descending: boolean): string {
  return descending ? inverted(low.bytes) : low.bytes;
}

/**
 * Whether the index gives the order that is asked for, forwards or backwards. Fields that hold a single value may be
 * passed over.
 */
function sortOrder(
  index: Index,
  bounds: readonly (readonly Interval[])[],
  fixed: ReadonlySet<number>,
  sort: readonly SortKey[],
  from = 0,
): { reverse: boolean } | undefined {
  if (sort.length === 0) return undefined;
  let at = from;
  let reverse: boolean | undefined;
  for (const key of sort) {
    while (at < index.fields.length && index.fields[at]!.path !== key.path && fixed.has(at)) {
      at++;
    }
    const field = index.fields[at];
    if (field === undefined || field.path !== key.path) {
      // A key that is one and the same in all documents found does not change the order.
      const known = index.fields.findIndex((each) => each.path === key.path);
      if (known >= 0 && fixed.has(known) && index.arrays[known] === 0 && known < at && bounds[known]!.length === 1)
        continue;
      return undefined;
    }
    // An array is sorted by its least or greatest element, found or not: only the whole range shows that one first.
    if (index.arrays[at]! > 0 && bounds.some((own, other) => index.arrays[other]! > 0 && !isFull(own)))
      return undefined;
    const backwards = field.descending !== key.descending;
    if (reverse === undefined) reverse = backwards;
    else if (reverse !== backwards) return undefined;
    at++;
  }
  return { reverse: reverse ?? false };
}

/** One scan for each branch of an `$or`, where each branch has an index. */
function orPlan(collection: Collection, conjunction: Conjunction): Access | undefined {
  for (const branches of conjunction.alternatives) {
    const scans: IndexScan[] = [];
    for (const branch of branches) {
      const inner = conjunctionOf(branch);
      const found = collection.indexes
        .filter((index) => !index.hidden && usable(index, inner))
        .map((index) => candidate(index, inner, [], branch))
        .filter((each) => each.bounded);
      if (found.length === 0) break;
      scans.push(cheapest(found, { filter: branch }).scan);
    }
    if (scans.length === branches.length && scans.length > 0) return { kind: "or", scans };
  }
  return undefined;
}

/** The keys in a scan's ranges, counted up to `limit`. */
function keysIn(scan: IndexScan, limit: number): number {
  let keys = 0;
  for (const { from, to } of scan.ranges) {
    keys += scan.index.tree.count({ from, to }, limit - keys);
    if (keys >= limit) break;
  }
  return keys;
}

/** The candidate with the least work: keys to look at, fewer where a sorted scan can stop early, more where a sort follows. */
function cheapest(candidates: readonly Candidate[], request: PlanRequest): Candidate {
  if (candidates.length === 1) return candidates[0]!;
  const keys = candidates.map((each) => (each.bounded ? keysIn(each.scan, mostCounted) : each.scan.index.tree.size));
  const fewest = Math.max(1, Math.min(...keys));
  const wanted = (request.limit ?? 0) > 0 ? (request.limit ?? 0) + (request.skip ?? 0) : Number.POSITIVE_INFINITY;
  let best = candidates[0]!;
  let bestCost = Number.POSITIVE_INFINITY;
  const sorting = request.sort !== undefined && !request.sort.isEmpty;
  for (const [at, each] of candidates.entries()) {
    let cost = keys[at]!;
    if (!sorting || each.sorted) {
      // About `fewest` documents match in the end; a scan in order stops when it has seen enough of them.
      if (wanted < fewest) cost = (cost * wanted) / fewest;
    } else cost = cost * 1.5 + 1;
    // Of two that cost the same: the one that needs no filter, then the unique one, then the one with fewer fields.
    if (!each.exact) cost += 0.5;
    if (!each.scan.index.unique) cost += 0.01;
    cost += each.scan.index.fields.length * 0.001;
    if (cost < bestCost) {
      best = each;
      bestCost = cost;
    }
  }
  return best;
}
