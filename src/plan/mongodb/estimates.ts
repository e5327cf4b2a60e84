import type { EntityData, EntityWorkload, ListPattern, ModelData } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import { askedRows, distinctValues, pageRows, requestsPerSecond, typicalItems } from "../workload.js";
import type { ChosenIndex } from "./indexes.js";
import type { ListAccess } from "./needs.js";
import type { MongoCollectionEstimate, MongoPatternEstimate } from "./types.js";

/**
 * Sizes follow the BSON specification (bsonspec.org) for documents, and WiredTiger's KeyString for index entries, before
 * compression: what a cache must hold. Text whose length is not known counts 16 bytes.
 */
const typicalText = 16;
/** Bytes beside the keys of an index entry: the record's id and the type bits. */
const entryOverhead = 6;
/** `_v`: type, name and an int64. */
const versionBytes = 1 + 3 + 8;

/** Bytes of a value in BSON: typically, and when each bounded part is full. Parts without a bound count as typical in both. */
export interface ValueSize {
  readonly typical: number;
  readonly full: number;
}

function both(bytes: number): ValueSize {
  return { typical: bytes, full: bytes };
}

/** Bytes of a field's value in BSON. */
export function valueSize(field: Field): ValueSize {
  switch (field.kind) {
    case "string": {
      const longest = field.maxLength;
      if (longest === undefined) return both(5 + typicalText);
      // A character has up to four bytes in UTF-8.
      return { typical: 5 + Math.min(typicalText, longest), full: 5 + 4 * longest };
    }
    case "enum": {
      const lengths = field.values.map((value) => Buffer.byteLength(value));
      const mean = lengths.reduce((sum, one) => sum + one, 0) / Math.max(lengths.length, 1);
      return { typical: 5 + Math.round(mean), full: 5 + Math.max(0, ...lengths) };
    }
    case "int":
      return { typical: 4, full: 8 };
    case "int64":
    case "double":
    case "date":
      return both(8);
    case "decimal":
      return both(16);
    case "boolean":
      return both(1);
    case "uuid":
      return both(21);
    case "bytes":
      return both(5 + 64);
    case "json":
      return both(64);
    case "map":
      return both(5 + 4 * (8 + valueSize(field.value).typical));
    case "array": {
      const element = valueSize(field.element);
      // Each element has a type byte and its position as text.
      const ofItems = (count: number, bytes: number): number =>
        5 + Math.round(count * (bytes + 2 + String(Math.ceil(count)).length));
      const typical = ofItems(typicalItems(field), element.typical);
      return { typical, full: field.maxItems === undefined ? typical : ofItems(field.maxItems, element.full) };
    }
    case "object":
      return objectSize(field.fields);
    default:
      return field satisfies never;
  }
}

export function objectSize(fields: { readonly [name: string]: Field }): ValueSize {
  let typical = 5;
  let full = 5;
  for (const [name, field] of Object.entries(fields)) {
    const size = valueSize(field);
    const header = 2 + Buffer.byteLength(name);
    typical += header + size.typical;
    full += header + size.full;
  }
  return { typical, full };
}

/** A typical document's bytes, with `_v`. */
export function documentBytes(entity: EntityData, workload: EntityWorkload | undefined): number {
  return (workload?.bytes ?? objectSize(entity.fields).typical) + versionBytes;
}

/** Bytes of one entry in an index over these fields. */
export function entryBytes(entity: EntityData, fields: readonly string[]): number {
  return fields.reduce((sum, name) => sum + keyBytes(fieldAt(entity.fields, name)), entryOverhead);
}

function keyBytes(field: Field | undefined): number {
  if (field === undefined) return 1;
  switch (field.kind) {
    case "string":
    case "enum":
      return 2 + valueSize(field).typical - 5;
    case "int":
      return 5;
    case "decimal":
      return 12;
    case "uuid":
      return 19;
    case "boolean":
      return 1;
    default:
      return 9;
  }
}

export function collectionEstimate(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  indexes: readonly { readonly entryBytes: number }[],
): MongoCollectionEstimate {
  const bytes = documentBytes(entity, workload);
  const documents = workload?.records;
  const perDocument = indexes.reduce((sum, index) => sum + index.entryBytes, entryBytes(entity, entity.key));
  return {
    documentBytes: bytes,
    documents,
    dataBytes: documents === undefined ? undefined : documents * bytes,
    indexBytes: documents === undefined ? undefined : documents * perDocument,
  };
}

/** The fields of the record behind an index's keys. */
export function indexFields(entity: EntityData, index: ChosenIndex): readonly string[] {
  return index.keys.map(([path]) => {
    if (path === "_id") return entity.key[0] ?? path;
    return path.startsWith("_id.") ? path.slice("_id.".length) : path;
  });
}

export function getEstimate(model: ModelData, entity: EntityData, pattern: string): MongoPatternEstimate {
  const bytes = documentBytes(entity, model.workload.entities[entity.name]);
  return {
    rows: 1,
    keysExamined: 1,
    documentsExamined: 1,
    bytesReturned: bytes,
    requestsPerSecond: requestsPerSecond(model, pattern),
    sortsInMemory: false,
  };
}

export function listEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
  access: ListAccess,
): MongoPatternEstimate {
  const workload = model.workload.entities[entity.name];
  const { asked, group } = pageRows(model, entity, pattern);
  const most = access.kind === "unique" ? 1 : asked;
  const rows = group === undefined ? most : Math.min(most, group);
  // In order, a page reads what it returns; sorted in memory, it reads all that matches. What `where` drops is not known.
  const filtered = pattern.where.length > 0 && access.kind !== "unique";
  const examined = access.kind === "sorted" ? group : filtered ? undefined : rows;
  return {
    rows,
    keysExamined: examined,
    documentsExamined: examined,
    bytesReturned: rows * documentBytes(entity, workload),
    requestsPerSecond: requestsPerSecond(model, pattern.name),
    sortsInMemory: access.kind === "sorted",
  };
}

/** The most that it reads: every record, since a call may leave the range out. */
export function topEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: { readonly name: string; readonly by: string },
  indexed: boolean,
): MongoPatternEstimate {
  const workload = model.workload.entities[entity.name];
  const groups = distinctValues(entity, workload, pattern.by);
  const wanted = askedRows(model, pattern.name);
  const rows = groups === undefined ? wanted : Math.min(wanted, groups);
  return {
    rows,
    keysExamined: indexed ? workload?.records : 0,
    documentsExamined: workload?.records,
    bytesReturned: rows * 64,
    requestsPerSecond: requestsPerSecond(model, pattern.name),
    sortsInMemory: true,
  };
}
