import { BTree } from "./btree.js";
import { empty, Slabs } from "./slab.js";
import type { Cursor, Range, Store, Tree } from "./store.js";

/** A store in memory: all is gone at close. Writes run at once, and are undone when they throw. */
export class MemoryStore implements Store {
  readonly durable = false;
  readonly longestKey: number = Number.POSITIVE_INFINITY;
  readonly #trees = new Map<number, MemoryTree>();
  readonly #slabs = new Slabs();
  /** Undoes the changes of the write that is running, last one first. */
  #undo: (() => void)[] | undefined;

  tree(id: number): Tree {
    let tree = this.#trees.get(id);
    if (tree === undefined) {
      tree = new MemoryTree(id, this.#slabs, () => {
        if (this.#undo === undefined) throw new Error("a tree is written outside of Store.write");
        return this.#undo;
      });
      this.#trees.set(id, tree);
    }
    return tree;
  }

  dropTree(id: number): void {
    const tree = this.#trees.get(id);
    if (tree === undefined) return;
    if (this.#undo === undefined) throw new Error("a tree is dropped outside of Store.write");
    this.#trees.delete(id);
    this.#undo.push(() => this.#trees.set(id, tree));
  }

  write<T>(work: () => T): T {
    if (this.#undo !== undefined) return work();
    const undo: (() => void)[] = [];
    this.#undo = undo;
    try {
      return work();
    } catch (error) {
      for (let at = undo.length - 1; at >= 0; at--) undo[at]!();
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  async committed(): Promise<void> {}

  async flushed(): Promise<void> {}

  async clear(): Promise<void> {
    this.#trees.clear();
  }

  async close(): Promise<void> {
    this.#trees.clear();
  }
}

class MemoryTree implements Tree {
  readonly id: number;
  readonly #tree = new BTree<Buffer>();
  readonly #slabs: Slabs;
  readonly #log: () => (() => void)[];
  #bytes = 0;

  constructor(id: number, slabs: Slabs, log: () => (() => void)[]) {
    this.id = id;
    this.#slabs = slabs;
    this.#log = log;
  }

  get size(): number {
    return this.#tree.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Buffer | undefined {
    return this.#tree.get(key);
  }

  has(key: string): boolean {
    return this.#tree.has(key);
  }

  put(key: string, value: Buffer): boolean {
    const undo = this.#log();
    const kept = value.length === 0 ? empty : this.#slabs.keep(value);
    const before = this.#tree.put(key, kept);
    if (before === undefined) {
      this.#bytes += key.length + kept.length;
      undo.push(() => this.#remove(key));
      return true;
    }
    this.#bytes += kept.length - before.length;
    undo.push(() => {
      this.#tree.put(key, before);
      this.#bytes += before.length - kept.length;
    });
    return false;
  }

  delete(key: string): boolean {
    const undo = this.#log();
    const before = this.#remove(key);
    if (before === undefined) return false;
    undo.push(() => {
      this.#tree.put(key, before);
      this.#bytes += key.length + before.length;
    });
    return true;
  }

  #remove(key: string): Buffer | undefined {
    const before = this.#tree.delete(key);
    if (before !== undefined) this.#bytes -= key.length + before.length;
    return before;
  }

  first(from?: string, to?: string): string | undefined {
    return this.#tree.first(from, to);
  }

  last(): string | undefined {
    return this.#tree.last();
  }

  scan(range?: Range): Cursor {
    return this.#tree.scan(range);
  }

  count(range: Range, limit: number): number {
    return this.#tree.count(range, limit);
  }
}
