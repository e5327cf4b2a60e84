import type { EntityData, ModelData } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { PhysicalData } from "../../model/physical.js";
import { typicalItems } from "../workload.js";
import { ENTITY, EXPIRES, VERSION, WRITES } from "./names.js";
import type { DynamoIndexEntry, KeyPart, KeyRecipe } from "./types.js";

/**
 * Sizes as DynamoDB counts them (manual: "DynamoDB item sizes and formats"): a string its UTF-8 bytes, a number a byte
 * for two digits and one more, a document 3 bytes and one for each member. Text whose length is not known counts 16.
 */
const typicalText = 16;

/** Bytes of one partition, beyond which a collection is spread over several (manual: "Partitions and data distribution"). */
export const collectionLimit = 10 * 1024 ** 3;

/** Bytes of a value: typically, and when each bounded part is full. */
export interface ValueSize {
  readonly typical: number;
  readonly full: number;
}

function both(bytes: number): ValueSize {
  return { typical: bytes, full: bytes };
}

export function valueSize(field: Field): ValueSize {
  switch (field.kind) {
    case "string": {
      const longest = field.maxLength;
      return longest === undefined ? both(typicalText) : { typical: Math.min(typicalText, longest), full: 4 * longest };
    }
    case "enum": {
      const lengths = field.values.map((value) => Buffer.byteLength(value));
      const mean = lengths.reduce((sum, one) => sum + one, 0) / Math.max(lengths.length, 1);
      return { typical: Math.round(mean), full: Math.max(0, ...lengths) };
    }
    case "int":
    case "decimal":
      return { typical: 4, full: 21 };
    case "int64":
    case "double":
      return { typical: 10, full: 11 };
    case "boolean":
      return both(1);
    case "date":
      return both(24);
    case "uuid":
      return both(36);
    case "bytes":
    case "json":
      return both(64);
    case "map":
      return both(3 + 4 * (9 + valueSize(field.value).typical));
    case "array": {
      const element = valueSize(field.element);
      const typical = 3 + Math.round(typicalItems(field) * (1 + element.typical));
      return { typical, full: field.maxItems === undefined ? typical : 3 + field.maxItems * (1 + element.full) };
    }
    case "object": {
      const inner = fieldsSize(field.fields);
      const members = Object.keys(field.fields).length;
      return { typical: 3 + members + inner.typical, full: 3 + members + inner.full };
    }
    default:
      return field satisfies never;
  }
}

/** Names and values of fields. */
export function fieldsSize(fields: { readonly [name: string]: Field }): ValueSize {
  let typical = 0;
  let full = 0;
  for (const [name, field] of Object.entries(fields)) {
    const size = valueSize(field);
    const header = Buffer.byteLength(name);
    typical += header + size.typical;
    full += header + size.full;
  }
  return { typical, full };
}

/** Bytes of a record's own attributes: as stated, or as its fields say. */
export function recordBytes(model: ModelData, entity: EntityData): number {
  return model.workload.entities[entity.name]?.bytes ?? fieldsSize(entity.fields).typical;
}

/**
 * Bytes of some of a record's attributes: as their types say. Where the workload states the bytes of a record, what its
 * other fields leave is shared by those of open length.
 */
export function attributesBytes(model: ModelData, entity: EntityData, fields: readonly string[]): number {
  const sizeOf = (name: string): number => Buffer.byteLength(name) + valueSize(entity.fields[name] as Field).typical;
  const total = (names: readonly string[]): number => names.reduce((sum, name) => sum + sizeOf(name), 0);
  const all = Object.keys(entity.fields);
  const open = all.filter((name) => isOpen(entity.fields[name] as Field));
  const stated = model.workload.entities[entity.name]?.bytes;
  if (stated === undefined) return total(fields);
  if (open.length === 0) return Math.round((total(fields) * stated) / Math.max(1, total(all)));
  const closed = total(all.filter((name) => !open.includes(name)));
  const scale = Math.max(0, stated - closed) / total(open);
  const own = fields.reduce((sum, name) => sum + sizeOf(name) * (open.includes(name) ? scale : 1), 0);
  return Math.round(own);
}

function isOpen(field: Field): boolean {
  switch (field.kind) {
    case "string":
      return field.maxLength === undefined;
    case "bytes":
    case "json":
    case "map":
    case "array":
    case "object":
      return true;
    default:
      return false;
  }
}

/** Bytes of a key's two texts. */
export function keyBytes(key: KeyRecipe): number {
  return [...key.partition, ...key.sort].reduce((sum, part) => sum + partBytes(part) + 1, 0) - 1;
}

function partBytes(part: KeyPart): number {
  switch (part.kind) {
    case "text":
      return Buffer.byteLength(part.text);
    case "shard":
      return 3;
    case "bucket":
      return part.unit === "day" ? 10 : part.unit === "hour" ? 13 : 7;
    case "field": {
      const bytes = keyValueBytes(part.type);
      return part.direction === "asc" ? bytes : 2 * bytes + 1;
    }
    default:
      return part satisfies never;
  }
}

function keyValueBytes(type: Field): number {
  switch (type.kind) {
    case "int":
    case "decimal":
      return 7;
    case "int64":
      return 17;
    case "double":
      return 16;
    default:
      return valueSize(type).typical;
  }
}

/** A version of microseconds, and the id of the write that made the record. */
const bookkeeping = VERSION.length + 9 + WRITES[0].length + 12;

/** A time to live: seconds of ten digits. */
export const expiryBytes = EXPIRES.length + 6;

/** Bytes that a home item has beside the record: its key, its entity, version and last write, entries in indexes. */
export function homeOverhead(
  entity: string,
  home: KeyRecipe,
  entries: readonly Pick<DynamoIndexEntry, "attributes" | "key">[],
  expires: boolean,
  { partition, sort }: PhysicalData["dynamodb"]["key"],
): number {
  const ownKey = partition.length + sort.length + keyBytes(home);
  const ownEntity = ENTITY.length + Buffer.byteLength(entity);
  return entries.reduce(
    (sum, { attributes, key }) =>
      attributes.partition === undefined
        ? sum + attributes.sort.length + keyBytes({ partition: [], sort: key.sort })
        : sum + attributes.partition.length + attributes.sort.length + keyBytes(key),
    ownKey + ownEntity + bookkeeping + (expires ? expiryBytes : 0),
  );
}

/** What DynamoDB adds to each item, and to each entry of an index, when it counts storage. */
export const storageOverhead = 100;
