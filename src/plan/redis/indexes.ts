import { createHash } from "node:crypto";
import type { Condition, Direction, EntityData, ListPattern, TopPattern } from "../../model/description.js";
import { stableJson } from "../design.js";
import { levelsOf } from "./buckets.js";
import { conditionsOf, specOf, typeOf } from "./fields.js";
import type { RedisListIndex, RedisTopIndex, RedisTopRange, RedisUnique } from "./types.js";

/** A list's index, and how a page is read from it. */
export interface ListAccess {
  readonly index: Omit<RedisListIndex, "serves" | "estimate">;
  /** Names of the terms before the record's own name, in the order of the index. */
  readonly terms: readonly { readonly field: string; readonly reversed: boolean }[];
  readonly direction: Direction;
  /**
   * How [from, to) is met: by the bounds of the first term (`term`), or of the record's name after these fixed fields
   * (`name`); else records are filtered as they are read.
   */
  readonly range:
    | { readonly kind: "none" }
    | { readonly kind: "term"; readonly reversed: boolean }
    | { readonly kind: "name"; readonly fixed: readonly string[] }
    | { readonly kind: "filter" };
}

/** Chooses the sorted set that serves a list, or a rank among what it lists. */
export function listAccess(
  entity: EntityData,
  pattern: Pick<ListPattern, "by" | "order" | "where"> & Partial<Pick<ListPattern, "range">>,
  partition: readonly string[],
): ListAccess {
  const rest = entity.key.slice(partition.length);
  const fixed = new Set(pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : [])));
  // A member ends with the record's name, which sorts by the key. Where the order ends like that, it needs no terms.
  const free = rest.filter((field) => !fixed.has(field));
  const tail = pattern.order.slice(pattern.order.length - free.length);
  const direction = tail.at(-1)?.direction ?? pattern.order.at(-1)?.direction ?? "asc";
  const named =
    tail.length === free.length && tail.every((term, i) => term.field === free[i] && term.direction === direction);
  const own = named ? pattern.order.slice(0, pattern.order.length - free.length) : pattern.order;
  const terms = own.map((term) => ({ field: term.field, reversed: term.direction !== direction }));
  const by = pattern.by.filter((part) => !(part.kind === "field" && partition.includes(part.field)));
  const groups = by.map((part) => (part.kind === "field" ? part.field : `${part.unit}(${part.field})`));
  const order = terms.map(({ field, reversed }) => (reversed ? `-${field}` : field));
  return {
    index: {
      name: `${groups.join(",") || "all"}${order.length === 0 ? "" : `|${order.join(",")}`}${whereText(pattern.where)}`,
      by: by.map((part) => ({
        ...specOf(entity, part.field),
        ...(part.kind === "bucket" ? { b: part.unit } : {}),
      })),
      terms: terms.map(({ field, reversed }) => ({ ...specOf(entity, field), ...(reversed ? { r: true } : {}) })),
      where: conditionsOf(entity, pattern.where),
    },
    terms,
    direction,
    range: rangeAccess(pattern, terms, rest, fixed),
  };
}

function rangeAccess(
  pattern: Partial<Pick<ListPattern, "range">>,
  terms: ListAccess["terms"],
  rest: readonly string[],
  fixed: ReadonlySet<string>,
): ListAccess["range"] {
  const field = pattern.range?.field;
  if (field === undefined) return { kind: "none" };
  const [first] = terms;
  if (first !== undefined) {
    return first.field === field ? { kind: "term", reversed: first.reversed } : { kind: "filter" };
  }
  const before = rest.slice(0, rest.indexOf(field));
  return rest.includes(field) && before.every((one) => fixed.has(one))
    ? { kind: "name", fixed: before }
    : { kind: "filter" };
}

/** Conditions are part of what an index holds, and so of its name. */
function whereText(where: readonly Condition[]): string {
  if (where.length === 0) return "";
  return `?${createHash("sha256").update(stableJson(where)).digest("hex").slice(0, 6)}`;
}

/** Which buckets a sum's range is read by. */
export function topRange(entity: EntityData, pattern: TopPattern): RedisTopRange {
  if (pattern.range === undefined) return { kind: "none" };
  if (pattern.range.unit !== undefined) return { kind: "bucket", unit: pattern.range.unit };
  const type = typeOf(entity, pattern.range.field);
  return type.kind === "date" ? { kind: "moment", unit: "hour" } : { kind: "value", type };
}

/** The sums that serve a `top`. */
export function topIndex(entity: EntityData, pattern: TopPattern): Omit<RedisTopIndex, "serves" | "estimate"> {
  const range = topRange(entity, pattern);
  const unit = range.kind === "bucket" || range.kind === "moment" ? range.unit : undefined;
  const levels = [
    ...(range.kind === "value" ? (["value"] as const) : unit === undefined ? [] : levelsOf(unit)),
    "all" as const,
  ];
  const parts = [
    pattern.by,
    ...(pattern.sum === undefined ? [] : [pattern.sum]),
    ...(pattern.range === undefined
      ? []
      : [unit === undefined ? pattern.range.field : `${unit}(${pattern.range.field})`]),
  ];
  return {
    name: `top(${parts.join(",")})${whereText(pattern.where)}`,
    by: specOf(entity, pattern.by),
    sum: pattern.sum === undefined ? undefined : specOf(entity, pattern.sum),
    range: pattern.range === undefined ? undefined : specOf(entity, pattern.range.field),
    levels,
    where: conditionsOf(entity, pattern.where),
  };
}

export function uniqueOf(entity: EntityData, fields: readonly string[]): RedisUnique {
  return { name: `unique(${fields.join(",")})`, fields, parts: fields.map((field) => specOf(entity, field)) };
}
