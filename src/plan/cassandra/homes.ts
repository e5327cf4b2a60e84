import type { EntityData, ListPattern, ModelData } from "../../model/description.js";

/** How the home table's key is split: what names a partition, and what orders its rows. */
export interface Home {
  readonly partition: readonly string[];
  readonly clustering: readonly string[];
}

/**
 * Whether a list is the order of the key itself: it gives the key's first fields and is ordered by all others, in one
 * direction. Then the home table answers it.
 */
export function isKeyOrder(entity: EntityData, pattern: ListPattern): boolean {
  const given = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  if (given.length !== pattern.by.length || pattern.where.length > 0) return false;
  const prefix = entity.key.slice(0, given.length);
  if (given.length === 0 || !prefix.every((field) => given.includes(field))) return false;
  const rest = entity.key.slice(given.length);
  const direction = pattern.order[0]?.direction;
  return (
    pattern.order.length === rest.length &&
    pattern.order.every((term, index) => term.field === rest[index] && term.direction === direction)
  );
}

/** The split that the fewest fields ask for: lists by more of the key are then ranges within its partitions. */
export function homeOf(model: ModelData, entity: EntityData): Home {
  const lengths = Object.values(model.patterns).flatMap((pattern) =>
    (pattern.kind === "list" || pattern.kind === "listByKey") &&
    pattern.entity === entity.name &&
    isKeyOrder(entity, pattern)
      ? [pattern.by.length]
      : [],
  );
  const length = Math.min(entity.key.length, ...lengths);
  return { partition: entity.key.slice(0, length), clustering: entity.key.slice(length) };
}
