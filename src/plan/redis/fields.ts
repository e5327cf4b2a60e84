import type { Condition, EntityData, ModelData } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import { formOf, textEncoder } from "./encoding.js";
import type { RedisCondition, RedisField, RedisValueSpec } from "./types.js";

/** Members of a stored record that are keyfold's own. */
const reserved = new Set(["_v", "_x", "_w"]);

/** Name of a field's member in the stored JSON: its own, unless it is called like one of keyfold's or has a quote in it. */
export function storedName(entity: EntityData, field: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON would escape them, and the library reads names as they are
  let name = field.replace(/["\\%\0-\u001f]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  while (reserved.has(name) || (name !== field && Object.hasOwn(entity.fields, name))) name += "_";
  return name;
}

/** An entity's stored fields, in the schema's order. */
export function storedFields(entity: EntityData): readonly RedisField[] {
  return Object.entries(entity.fields).map(([field, type]) => ({ field, name: storedName(entity, field), type }));
}

/** The field behind a name that the model has checked. */
export function typeOf(entity: EntityData, field: string): Field {
  const type = fieldAt(entity.fields, field);
  if (type === undefined) throw new TypeError(`entity "${entity.name}" has no field "${field}"`);
  return type;
}

/** How the library finds a field's value. */
export function specOf(entity: EntityData, field: string): RedisValueSpec {
  const [top = field, ...path] = field.split(".");
  const type = typeOf(entity, field);
  return {
    f: storedName(entity, top),
    ...(path.length === 0 ? {} : { p: path }),
    k: formOf(type),
    ...(type.kind === "decimal" ? { c: type.scale } : {}),
  };
}

/** Fixed conditions as the library tests them. */
export function conditionsOf(entity: EntityData, conditions: readonly Condition[]): readonly RedisCondition[] {
  return conditions.map(({ field, operator, value }) => {
    const encode = (one: unknown): string => textEncoder(typeOf(entity, field))(one);
    const v =
      operator === "exists" ? (value as boolean) : operator === "in" ? (value as unknown[]).map(encode) : encode(value);
    return { ...specOf(entity, field), o: operator, v };
  });
}

/**
 * Which of the key's first fields place a record in a partition of its own: as many as every pattern and every unique
 * constraint of the entity names, for one script must find the record and all that holds it in one slot. At least one
 * field stays to name the record.
 */
export function partitionOf(model: ModelData, entity: EntityData): readonly string[] {
  let most = entity.key.length - 1;
  const limit = (fields: readonly string[]): void => {
    const named = entity.key.findIndex((field) => !fields.includes(field));
    most = Math.min(most, named === -1 ? entity.key.length : named);
  };
  for (const pattern of Object.values(model.patterns)) {
    if (pattern.entity !== entity.name) continue;
    if (pattern.kind === "top") limit([]);
    if (pattern.kind === "list" || pattern.kind === "listByKey" || pattern.kind === "rank")
      limit(pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : [])));
  }
  for (const fields of entity.unique) limit(fields);
  return entity.key.slice(0, most);
}
