import { isLive } from "../data/cells.js";
import { counterValue } from "../data/counters.js";
import type { RowView } from "../data/row.js";
import type { Column, Table } from "../schema/table.js";
import {
  type CqlType,
  keyPart,
  MapType,
  native,
  SetType,
  UserType,
  type Value,
  writeFields,
  writeParts,
} from "../types/type.js";
import type { Run } from "./run.js";

/** The row that is looked at. */
export interface RowContext {
  readonly run: Run;
  readonly table: Table;
  /** Values of the partition key. */
  partitionKey: readonly Buffer[];
  readonly row: RowView;
  /** Whether there is a row; else only the static columns are there. */
  hasRow: boolean;
  readonly statics: RowView;
  /** Values of the aggregates of the group, by their number. */
  aggregates: readonly Value[];
}

/** The value of a column, put together from its cells where it is in parts. */
export function columnValue(column: Column, context: RowContext): Value {
  switch (column.kind) {
    case "partition_key":
      return context.partitionKey[column.position] ?? null;
    case "clustering":
      return context.hasRow ? context.row.clustering(column.position) : null;
    case "static":
      return viewValue(context.statics, column, context.run.now);
    case "regular":
      return context.hasRow ? viewValue(context.row, column, context.run.now) : null;
    default: {
      const never: never = column.kind;
      throw new Error(`not a column: ${String(never)}`);
    }
  }
}

export function viewValue(view: RowView, column: Column, now: number): Value {
  const { type, id } = column;
  if (type.isMultiCell) {
    const at = view.cell[id]!;
    return at < 0 ? null : collectionValue(type, view.partsAt(at), now);
  }
  const value = view.value(id);
  if (value === null || !type.isCounter) return value;
  return counterValue(value);
}

/** A collection or user type from its cells; null where none lives. */
export function collectionValue(
  type: CqlType,
  parts: { readonly cells: ReadonlyMap<string, import("../data/cells.js").Cell> },
  now: number,
): Value {
  if (type instanceof UserType) {
    const fields: Value[] = type.fields.names.map(() => null);
    let any = false;
    for (const [path, cell] of parts.cells) {
      if (!isLive(cell, now)) continue;
      const at = (path.charCodeAt(0) << 8) | path.charCodeAt(1);
      if (at >= fields.length) continue;
      fields[at] = cell.value;
      any = true;
    }
    return any ? writeFields(fields) : null;
  }
  const entries = sortedCells(type, parts.cells, now);
  if (entries.length === 0) return null;
  if (type instanceof MapType)
    return writeParts(
      entries.flatMap(({ path, value }) => [path, value]),
      2,
    );
  if (type instanceof SetType)
    return writeParts(
      entries.map(({ path }) => path),
      1,
    );
  return writeParts(
    entries.map(({ value }) => value),
    1,
  );
}

/** Live cells of a collection, in the order of its paths. */
export function sortedCells(
  type: CqlType,
  cells: ReadonlyMap<string, import("../data/cells.js").Cell>,
  now: number,
): { readonly path: Buffer; readonly value: Buffer; readonly cell: import("../data/cells.js").Cell }[] {
  const pathType = type instanceof MapType ? type.keys : type instanceof SetType ? type.element : native("timeuuid");
  const list: { key: string; path: Buffer; value: Buffer; cell: import("../data/cells.js").Cell }[] = [];
  for (const [path, cell] of cells) {
    if (!isLive(cell, now)) continue;
    const bytes = Buffer.from(path, "latin1");
    list.push({ key: keyPart(pathType, bytes), path: bytes, value: cell.value!, cell });
  }
  list.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return list;
}
