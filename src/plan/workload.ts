import type { EntityData, EntityWorkload, ModelData } from "../model/description.js";
import { type Field, fieldAt } from "../model/field.js";

/** What the workload's numbers say, the same for every engine. */

/** Elements of a typical array: as stated, else a quarter of the bound, else four. */
export function typicalItems(field: Field & { readonly kind: "array" }): number {
  return field.embeds?.typical ?? (field.maxItems === undefined ? 4 : Math.max(1, Math.round(field.maxItems / 4)));
}

/** How many different values a field has: as stated, or as its type says. */
export function distinctValues(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  field: string,
): number | undefined {
  const stated = workload?.distinct?.[field];
  if (stated !== undefined) return stated;
  const type = fieldAt(entity.fields, field);
  if (type?.kind === "enum") return type.values.length;
  if (type?.kind === "boolean") return 2;
  return entity.key.length === 1 && entity.key[0] === field ? workload?.records : undefined;
}

/** Records that share one value in each of the fields; undefined when it is not known. */
export function recordsPerGroup(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  fields: readonly string[],
): number | undefined {
  if (workload?.records === undefined) return undefined;
  let groups = 1;
  for (const field of fields) {
    const distinct = distinctValues(entity, workload, field);
    if (distinct === undefined) return undefined;
    groups *= distinct;
  }
  return Math.max(1, Math.round(workload.records / groups));
}

/** Rows that a typical call asks for, where the workload does not say. */
export const defaultRows = 100;

/** Calls of a pattern in a second, as stated. */
export function requestsPerSecond(model: ModelData, pattern: string): number | undefined {
  return model.workload.patterns[pattern]?.readsPerSecond;
}

/** Share of an entity's records and writes that the most frequent group of a question has; undefined: not known. */
export function groupShare(model: ModelData, entity: EntityData, fields: readonly string[]): number | undefined {
  if (fields.length === 0) return 1;
  const workload = model.workload.entities[entity.name];
  const even = fields.reduce<number | undefined>((share, field) => {
    const distinct = distinctValues(entity, workload, field);
    return share === undefined || distinct === undefined ? undefined : share / distinct;
  }, 1);
  const stated = workload?.hottestKeyShare;
  return stated === undefined ? even : Math.max(stated, even ?? 0);
}
