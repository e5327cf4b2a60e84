import type { RootDatabase } from "lmdb";
import { KeyfoldError } from "../../internal/errors.js";
import type { Cursor, Range, Store, Tree } from "./store.js";

/** Entries that a walk reads at once; between two reads the tree may be written. */
const chunk = 128;
/** Address space that is set aside; the file itself is as large as its data. */
const mapBytes = 64 * 1024 * 1024 * 1024;
/** The longest key that a page can hold, without the tree's number. */
const longestKey = 1978 - 4;

/** What of LMDB's package is used here. */
type Database = RootDatabase<Buffer, Buffer>;

function bytesOf(prefix: Buffer, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(4 + key.length);
  prefix.copy(bytes);
  bytes.latin1Write(key, 4);
  return bytes;
}

declare global {
  interface Buffer {
    /** Node's direct writer of byte strings. */
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

/**
 * A store in a folder, on LMDB. Every write runs in the next batch; the batch is one transaction, so many writes share
 * one commit, and a write's promise resolves after it. Committed data survives the death of the process; it is brought
 * to the disk right after, which {@link flushed} waits for.
 */
export class LmdbStore implements Store {
  readonly durable = true;
  readonly longestKey: number = longestKey;
  readonly #database: Database;
  readonly #trees = new Map<number, LmdbTree>();
  #undo: (() => void)[] | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Opens the store in a folder, which is made when it is missing. */
  static async open(folder: string): Promise<LmdbStore> {
    const { open } = await import("lmdb").catch((cause: unknown) => {
      throw new KeyfoldError("UNAVAILABLE", "Keeping data needs the package lmdb, which is not installed.", {
        cause,
        fix: "npm install lmdb, or leave the data folder away to keep the data in memory.",
      });
    });
    return new LmdbStore(
      open<Buffer, Buffer>({
        path: folder,
        keyEncoding: "binary",
        encoding: "binary",
        mapSize: mapBytes,
        compression: false,
        // A file per store in the folder, not the folder's name with an extension.
        noSubdir: false,
      }),
    );
  }

  tree(id: number): Tree {
    let tree = this.#trees.get(id);
    if (tree === undefined) {
      tree = new LmdbTree(id, this.#database, () => {
        if (this.#undo === undefined) throw new Error("a tree is written outside of Store.write");
        return this.#undo;
      });
      this.#trees.set(id, tree);
    }
    return tree;
  }

  dropTree(id: number): void {
    const tree = this.tree(id);
    // Collected first: a walk over what it deletes would have to find its place again and again.
    const keys: string[] = [];
    const cursor = tree.scan();
    while (cursor.next()) keys.push(cursor.key);
    for (const key of keys) tree.delete(key);
    this.#trees.delete(id);
  }

  write<T>(work: () => T): T | Promise<T> {
    if (this.#undo !== undefined) return work();
    let result: { value: T } | { error: unknown } | undefined;
    const committed = this.#database.transaction(() => {
      const undo: (() => void)[] = [];
      this.#undo = undo;
      try {
        result = { value: work() };
      } catch (error) {
        for (let at = undo.length - 1; at >= 0; at--) undo[at]!();
        result = { error };
      } finally {
        this.#undo = undefined;
      }
    });
    const settled = committed.then(() => {
      if (result === undefined) throw new Error("the batch ended without this write");
      if ("error" in result) throw result.error;
      return result.value;
    });
    this.#last = settled.catch(() => {});
    return settled;
  }

  async committed(): Promise<void> {
    await this.#database.committed;
    await this.#last;
  }

  async flushed(): Promise<void> {
    await this.#database.flushed;
  }

  async clear(): Promise<void> {
    await this.#database.clearAsync();
    await this.#database.committed;
    this.#trees.clear();
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#database.flushed;
    await this.#database.close();
  }
}

class LmdbTree implements Tree {
  readonly id: number;
  readonly #database: Database;
  readonly #prefix: Buffer;
  readonly #end: Buffer;
  readonly #log: () => (() => void)[];
  #size: number | undefined;
  #bytes = 0;

  constructor(id: number, database: Database, log: () => (() => void)[]) {
    this.id = id;
    this.#database = database;
    this.#log = log;
    this.#prefix = Buffer.alloc(4);
    this.#prefix.writeUInt32BE(id);
    this.#end = Buffer.alloc(4);
    this.#end.writeUInt32BE(id + 1);
  }

  #measure(): void {
    if (this.#size !== undefined) return;
    let size = 0;
    let bytes = 0;
    for (const { key, value } of this.#database.getRange({ start: this.#prefix, end: this.#end })) {
      size++;
      bytes += key.length - 4 + value.length;
    }
    this.#size = size;
    this.#bytes = bytes;
  }

  get size(): number {
    this.#measure();
    return this.#size!;
  }

  get bytes(): number {
    this.#measure();
    return this.#bytes;
  }

  #grow(entries: number, bytes: number): void {
    if (this.#size === undefined) return;
    this.#size += entries;
    this.#bytes += bytes;
  }

  get(key: string): Buffer | undefined {
    if (key.length > longestKey) return undefined;
    return this.#database.getBinary(bytesOf(this.#prefix, key));
  }

  has(key: string): boolean {
    return key.length <= longestKey && this.#database.doesExist(bytesOf(this.#prefix, key));
  }

  put(key: string, value: Buffer): boolean {
    const undo = this.#log();
    if (key.length > longestKey) {
      throw new KeyfoldError(
        "TOO_LARGE",
        `A key of ${key.length} bytes is more than the ${longestKey} that can be stored.`,
      );
    }
    const name = bytesOf(this.#prefix, key);
    const before = this.#database.getBinary(name);
    this.#database.putSync(name, value);
    if (before === undefined) {
      this.#grow(1, key.length + value.length);
      undo.push(() => {
        this.#database.removeSync(name);
        this.#grow(-1, -key.length - value.length);
      });
      return true;
    }
    this.#grow(0, value.length - before.length);
    undo.push(() => {
      this.#database.putSync(name, before);
      this.#grow(0, before.length - value.length);
    });
    return false;
  }

  delete(key: string): boolean {
    const undo = this.#log();
    if (key.length > longestKey) return false;
    const name = bytesOf(this.#prefix, key);
    const before = this.#database.getBinary(name);
    if (before === undefined) return false;
    this.#database.removeSync(name);
    this.#grow(-1, -key.length - before.length);
    undo.push(() => {
      this.#database.putSync(name, before);
      this.#grow(1, key.length + before.length);
    });
    return true;
  }

  first(from?: string, to?: string): string | undefined {
    const start = from === undefined ? this.#prefix : bytesOf(this.#prefix, cut(from));
    const end = to === undefined ? this.#end : bytesOf(this.#prefix, cut(to));
    for (const key of this.#database.getKeys({ start, end, limit: 1 })) return key.toString("latin1", 4);
    return undefined;
  }

  last(): string | undefined {
    for (const key of this.#database.getKeys({ start: this.#end, end: this.#prefix, reverse: true, limit: 1 })) {
      return key.toString("latin1", 4);
    }
    return undefined;
  }

  scan(range: Range = {}): Cursor {
    return new LmdbCursor(this.#database, this.#prefix, this.#end, range);
  }

  count(range: Range, limit: number): number {
    const start = range.from === undefined ? this.#prefix : bytesOf(this.#prefix, cut(range.from));
    const end = range.to === undefined ? this.#end : bytesOf(this.#prefix, cut(range.to));
    let count = 0;
    for (const _key of this.#database.getKeys({ start, end, limit })) count++;
    return count;
  }
}

/** A bound longer than any key can be, as the longest one below it. */
function cut(bound: string): string {
  return bound.length > longestKey ? bound.slice(0, longestKey) : bound;
}

/** A walk that reads its entries in chunks, each as the store is at that time, and goes on behind its last key. */
class LmdbCursor implements Cursor {
  key = "";
  value: Buffer = Buffer.alloc(0);
  readonly #database: Database;
  readonly #reverse: boolean;
  #start: Buffer;
  readonly #end: Buffer;
  #started = false;
  #entries: { key: Buffer; value: Buffer }[] = [];
  #at = 0;
  #ended = false;

  constructor(database: Database, prefix: Buffer, end: Buffer, range: Range) {
    this.#database = database;
    this.#reverse = range.reverse === true;
    const low = range.from === undefined ? prefix : bytesOf(prefix, cut(range.from));
    const high = range.to === undefined ? end : bytesOf(prefix, cut(range.to));
    this.#start = this.#reverse ? high : low;
    this.#end = this.#reverse ? low : high;
  }

  next(): boolean {
    if (this.#at >= this.#entries.length && !this.#read()) return false;
    const entry = this.#entries[this.#at++]!;
    this.key = entry.key.toString("latin1", 4);
    this.value = entry.value;
    return true;
  }

  #read(): boolean {
    if (this.#ended) return false;
    const entries: { key: Buffer; value: Buffer }[] = [];
    // Backwards, LMDB's range takes in its start and leaves out its end; here it is the other way round.
    const options = this.#reverse
      ? { start: this.#start, end: this.#end, reverse: true, exclusiveStart: true, inclusiveEnd: true, limit: chunk }
      : { start: this.#start, end: this.#end, exclusiveStart: this.#started, limit: chunk };
    for (const { key, value } of this.#database.getRange(options))
      entries.push({ key: Buffer.from(key), value: Buffer.from(value) });
    this.#started = true;
    this.#entries = entries;
    this.#at = 0;
    if (entries.length < chunk) this.#ended = true;
    if (entries.length === 0) return false;
    this.#start = entries[entries.length - 1]!.key;
    return true;
  }
}
