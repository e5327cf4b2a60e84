import type { Cursor, Tree } from "../../storage/store.js";
import { endOfRing, kind } from "../data/keys.js";
import type { IndexRange, Replica } from "../data/replica.js";
import type { Index, Table } from "../schema/table.js";

/** How a query reads a table, from one replica or from several that are put together. */
export interface Reader {
  /** A row; with `clustering` undefined the static one. */
  get(prefix: string, clustering: string | undefined): Buffer | undefined;
  /** Rows of a partition with clustering keys in [from, to). Keys are whole. */
  rows(prefix: string, from: string, to: string, reverse: boolean): Cursor;
  /** All entries with keys in [from, to). */
  scan(from: string, to: string): Cursor;
  /** Keys of rows that an index has in a range, from `start` on: the first `most` of them, or all; see Replica.find. */
  find(index: Index, range: IndexRange, start: string, most: number): string[];
  /** Called when the query is done; mends what it found to differ. */
  finish?(): void | Promise<void>;
}

/** What several have found, in the order of the keys. */
export function unionOf(found: readonly (readonly string[])[], { part }: IndexRange, most: number): string[] {
  const keys = [...new Set(found.flat())].sort();
  return part === undefined ? keys : keys.slice(0, most);
}

/** Reads one replica. */
export class LocalReader implements Reader {
  readonly #replica: Replica;
  readonly #tree: Tree;

  constructor(replica: Replica, table: Table) {
    this.#replica = replica;
    this.#tree = replica.tree(table);
  }

  find(index: Index, range: IndexRange, start: string, most: number): string[] {
    return this.#replica.find(index, range, start, most);
  }

  get(prefix: string, clustering: string | undefined): Buffer | undefined {
    return this.#tree.get(clustering === undefined ? prefix + kind.staticRow : prefix + kind.row + clustering);
  }

  rows(prefix: string, from: string, to: string, reverse: boolean): Cursor {
    const rowPrefix = prefix + kind.row;
    return this.#tree.scan({ from: rowPrefix + from, to: rowPrefix + to, reverse });
  }

  scan(from: string, to: string): Cursor {
    return this.#tree.scan({ from, to });
  }
}

/** Reads a ring whose parts lie on different replicas. */
export class RingReader implements Reader {
  readonly #readerOf: (prefix: string) => Reader;
  readonly #segments: (from: string, to: string) => readonly { readonly from: string; readonly to: string }[];
  readonly #used = new Set<Reader>();

  /** `segments` cuts a range of keys where the replicas change. */
  constructor(
    readerOf: (prefix: string) => Reader,
    segments: (from: string, to: string) => readonly { readonly from: string; readonly to: string }[],
  ) {
    this.#readerOf = readerOf;
    this.#segments = segments;
  }

  #of(key: string): Reader {
    const reader = this.#readerOf(key);
    this.#used.add(reader);
    return reader;
  }

  get(prefix: string, clustering: string | undefined): Buffer | undefined {
    return this.#of(prefix).get(prefix, clustering);
  }

  rows(prefix: string, from: string, to: string, reverse: boolean): Cursor {
    return this.#of(prefix).rows(prefix, from, to, reverse);
  }

  scan(from: string, to: string): Cursor {
    const segments = this.#segments(from, to);
    const readers = this;
    let at = 0;
    let cursor: Cursor | undefined;
    return {
      key: "",
      value: Buffer.alloc(0),
      next() {
        for (;;) {
          if (cursor === undefined) {
            const segment = segments[at++];
            if (segment === undefined) return false;
            cursor = readers.#of(segment.from).scan(segment.from, segment.to);
          }
          if (cursor.next()) {
            Object.assign(this, { key: cursor.key, value: cursor.value });
            return true;
          }
          cursor = undefined;
        }
      },
    };
  }

  find(index: Index, range: IndexRange, start: string, most: number): string[] {
    const readers = new Set(this.#segments("", endOfRing).map((segment) => this.#of(segment.from)));
    return unionOf(
      [...readers].map((reader) => reader.find(index, range, start, most)),
      range,
      most,
    );
  }

  finish(): void | Promise<void> {
    const waits: Promise<void>[] = [];
    for (const reader of this.#used) {
      const done = reader.finish?.();
      if (done instanceof Promise) waits.push(done);
    }
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }
}
