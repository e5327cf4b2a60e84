import type { EntityData, ModelData } from "../../model/description.js";
import { type Field, type Fields, fieldAt } from "../../model/field.js";
import { typicalItems } from "../workload.js";
import type { ClusteringColumn, CqlColumn, KeyColumn, StoredColumn } from "./types.js";

/**
 * Sizes as the SSTable format since Cassandra 3.0 has them, before compression (Cassandra's source:
 * `UnfilteredSerializer`, `Cell.Serializer`): a row is a byte of flags, its clustering values behind a byte, its own
 * and its neighbour's length, its time as a difference, a bitmap where a column is missing; a cell a byte of flags and its
 * value, with a length where the type has no fixed one. Names of columns are in none of it.
 * `test/cassandra/partition-sizes.test.ts` compares it with what Apache Cassandra wrote.
 */
const rowTime = 4;
/** Length and deletion time of a partition, and the byte that ends it. */
export const partitionHeader = 2 + 12 + 1;
/** Text whose length is not known. */
const typicalText = 12;

/** Bytes of a value; `text`: of a value whose length varies. */
export function valueBytes(field: Field, text = typicalText): number {
  switch (field.kind) {
    case "string":
      return field.maxLength === undefined ? text : Math.min(text, field.maxLength);
    case "enum":
      return enumBytes(field.values);
    case "int":
    case "int64":
    case "double":
    case "date":
      return 8;
    case "decimal":
      return 4 + 2;
    case "boolean":
      return 1;
    case "uuid":
      return 16;
    case "bytes":
    case "json":
      return Math.max(64, text);
    case "array":
      return 4 + Math.round(typicalItems(field) * (4 + valueBytes(field.element, text)));
    case "map":
      return 4 + 4 * (4 + typicalText + 4 + valueBytes(field.value, text));
    case "object":
      return Object.values(field.fields).reduce((sum, one) => sum + 4 + valueBytes(one, text), 0);
    default:
      return field satisfies never;
  }
}

function enumBytes(values: readonly string[]): number {
  return Math.round(values.reduce((sum, one) => sum + Buffer.byteLength(one), 0) / Math.max(1, values.length));
}

/** Bytes of a value as JSON without the text in it, and how many texts there are. */
function jsonOf(field: Field): { readonly bytes: number; readonly texts: number } {
  const times = (count: number, beside: number, inner: Field): { bytes: number; texts: number } => {
    const one = jsonOf(inner);
    return { bytes: 2 + count * (beside + one.bytes), texts: count * one.texts };
  };
  switch (field.kind) {
    case "string":
      return { bytes: 2, texts: 1 };
    case "bytes":
    case "json":
      return { bytes: 0, texts: 1 };
    case "enum":
      return { bytes: 2 + enumBytes(field.values), texts: 0 };
    case "int":
      return { bytes: 4, texts: 0 };
    case "int64":
    case "double":
    case "decimal":
      return { bytes: 8, texts: 0 };
    case "boolean":
      return { bytes: 5, texts: 0 };
    case "date":
      return { bytes: 26, texts: 0 };
    case "uuid":
      return { bytes: 38, texts: 0 };
    case "array":
      return times(typicalItems(field), 1, field.element);
    case "map":
      return times(4, typicalText + 4, field.value);
    case "object":
      return jsonOfFields(field.fields);
    default:
      return field satisfies never;
  }
}

function jsonOfFields(fields: Fields): { readonly bytes: number; readonly texts: number } {
  let bytes = 2;
  let texts = 0;
  for (const [name, field] of Object.entries(fields)) {
    const value = jsonOf(field);
    bytes += Buffer.byteLength(name) + 4 + value.bytes;
    texts += value.texts;
  }
  return { bytes, texts };
}

/** Bytes of one of a record's texts: what the stated size of the whole leaves for them. */
export function textBytes(model: ModelData, entity: EntityData): number {
  const stated = model.workload.entities[entity.name]?.bytes;
  if (stated === undefined) return typicalText;
  const { bytes, texts } = jsonOfFields(entity.fields);
  return texts === 0 ? typicalText : Math.max(1, (stated - bytes) / texts);
}

/** Types whose cells have no length before them. */
const fixed = new Set(["bigint", "double", "timestamp", "boolean", "uuid", "smallint"]);

function cellBytes(column: CqlColumn, bytes: number): number {
  return 1 + bytes + (fixed.has(column.cql) ? 0 : lengthBytes(bytes));
}

/** Bytes of a number that says how many bytes follow. */
function lengthBytes(bytes: number): number {
  return bytes < 128 ? 1 : 2;
}

/** Bytes of a record's own values: as stated, or as its fields say. */
export function recordBytes(model: ModelData, entity: EntityData): number {
  return (
    model.workload.entities[entity.name]?.bytes ??
    Object.values(entity.fields).reduce((sum, field) => sum + valueBytes(field), 0)
  );
}

function keyValueBytes({ source }: KeyColumn, text: number): number {
  switch (source.kind) {
    case "field":
      return valueBytes(source.type, text);
    case "bucket":
      return source.unit === "day" ? 10 : source.unit === "hour" ? 13 : 7;
    case "shard":
      return 2;
    default:
      return source satisfies never;
  }
}

/**
 * Bytes of one row: its clustering values, and the cells that it has.
 *
 * @param paths columns that hold the value of a path of the record, as a contribution's do
 */
export function rowBytes(
  model: ModelData,
  entity: EntityData,
  clustering: readonly ClusteringColumn[],
  columns: readonly CqlColumn[],
  stored: readonly StoredColumn[],
  paths: Readonly<Record<string, string | undefined>> = {},
): number {
  const text = textBytes(model, entity);
  const keys = clustering.reduce((sum, one) => {
    const bytes = keyValueBytes(one, text);
    return sum + bytes + (fixed.has(one.cql) ? 0 : lengthBytes(bytes));
  }, 0);
  const own = columns.map(({ name }) => stored.find((one) => one.name === name)?.type);
  const types = columns.map(({ name }, at) => {
    const path = paths[name];
    return own[at] ?? (path === undefined ? undefined : fieldAt(entity.fields, path));
  });
  const cells = columns.reduce((sum, column, at) => {
    const type = types[at];
    if (type !== undefined) return sum + cellBytes(column, valueBytes(type, text));
    // keyfold's own: a version, an id.
    return sum + cellBytes(column, column.cql === "bigint" ? 8 : column.cql === "boolean" ? 1 : 12);
  }, 0);
  // A row of paths is only there where it has them all.
  const bitmap = own.some((type) => type?.optional) ? 1 : 0;
  const body = (clustering.length === 0 ? 0 : 1) + keys + rowTime + bitmap + cells;
  return Math.round(1 + 2 * lengthBytes(body) + body);
}

/** Bytes of a partition beside its rows: its key, whose columns have lengths where there are several. */
export function partitionKeyBytes(model: ModelData, entity: EntityData, partition: readonly KeyColumn[]): number {
  const text = textBytes(model, entity);
  const each = partition.length === 1 ? 0 : 3;
  return Math.round(partitionHeader + partition.reduce((sum, one) => sum + keyValueBytes(one, text) + each, 0));
}
