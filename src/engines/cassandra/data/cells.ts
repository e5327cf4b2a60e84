/**
 * What a row is made of, and Cassandra's rules for putting two versions of it together
 * (src/java/org/apache/cassandra/db/rows/Cells.java): the greater timestamp, then a deletion or an end before none, then
 * the later end, then the larger value.
 */

/** Microseconds; a bigint only where a number could not hold it exactly, so that `<` and `===` are right for both. */
export type Timestamp = number | bigint;

/** Microseconds as they are kept. */
export function timestampOf(value: bigint): Timestamp {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** "Never" as a second of deletion. */
export const never = 0xffffffff;

export interface Cell {
  readonly timestamp: Timestamp;
  /** Seconds; 0 for none. */
  readonly ttl: number;
  /** The second at which it ends or was deleted; {@link never} for one that does not. */
  readonly deletedAt: number;
  /** None: a tombstone. */
  readonly value: Buffer | null;
}

export interface Deletion {
  readonly timestamp: Timestamp;
  readonly deletedAt: number;
}

/** What makes a row exist that has no cells. */
export interface Liveness {
  readonly timestamp: Timestamp;
  readonly ttl: number;
  readonly deletedAt: number;
}

/** A column whose parts are cells of their own: collections and user types. Paths are byte strings. */
export interface Parts {
  readonly deletion: Deletion | undefined;
  readonly cells: Map<string, Cell>;
}

export interface Row {
  liveness: Liveness | undefined;
  deletion: Deletion | undefined;
  /** By the column's number. */
  readonly cells: Map<number, Cell | Parts>;
}

export function isParts(cell: Cell | Parts): cell is Parts {
  return "cells" in cell;
}

export function emptyRow(): Row {
  return { liveness: undefined, deletion: undefined, cells: new Map() };
}

/** Whether a cell is there at this second. */
export function isLive(cell: Cell, now: number): boolean {
  return cell.value !== null && cell.deletedAt > now;
}

export function laterCell(a: Cell, b: Cell): Cell {
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp ? a : b;
  const aEnds = a.deletedAt !== never;
  const bEnds = b.deletedAt !== never;
  if (aEnds || bEnds) {
    if (aEnds !== bEnds) return aEnds ? a : b;
    const aTombstone = a.value === null;
    const bTombstone = b.value === null;
    if (aTombstone !== bTombstone) return aTombstone ? a : b;
    if (a.deletedAt !== b.deletedAt) return a.deletedAt > b.deletedAt ? a : b;
  }
  if (a.value === null || b.value === null) return a;
  return Buffer.compare(a.value, b.value) >= 0 ? a : b;
}

export function laterLiveness(a: Liveness | undefined, b: Liveness | undefined): Liveness | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp ? a : b;
  const aEnds = a.ttl !== 0;
  const bEnds = b.ttl !== 0;
  if (aEnds !== bEnds) return aEnds ? a : b;
  return a.deletedAt >= b.deletedAt ? a : b;
}

export function laterDeletion(a: Deletion | undefined, b: Deletion | undefined): Deletion | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp ? a : b;
  return a.deletedAt >= b.deletedAt ? a : b;
}

function mergeParts(a: Parts, b: Parts): Parts {
  const deletion = laterDeletion(a.deletion, b.deletion);
  const cells = new Map<string, Cell>();
  const survives = (cell: Cell): boolean => deletion === undefined || cell.timestamp > deletion.timestamp;
  for (const [path, cell] of a.cells) if (survives(cell)) cells.set(path, cell);
  for (const [path, cell] of b.cells) {
    if (!survives(cell)) continue;
    const before = cells.get(path);
    cells.set(path, before === undefined ? cell : laterCell(before, cell));
  }
  return { deletion, cells };
}

/** How two cells of a counter are put together; set by counters.ts' rule where the table has counters. */
export type MergeCells = (a: Cell, b: Cell) => Cell;

/** Puts `b` over `a`; changes and returns `a`. */
export function mergeRows(a: Row, b: Row, merge: MergeCells = laterCell): Row {
  a.liveness = laterLiveness(a.liveness, b.liveness);
  a.deletion = laterDeletion(a.deletion, b.deletion);
  for (const [id, cell] of b.cells) {
    const before = a.cells.get(id);
    if (before === undefined) a.cells.set(id, cell);
    else if (isParts(before) && isParts(cell)) a.cells.set(id, mergeParts(before, cell));
    else if (!isParts(before) && !isParts(cell)) a.cells.set(id, merge(before, cell));
  }
  return shadow(a, a.deletion);
}

/** Takes out of a row what a deletion covers; changes and returns it. */
export function shadow(row: Row, deletion: Deletion | undefined): Row {
  if (deletion === undefined) return row;
  const { timestamp } = deletion;
  if (row.liveness !== undefined && row.liveness.timestamp <= timestamp) row.liveness = undefined;
  if (row.deletion !== undefined && row.deletion !== deletion && row.deletion.timestamp <= timestamp)
    row.deletion = undefined;
  for (const [id, cell] of row.cells) {
    if (!isParts(cell)) {
      if (cell.timestamp <= timestamp) row.cells.delete(id);
      continue;
    }
    const kept = cell.deletion !== undefined && cell.deletion.timestamp > timestamp ? cell.deletion : undefined;
    const cells = new Map<string, Cell>();
    for (const [path, part] of cell.cells) if (part.timestamp > timestamp) cells.set(path, part);
    if (kept === undefined && cells.size === 0) row.cells.delete(id);
    else row.cells.set(id, { deletion: kept, cells });
  }
  return row;
}

/** Drops tombstones, and what has ended, that are older than `before` (a second); changes the row. */
export function purge(row: Row, before: number): void {
  if (row.deletion !== undefined && row.deletion.deletedAt < before) row.deletion = undefined;
  if (row.liveness !== undefined && row.liveness.ttl !== 0 && row.liveness.deletedAt < before) row.liveness = undefined;
  for (const [id, cell] of row.cells) {
    if (!isParts(cell)) {
      if (cell.deletedAt < before) row.cells.delete(id);
      continue;
    }
    const deletion = cell.deletion !== undefined && cell.deletion.deletedAt < before ? undefined : cell.deletion;
    for (const [path, part] of cell.cells) if (part.deletedAt < before) cell.cells.delete(path);
    if (deletion === undefined && cell.cells.size === 0) row.cells.delete(id);
    else if (deletion !== cell.deletion) row.cells.set(id, { deletion, cells: cell.cells });
  }
}

export function isEmptyRow(row: Row): boolean {
  return row.liveness === undefined && row.deletion === undefined && row.cells.size === 0;
}
