/** One copy of the data: a store of its own, and how changes of partitions are put into it. */
import type { Cursor, Store, Tree } from "../../storage/store.js";
import type { Index, Table } from "../schema/table.js";
import type { Value } from "../types/type.js";
import { emptyRow, isEmptyRow, laterCell, mergeRows, purge, type Row, shadow, timestampOf } from "./cells.js";
import { mergeCounters } from "./counters.js";
import {
  type Deletions,
  decodeDeletions,
  deletionOf,
  encodeDeletions,
  isNoDeletion,
  mergeDeletions,
  noDeletions,
  purgeDeletions,
} from "./deletions.js";
import { indexKeys } from "./index-entries.js";
import { above, kind, prefixLength } from "./keys.js";
import { decodeRow, encodeRow } from "./row.js";

/** A change of one row. */
export interface RowChange {
  /** The clustering key; "" for tables without clustering columns. */
  readonly key: string;
  readonly clustering: readonly Value[];
  readonly row: Row;
}

/** A change of one partition. */
export interface PartitionChange {
  readonly table: Table;
  /** Of the partition's keys: token, length, key. */
  readonly prefix: string;
  readonly deletions?: Deletions;
  readonly staticRow?: Row;
  readonly rows: readonly RowChange[];
}

/** A part of an index; `part` where all its entries are of that one value. */
export interface IndexRange {
  readonly from: string;
  readonly to: string;
  readonly part: string | undefined;
}

const noClustering: readonly Value[] = [];

interface TableData {
  readonly tree: Tree;
  /** Whether a partition of it may have deletions beside its rows. */
  hasDeletions: boolean;
  /** Whether anything of it may end or be dropped some day. */
  hasEnding: boolean;
}

export class Replica {
  readonly store: Store;
  readonly #tables = new Map<number, TableData>();

  constructor(store: Store) {
    this.store = store;
  }

  #data(table: Table): TableData {
    const number = table.facts.tree;
    let data = this.#tables.get(number);
    if (data === undefined) {
      const tree = this.store.tree(number);
      const old = this.store.durable && tree.first() !== undefined;
      data = { tree, hasDeletions: old, hasEnding: old };
      this.#tables.set(number, data);
    }
    return data;
  }

  tree(table: Table): Tree {
    return this.#data(table).tree;
  }

  /** Only inside a write of the store. */
  truncate(table: Table): void {
    this.store.dropTree(table.facts.tree);
    for (const { tree } of table.facts.indexes) this.store.dropTree(tree);
    this.#tables.delete(table.facts.tree);
  }

  /** Forgets what is known of the trees; after the store was cleared. */
  forget(): void {
    this.#tables.clear();
  }

  deletions(table: Table, prefix: string): Deletions {
    const { tree, hasDeletions } = this.#data(table);
    return hasDeletions ? decodeDeletions(tree.get(prefix + kind.deletions)) : noDeletions;
  }

  /** A row as it is kept; with `clustering` undefined the static one. */
  row(table: Table, prefix: string, clustering: string | undefined): Buffer | undefined {
    return this.tree(table).get(clustering === undefined ? prefix + kind.staticRow : prefix + kind.row + clustering);
  }

  /** Puts a change over what is there; only inside a write of the store. `now` in seconds. */
  apply(change: PartitionChange, now: number): void {
    const { table, prefix } = change;
    const data = this.#data(table);
    let deletions = noDeletions;
    if (change.deletions !== undefined) deletions = this.#delete(data, change, change.deletions, now);
    else if (data.hasDeletions) deletions = decodeDeletions(data.tree.get(prefix + kind.deletions));
    const none = isNoDeletion(deletions);
    if (change.staticRow !== undefined) {
      const row = none ? change.staticRow : shadow(change.staticRow, deletions.partition);
      this.#put(data, table, prefix + kind.staticRow, noClustering, row, now);
    }
    for (const { key, clustering, row } of change.rows) {
      this.#put(
        data,
        table,
        prefix + kind.row + key,
        clustering,
        none ? row : shadow(row, deletionOf(deletions, key)),
        now,
      );
    }
  }

  #put(data: TableData, table: Table, key: string, clustering: readonly Value[], row: Row, now: number): void {
    const { tree } = data;
    const before = tree.get(key);
    let merged = row;
    if (before !== undefined) {
      const merge = table.isCounter ? mergeCounters : laterCell;
      merged = mergeRows(decodeRow(before, clustering.length), row, merge);
      if (data.hasEnding) purge(merged, now - table.gcGraceSeconds);
    } else if (row.deletion !== undefined) shadow(merged, row.deletion);
    if (!data.hasEnding && mayEnd(row)) data.hasEnding = true;
    this.#store(table, tree, key, before, isEmptyRow(merged) ? undefined : encodeRow(clustering, merged));
  }

  /** Keeps a row in place of what was there, or removes it; its indexes follow. */
  #store(table: Table, tree: Tree, key: string, before: Buffer | undefined, after: Buffer | undefined): void {
    for (const index of table.facts.indexes) {
      const old = indexKeys(index, table, key, before);
      const now = indexKeys(index, table, key, after);
      if (old.size === 0 && now.size === 0) continue;
      const entries = this.store.tree(index.tree);
      for (const each of old) if (!now.has(each)) entries.delete(each);
      for (const each of now) if (!old.has(each)) entries.put(each, Buffer.from(key, "latin1"));
    }
    if (after !== undefined) tree.put(key, after);
    else if (before !== undefined) tree.delete(key);
  }

  /** Fills an index from the rows that are there; only inside a write of the store. */
  buildIndex(table: Table, index: Index): void {
    const entries = this.store.tree(index.tree);
    const cursor = this.tree(table).scan();
    while (cursor.next()) {
      const { key } = cursor;
      for (const each of indexKeys(index, table, key, cursor.value)) entries.put(each, Buffer.from(key, "latin1"));
    }
  }

  /**
   * Keys of rows whose entries in an index lie in [from, to), from `start` on and in their order: the first `most` of
   * them where all entries have one value, else all.
   */
  find(index: Index, { from, to, part }: IndexRange, start: string, most: number): string[] {
    const entries = this.store.tree(index.tree);
    const keys: string[] = [];
    if (part !== undefined) {
      const cursor = entries.scan({ from: part + start, to });
      while (keys.length < most && cursor.next()) keys.push(cursor.key.slice(part.length));
      return keys;
    }
    const cursor = entries.scan({ from, to });
    while (cursor.next()) {
      const key = cursor.value.latin1Slice(0, cursor.value.length);
      if (key >= start) keys.push(key);
    }
    return [...new Set(keys)].sort();
  }

  /** Keeps the deletions, and takes out what they cover. */
  #delete(data: TableData, { table, prefix }: PartitionChange, added: Deletions, now: number): Deletions {
    const { tree } = data;
    data.hasDeletions = true;
    data.hasEnding = true;
    const before = decodeDeletions(tree.get(prefix + kind.deletions));
    const deletions = purgeDeletions(mergeDeletions(before, added), now - table.gcGraceSeconds);
    if (isNoDeletion(deletions)) tree.delete(prefix + kind.deletions);
    else tree.put(prefix + kind.deletions, encodeDeletions(deletions));
    const count = table.clustering.length;
    const cover = (cursor: Cursor): void => {
      const changed: { key: string; row: Row; bytes: Buffer }[] = [];
      while (cursor.next()) {
        const { key, value } = cursor;
        const at = prefix.length;
        if (key[at] === kind.deletions) continue;
        const isStatic = key[at] === kind.staticRow;
        const deletion = isStatic ? deletions.partition : deletionOf(deletions, key.slice(at + 1));
        if (deletion === undefined) continue;
        const row = shadow(decodeRow(value, isStatic ? 0 : count), deletion);
        changed.push({ key, row, bytes: value });
      }
      for (const { key, row, bytes } of changed) {
        const isStatic = key[prefix.length] === kind.staticRow;
        const clustering = isStatic ? noClustering : clusteringValues(bytes, count);
        this.#store(table, tree, key, bytes, isEmptyRow(row) ? undefined : encodeRow(clustering, row));
      }
    };
    if (added.partition !== undefined) cover(tree.scan({ from: prefix + kind.staticRow, to: prefix + above }));
    else
      for (const { from, to } of added.ranges)
        cover(tree.scan({ from: prefix + kind.row + from, to: prefix + kind.row + to }));
    return deletions;
  }

  /** Takes the cells of a column out of all rows, those that were written up to `until`. */
  dropCells(table: Table, column: number, until: bigint): void {
    const { tree } = this.#data(table);
    const changed: { key: string; bytes: Buffer; row: Row }[] = [];
    const cursor = tree.scan();
    while (cursor.next()) {
      const { key, value } = cursor;
      const mark = key[prefixLength(key)];
      if (mark === kind.deletions) continue;
      const row = decodeRow(value, mark === kind.staticRow ? 0 : table.clustering.length);
      const cell = row.cells.get(column);
      if (cell === undefined) continue;
      const kept = shadow(
        { ...emptyRow(), cells: new Map([[column, cell]]) },
        { timestamp: timestampOf(until), deletedAt: 0 },
      );
      const left = kept.cells.get(column);
      if (left === undefined) row.cells.delete(column);
      else row.cells.set(column, left);
      changed.push({ key, bytes: value, row });
    }
    for (const { key, bytes, row } of changed) {
      const isStatic = key[prefixLength(key)] === kind.staticRow;
      const clustering = isStatic ? noClustering : clusteringValues(bytes, table.clustering.length);
      this.#store(table, tree, key, bytes, isEmptyRow(row) ? undefined : encodeRow(clustering, row));
    }
  }

  /**
   * Gives back what ended or was deleted longer ago than the table's gc_grace_seconds; looks at `most` entries, and
   * tells where to go on.
   */
  sweep(table: Table, now: number, from: string | undefined, most: number): string | undefined {
    const data = this.#data(table);
    if (!data.hasEnding) return undefined;
    const before = now - table.gcGraceSeconds;
    const count = table.clustering.length;
    const cursor = data.tree.scan(from === undefined ? {} : { from });
    const gone: { key: string; value: Buffer }[] = [];
    let last: string | undefined;
    for (let seen = 0; seen < most; seen++) {
      if (!cursor.next()) {
        last = undefined;
        break;
      }
      const { key, value } = cursor;
      last = key;
      const at = prefixLength(key);
      if (key[at] === kind.deletions) {
        const kept = purgeDeletions(decodeDeletions(value), before);
        if (isNoDeletion(kept)) gone.push({ key, value });
        continue;
      }
      const clusteringCount = key[at] === kind.staticRow ? 0 : count;
      const row = decodeRow(value, clusteringCount);
      purge(row, before);
      if (isEmptyRow(row)) gone.push({ key, value });
    }
    for (const { key, value } of gone) this.#store(table, data.tree, key, value, undefined);
    return last;
  }
}

function mayEnd(row: Row): boolean {
  if (row.deletion !== undefined || (row.liveness !== undefined && row.liveness.ttl !== 0)) return true;
  for (const cell of row.cells.values()) {
    if ("cells" in cell) {
      if (cell.deletion !== undefined) return true;
      for (const part of cell.cells.values()) if (part.ttl !== 0 || part.value === null) return true;
    } else if (cell.ttl !== 0 || cell.value === null) return true;
  }
  return false;
}

function clusteringValues(bytes: Buffer, count: number): Value[] {
  const values: Value[] = [];
  let at = 1;
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : bytes.subarray(at, at + length));
    if (length > 0) at += length;
  }
  return values;
}

/** Two versions of a row put together, as bytes. */
export function mergeRowBytes(table: Table, a: Buffer, b: Buffer, clusteringCount: number): Buffer {
  if (a.equals(b)) return a;
  const merge = table.isCounter ? mergeCounters : laterCell;
  const merged = mergeRows(decodeRow(a, clusteringCount), decodeRow(b, clusteringCount), merge);
  return encodeRow(clusteringValues(a, clusteringCount), merged);
}
