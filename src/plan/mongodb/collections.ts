import type { EntityData } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import type { BsonType, IdRecipe, StoredField } from "./types.js";

/** The BSON type of each field kind. */
const bsonTypes = {
  string: "string",
  enum: "string",
  int: "int",
  int64: "long",
  double: "double",
  decimal: "decimal",
  boolean: "bool",
  date: "date",
  bytes: "binData",
  uuid: "uuid",
  array: "array",
  object: "object",
  map: "object",
  json: "any",
} as const satisfies Record<Field["kind"], BsonType>;

export function bsonType(field: Field): BsonType {
  return bsonTypes[field.kind];
}

/** How `_id` is made from an entity's key. */
export function idRecipe(entity: EntityData): IdRecipe {
  const parts = entity.key.map((field) => ({ field, bson: bsonType(entity.fields[field] as Field) }));
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? { kind: "value", ...only } : { kind: "document", parts };
}

/** Names at a document's top that keyfold or MongoDB uses itself. */
const reserved = new Set(["_id", "_v"]);

/** An entity's stored fields, the key's first. */
export function storedFields(entity: EntityData): readonly StoredField[] {
  const names = [...entity.key, ...Object.keys(entity.fields).filter((name) => !entity.key.includes(name))];
  return names.map((name) => {
    const type = entity.fields[name] as Field;
    return { field: name, path: topPath(entity, name), bson: bsonType(type), type };
  });
}

/** The path in the document of a field of the record, nested ones too: "seq" → "_id". */
export function pathOf(entity: EntityData, field: string): string {
  const [top = field, ...rest] = field.split(".");
  return [topPath(entity, top), ...rest].join(".");
}

function topPath(entity: EntityData, name: string): string {
  if (entity.key.includes(name)) return entity.key.length === 1 ? "_id" : `_id.${name}`;
  // A field that is called like one of ours gets underscores behind its name until it is alone.
  let path = name;
  while (reserved.has(path) || (path !== name && Object.hasOwn(entity.fields, path))) path += "_";
  return path;
}

/** The field behind a name that the model has checked. */
export function typeOf(entity: EntityData, field: string): Field {
  const type = fieldAt(entity.fields, field);
  if (type === undefined) throw new TypeError(`entity "${entity.name}" has no field "${field}"`);
  return type;
}
