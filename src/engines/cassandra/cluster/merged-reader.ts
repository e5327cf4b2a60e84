/** Reads several replicas as one, and mends those that lack something. */
import type { Cursor } from "../../storage/store.js";
import { isNoDeletion, mergeDeletions } from "../data/deletions.js";
import { kind, prefixLength } from "../data/keys.js";
import { type IndexRange, mergeRowBytes, type PartitionChange, type Replica } from "../data/replica.js";
import { clusteringOf, decodeRow } from "../data/row.js";
import type { Index, Table } from "../schema/table.js";
import { type Reader, unionOf } from "./reader.js";

interface Repair {
  readonly replica: Replica;
  readonly change: PartitionChange;
}

/** Walks several cursors at once; equal keys are one entry. */
class MergedCursor implements Cursor {
  readonly #cursors: readonly Cursor[];
  readonly #live: boolean[];
  readonly #descending: boolean;
  readonly #merge: (key: string, values: readonly (Buffer | undefined)[]) => Buffer;
  key = "";
  value: Buffer = Buffer.alloc(0);

  constructor(
    cursors: readonly Cursor[],
    descending: boolean,
    merge: (key: string, values: readonly (Buffer | undefined)[]) => Buffer,
  ) {
    this.#cursors = cursors;
    this.#live = cursors.map((cursor) => cursor.next());
    this.#descending = descending;
    this.#merge = merge;
  }

  next(): boolean {
    let first: string | undefined;
    this.#cursors.forEach((cursor, at) => {
      if (!this.#live[at]) return;
      const { key } = cursor;
      if (first === undefined || (this.#descending ? key > first : key < first)) first = key;
    });
    if (first === undefined) return false;
    const key = first;
    const values = this.#cursors.map((cursor, at) => (this.#live[at] && cursor.key === key ? cursor.value : undefined));
    this.key = key;
    this.value = this.#merge(key, values);
    values.forEach((value, at) => {
      if (value !== undefined) this.#live[at] = this.#cursors[at]!.next();
    });
    return true;
  }
}

export class MergedReader implements Reader {
  readonly #table: Table;
  readonly #replicas: readonly Replica[];
  readonly #now: number;
  readonly #repairs: Repair[] = [];
  readonly #settled = new Set<string>();

  constructor(table: Table, replicas: readonly Replica[], now: number) {
    this.#table = table;
    this.#replicas = replicas;
    this.#now = now;
  }

  /** Deletions of a partition that one replica has and another lacks cover rows of the other: they go first. */
  #settle(prefix: string): void {
    if (this.#settled.has(prefix)) return;
    this.#settled.add(prefix);
    const table = this.#table;
    const each = this.#replicas.map((replica) => replica.deletions(table, prefix));
    const merged = each.reduce(mergeDeletions);
    if (isNoDeletion(merged)) return;
    each.forEach((deletions, at) => {
      if (JSON.stringify(deletions, text) === JSON.stringify(merged, text)) return;
      const replica = this.#replicas[at]!;
      void replica.store.write(() => replica.apply({ table, prefix, deletions: merged, rows: [] }, this.#now));
    });
  }

  #merge(key: string, values: readonly (Buffer | undefined)[]): Buffer {
    const at = prefixLength(key);
    if (key[at] === kind.deletions) return values.find((value) => value !== undefined)!;
    const isStatic = key[at] === kind.staticRow;
    const count = isStatic ? 0 : this.#table.clustering.length;
    const merged = values.reduce((a, b) =>
      a === undefined ? b : b === undefined ? a : mergeRowBytes(this.#table, a, b, count),
    )!;
    values.forEach((value, replica) => {
      if (value !== undefined && (value === merged || value.equals(merged))) return;
      this.#repairs.push({
        replica: this.#replicas[replica]!,
        change: changeOf(this.#table, key.slice(0, at), isStatic ? undefined : key.slice(at + 1), merged),
      });
    });
    return merged;
  }

  get(prefix: string, clustering: string | undefined): Buffer | undefined {
    this.#settle(prefix);
    const values = this.#replicas.map((replica) => replica.row(this.#table, prefix, clustering));
    if (values.every((value) => value === undefined)) return undefined;
    return this.#merge(clustering === undefined ? prefix + kind.staticRow : prefix + kind.row + clustering, values);
  }

  rows(prefix: string, from: string, to: string, reverse: boolean): Cursor {
    this.#settle(prefix);
    const rowPrefix = prefix + kind.row;
    return this.#walk({ from: rowPrefix + from, to: rowPrefix + to, reverse });
  }

  scan(from: string, to: string): Cursor {
    // Deletions of all partitions first: they lie among the rows.
    for (const replica of this.#replicas) {
      const cursor = replica.tree(this.#table).scan({ from, to });
      while (cursor.next()) {
        const { key } = cursor;
        const at = prefixLength(key);
        if (key[at] === kind.deletions) this.#settle(key.slice(0, at));
      }
    }
    return this.#walk({ from, to, reverse: false });
  }

  #walk(range: { from: string; to: string; reverse: boolean }): Cursor {
    const cursors = this.#replicas.map((replica) => replica.tree(this.#table).scan(range));
    return new MergedCursor(cursors, range.reverse, (key, values) => this.#merge(key, values));
  }

  find(index: Index, range: IndexRange, start: string, most: number): string[] {
    return unionOf(
      this.#replicas.map((replica) => replica.find(index, range, start, most)),
      range,
      most,
    );
  }

  finish(): void | Promise<void> {
    const waits: Promise<void>[] = [];
    for (const { replica, change } of this.#repairs.splice(0)) {
      const done = replica.store.write(() => replica.apply(change, this.#now));
      if (done instanceof Promise) waits.push(done);
    }
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }
}

function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** A stored row as a change that makes another replica have it. */
export function changeOf(table: Table, prefix: string, clustering: string | undefined, bytes: Buffer): PartitionChange {
  if (clustering === undefined) return { table, prefix, staticRow: decodeRow(bytes, 0), rows: [] };
  const count = table.clustering.length;
  return {
    table,
    prefix,
    rows: [{ key: clustering, clustering: clusteringOf(bytes, count), row: decodeRow(bytes, count) }],
  };
}
