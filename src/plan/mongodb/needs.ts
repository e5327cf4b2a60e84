import type { EntityData, ListPattern, ModelData, TopPattern } from "../../model/description.js";
import { pathOf, typeOf } from "./collections.js";
import type { IndexDirection } from "./types.js";

/** One key of an index: a path and its direction. */
export type KeyPart = readonly [path: string, direction: IndexDirection];

/** What a pattern needs of an index: equal fields first, in any order, then these keys in this order (or all reversed). */
export interface Need {
  readonly subject: string;
  readonly equal: readonly string[];
  readonly tail: readonly KeyPart[];
}

/** How a list is answered. */
export type ListAccess =
  /** By a range of `_id`: the key's first fields are given, and the order is the rest of the key. */
  | { readonly kind: "id"; readonly direction: IndexDirection }
  /** By an index in the list's own order. */
  | { readonly kind: "ordered"; readonly need: Need }
  /** At most one record matches, by a unique index. */
  | { readonly kind: "unique"; readonly need: Need; readonly fields: readonly string[] }
  /** By an index on the bucket, sorted in memory: reading the bucket beats reading everything in order. */
  | { readonly kind: "sorted"; readonly need: Need };

/** Chooses how a list is answered. */
export function listAccess(entity: EntityData, pattern: ListPattern): ListAccess {
  const equalFields = pattern.by.filter((part) => part.kind === "field").map((part) => part.field);
  const buckets = pattern.by.filter((part) => part.kind === "bucket").map((part) => part.field);
  const equal = equalFields.map((field) => pathOf(entity, field));
  const order: KeyPart[] = pattern.order.map((term) => [pathOf(entity, term.field), term.direction === "asc" ? 1 : -1]);

  const id = idAccess(entity, pattern, equalFields, buckets);
  if (id !== undefined) return id;

  const unique = entity.unique.find((fields) => fields.every((field) => equalFields.includes(field)));
  if (unique !== undefined) {
    const paths = unique.map((field) => pathOf(entity, field));
    return { kind: "unique", fields: unique, need: { subject: pattern.name, equal: paths, tail: [] } };
  }
  const [bucket] = buckets;
  if (bucket !== undefined && !buckets.includes(pattern.order[0]?.field ?? "")) {
    return { kind: "sorted", need: { subject: pattern.name, equal, tail: [[pathOf(entity, bucket), 1]] } };
  }
  return { kind: "ordered", need: { subject: pattern.name, equal, tail: order } };
}

function idAccess(
  entity: EntityData,
  pattern: ListPattern,
  equal: readonly string[],
  buckets: readonly string[],
): ListAccess | undefined {
  const first = entity.key.slice(0, equal.length);
  if (!first.every((field) => equal.includes(field))) return undefined;
  const rest = entity.key.slice(equal.length);
  if (equal.length > entity.key.length) return undefined;
  const direction = pattern.order[0]?.direction ?? "asc";
  const inKeyOrder =
    pattern.order.length === rest.length &&
    pattern.order.every((term, index) => term.field === rest[index] && term.direction === direction);
  // One interval at most, on the key's next field: `_id` ranges cannot say more.
  const intervals = [...buckets, ...(pattern.range === undefined ? [] : [pattern.range.field])];
  const narrow = intervals.length === 0 || (intervals.length === 1 && intervals[0] === rest[0]);
  return inKeyOrder && narrow ? { kind: "id", direction: direction === "asc" ? 1 : -1 } : undefined;
}

/** What a `top` needs: an index that begins with its range. Undefined without a range, or when the range is on `_id`. */
export function topNeed(entity: EntityData, pattern: TopPattern): Need | undefined {
  if (pattern.range === undefined) return undefined;
  const path = pathOf(entity, pattern.range.field);
  return path === "_id" ? undefined : { subject: pattern.name, equal: [], tail: [[path, 1]] };
}

/** What all of an entity's patterns need. */
export function needsOf(model: ModelData, entity: EntityData): readonly Need[] {
  return Object.values(model.patterns).flatMap((pattern): readonly Need[] => {
    if (pattern.entity !== entity.name) return [];
    if (pattern.kind === "list" || pattern.kind === "listByKey") {
      const access = listAccess(entity, pattern);
      return access.kind === "id" || access.kind === "unique" ? [] : [access.need];
    }
    if (pattern.kind === "top") {
      const need = topNeed(entity, pattern);
      return need === undefined ? [] : [need];
    }
    return [];
  });
}

/** Whether a record is free not to have the field. */
export function mayBeMissing(entity: EntityData, field: string): boolean {
  const type = typeOf(entity, field);
  return type.optional || type.nullable;
}
