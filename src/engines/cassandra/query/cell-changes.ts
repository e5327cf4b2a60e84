/** Cells of a row that is being written: how values, parts of collections and deletions become them. */

import type { Cell, Deletion as CellDeletion, Parts, Row, Timestamp } from "../data/cells.js";
import { isParts, laterCell, never } from "../data/cells.js";
import type { Column } from "../schema/table.js";
import { ListType, MapType, readFields, readParts, SetType, UserType } from "../types/type.js";
import { sortedCells } from "./column-values.js";
import type { Run } from "./run.js";

/** What a write gives its cells. */
export interface WriteContext {
  readonly run: Run;
  readonly timestamp: Timestamp;
  /** Seconds; 0 for none. */
  readonly ttl: number;
  /** The row as it is, for operations that must read it. */
  readonly current: Row | undefined;
  /** Positions for elements that are put before all others of a list. */
  readonly before: () => Buffer;
}

export function liveCell(context: WriteContext, value: Buffer): Cell {
  const { timestamp, ttl, run } = context;
  return { timestamp, ttl, deletedAt: ttl === 0 ? never : run.now + ttl, value };
}

export function tombstone(context: WriteContext): Cell {
  return { timestamp: context.timestamp, ttl: 0, deletedAt: context.run.now, value: null };
}

export function before(timestamp: Timestamp): Timestamp {
  if (typeof timestamp === "number") return timestamp - 1;
  const less = timestamp - 1n;
  return less >= BigInt(Number.MIN_SAFE_INTEGER) && less <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(less) : less;
}

/** The parts of a column in a row that is being made. */
export function partsOf(row: Row, column: Column): Parts {
  const found = row.cells.get(column.id);
  if (found !== undefined && isParts(found)) return found;
  const made: Parts = { deletion: undefined, cells: new Map() };
  row.cells.set(column.id, made);
  return made;
}

/** Of two changes of one cell in a statement the later one by the rules counts: they have one timestamp. */
export function putPart(cells: Map<string, Cell>, at: string, cell: Cell): void {
  const earlier = cells.get(at);
  cells.set(at, earlier === undefined ? cell : laterCell(earlier, cell));
}

export function putCell(row: Row, id: number, cell: Cell): void {
  const earlier = row.cells.get(id);
  row.cells.set(id, earlier === undefined || isParts(earlier) ? cell : laterCell(earlier, cell));
}

export function deleteParts(row: Row, column: Column, context: WriteContext, timestamp: Timestamp): void {
  const deletion: CellDeletion = { timestamp, deletedAt: context.run.now };
  const { cells } = partsOf(row, column);
  row.cells.set(column.id, { deletion, cells });
}

export function fieldPath(at: number): string {
  return String.fromCharCode(at >> 8, at & 0xff);
}

const empty = Buffer.alloc(0);
export function path(value: Buffer): string {
  return value.latin1Slice(0, value.length);
}

/** Puts the parts of a whole collection into a row. */
export function putParts(column: Column, value: Buffer, row: Row, context: WriteContext): void {
  const { type } = column;
  const { cells } = partsOf(row, column);
  if (type instanceof ListType) {
    for (const item of readParts(value, 1)) cells.set(context.run.timeUuid().latin1Slice(), liveCell(context, item!));
  } else if (type instanceof SetType) {
    for (const item of readParts(value, 1)) putPart(cells, path(item!), liveCell(context, empty));
  } else if (type instanceof MapType) {
    const parts = readParts(value, 2) as Buffer[];
    for (let at = 0; at < parts.length; at += 2) putPart(cells, path(parts[at]!), liveCell(context, parts[at + 1]!));
  } else if (type instanceof UserType) {
    readFields(value, type.fields.types.length).forEach((field, at) => {
      putPart(cells, fieldPath(at), field === null ? tombstone(context) : liveCell(context, field));
    });
  }
}

/** The live cells of a column in the row that was read, as what the statement did before has left them. */
export function currentCells(column: Column, row: Row, context: WriteContext) {
  const read = context.current?.cells.get(column.id);
  const written = row.cells.get(column.id);
  const cells = new Map<string, Cell>();
  const isReplaced = written !== undefined && isParts(written) && written.deletion !== undefined;
  if (read !== undefined && isParts(read) && !isReplaced) for (const [at, cell] of read.cells) cells.set(at, cell);
  if (written !== undefined && isParts(written)) for (const [at, cell] of written.cells) cells.set(at, cell);
  return sortedCells(column.type, cells, context.run.now);
}
