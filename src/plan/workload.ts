import type { EntityData, EntityWorkload, ListPattern, ModelData } from "../model/description.js";
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
const defaultRows = 100;

/** Rows that a call of a pattern asks for. */
export function askedRows(model: ModelData, pattern: string): number {
  return model.workload.patterns[pattern]?.rows ?? defaultRows;
}

/** Rows of a list's page: as many as a call asks for, unless its group has fewer; and the group's records, where known. */
export function pageRows(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
): { readonly asked: number; readonly group: number | undefined; readonly rows: number } {
  const asked = askedRows(model, pattern.name);
  const fields = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  const bucketed = fields.length < pattern.by.length;
  const group = bucketed ? undefined : recordsPerGroup(entity, model.workload.entities[entity.name], fields);
  return { asked, group, rows: Math.min(asked, group ?? asked) };
}

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
