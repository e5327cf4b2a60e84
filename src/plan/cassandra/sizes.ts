import type { EntityData, ModelData } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import { typicalItems } from "../workload.js";
import type { ClusteringColumn, CqlColumn, KeyColumn, StoredColumn } from "./types.js";

/**
 * Sizes as the SSTable format since Cassandra 3.0 has them, before compression (Cassandra's source:
 * `UnfilteredSerializer`, `Cell.Serializer`): a row is a byte of flags, its clustering values behind a header, its own
 * and its neighbour's length, times as differences, a bitmap of columns; a cell a byte of flags and its value, with a
 * length where the type has no fixed one. Text whose length is not known counts 12.
 */
const typicalText = 12;
/** Flags, two lengths, the row's timestamp and the bitmap. */
const rowHeader = 1 + 2 + 2 + 3 + 1;
/** A partition's own header: key length, deletion time. */
export const partitionHeader = 2 + 12;

/** Bytes of a value. */
export function valueBytes(field: Field): number {
  switch (field.kind) {
    case "string":
      return field.maxLength === undefined ? typicalText : Math.min(typicalText, field.maxLength);
    case "enum": {
      const lengths = field.values.map((value) => Buffer.byteLength(value));
      return Math.round(lengths.reduce((sum, one) => sum + one, 0) / Math.max(1, lengths.length));
    }
    case "int":
    case "int64":
    case "double":
    case "date":
      return 8;
    case "decimal":
      return 4 + 3;
    case "boolean":
      return 1;
    case "uuid":
      return 16;
    case "bytes":
    case "json":
      return 64;
    case "array":
      return 4 + Math.round(typicalItems(field) * (4 + valueBytes(field.element)));
    case "map":
      return 4 + 4 * (4 + typicalText + 4 + valueBytes(field.value));
    case "object":
      return Object.values(field.fields).reduce((sum, one) => sum + 4 + valueBytes(one), 0);
    default:
      return field satisfies never;
  }
}

/** Types whose cells have no length before them. */
const fixed = new Set(["bigint", "double", "timestamp", "boolean", "uuid"]);

function cellBytes(column: CqlColumn, bytes: number): number {
  return 1 + bytes + (fixed.has(column.cql) ? 0 : bytes < 128 ? 1 : 2);
}

/** Bytes of a record's own values: as stated, or as its fields say. */
export function recordBytes(model: ModelData, entity: EntityData): number {
  return (
    model.workload.entities[entity.name]?.bytes ??
    Object.values(entity.fields).reduce((sum, field) => sum + valueBytes(field), 0)
  );
}

/** What the workload's own figure makes of the estimates of single values. */
function scale(model: ModelData, entity: EntityData): number {
  const stated = model.workload.entities[entity.name]?.bytes;
  if (stated === undefined) return 1;
  const own = Object.values(entity.fields).reduce((sum, field) => sum + valueBytes(field), 0);
  return stated / Math.max(1, own);
}

function keyValueBytes({ source }: KeyColumn): number {
  switch (source.kind) {
    case "field":
      return valueBytes(source.type);
    case "bucket":
      return source.unit === "day" ? 10 : source.unit === "hour" ? 13 : 7;
    case "shard":
      return 2;
    default:
      return source satisfies never;
  }
}

/** Bytes of one row: its clustering values, and the cells that it has. */
export function rowBytes(
  model: ModelData,
  entity: EntityData,
  clustering: readonly ClusteringColumn[],
  columns: readonly CqlColumn[],
  stored: readonly StoredColumn[],
): number {
  const factor = scale(model, entity);
  const keys = clustering.reduce((sum, one) => sum + keyValueBytes(one) + (fixed.has(one.cql) ? 0 : 1), 1);
  const cells = columns.reduce((sum, column) => {
    const own = stored.find((one) => one.name === column.name);
    if (own !== undefined) return sum + cellBytes(column, Math.round(valueBytes(own.type) * factor));
    // keyfold's own: a version, an id, a group or an amount.
    return sum + cellBytes(column, column.cql === "bigint" ? 8 : column.cql === "boolean" ? 1 : 12);
  }, 0);
  return Math.round(rowHeader + keys + cells);
}

/** Bytes of a partition's key. */
export function partitionKeyBytes(partition: readonly KeyColumn[]): number {
  return partitionHeader + partition.reduce((sum, one) => sum + keyValueBytes(one) + 3, 0);
}
