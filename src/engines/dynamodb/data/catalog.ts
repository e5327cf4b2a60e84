import { randomUUID } from "node:crypto";
import type { Store, Tree } from "../../storage/store.js";
import type { TableDefinition } from "./definition.js";
import { Table, type Timing } from "./table.js";

/** Numbers of the trees that are not of a table. */
const definitionsTree = 0;
const countersTree = 1;
const tokensTree = 2;
const firstFreeTree = 16;

const tablePrefix = "t:";
const dropPrefix = "d:";
const nextTreeKey = "n";

/** Keys that one step of removing a dropped tree deletes. */
const purgeStep = 2_000;

/** The tables there are, in memory and in the store; all writes go through it, so that figures of tables stay right. */
export class Catalog {
  readonly store: Store;
  readonly #timing: Timing;
  readonly #tables = new Map<string, Table>();
  #definitions: Tree;
  #counters: Tree;
  #nextTree = firstFreeTree;
  #touched = new Set<Table>();
  #purging: Promise<void> | undefined;
  #closed = false;

  constructor(store: Store, timing: Timing) {
    this.store = store;
    this.#timing = timing;
    this.#definitions = store.tree(definitionsTree);
    this.#counters = store.tree(countersTree);
    this.load();
  }

  /** Reads what the store has; after {@link Store.clear} that is nothing. */
  load(): void {
    this.#tables.clear();
    this.#touched.clear();
    this.#definitions = this.store.tree(definitionsTree);
    this.#counters = this.store.tree(countersTree);
    const next = this.#definitions.get(nextTreeKey);
    this.#nextTree = next === undefined ? firstFreeTree : next.readUInt32LE(0);
    const cursor = this.#definitions.scan({ from: tablePrefix, to: `${tablePrefix}\xff` });
    while (cursor.next()) {
      const definition = JSON.parse(cursor.value.toString("utf8")) as TableDefinition;
      const table = new Table(definition, this.store, this.#timing);
      this.#tables.set(definition.name, table);
      this.#loadCounters(table);
    }
    if (this.#definitions.first(dropPrefix, `${dropPrefix}\xff`) !== undefined) this.#purge();
  }

  #loadCounters(table: Table): void {
    const figures = this.#counters.get(table.definition.id);
    if (figures === undefined) return;
    table.counters.forEach((counter, at) => {
      if ((at + 1) * 16 > figures.length) return;
      counter.items = figures.readDoubleLE(at * 16);
      counter.bytes = figures.readDoubleLE(at * 16 + 8);
    });
  }

  /** Drops everything. */
  async clear(): Promise<void> {
    await this.store.committed();
    for (const table of this.#tables.values()) table.dropped = true;
    await this.store.clear();
    this.load();
  }

  table(name: string): Table | undefined {
    return this.#tables.get(name);
  }

  tables(): Iterable<Table> {
    return this.#tables.values();
  }

  /** Names of all tables in the order in which they are listed. */
  names(): string[] {
    return [...this.#tables.keys()].sort();
  }

  /** The tree of transactions that can be sent twice. */
  get tokens(): Tree {
    return this.store.tree(tokensTree);
  }

  /** Notes that the running write changes a table's figures. */
  touch(table: Table): void {
    this.#touched.add(table);
  }

  /** Runs `work` as one change of the store; the figures of touched tables follow when it does not throw. */
  write<T>(work: () => T): T | Promise<T> {
    return this.store.write(() => {
      try {
        const result = work();
        for (const table of this.#touched) {
          for (const counter of table.counters) counter.settle();
          if (this.store.durable) this.#saveCounters(table);
        }
        return result;
      } catch (error) {
        for (const table of this.#touched) for (const counter of table.counters) counter.discard();
        throw error;
      } finally {
        this.#touched.clear();
      }
    });
  }

  #saveCounters(table: Table): void {
    const { counters } = table;
    const figures = Buffer.allocUnsafe(counters.length * 16);
    counters.forEach((counter, at) => {
      figures.writeDoubleLE(counter.items, at * 16);
      figures.writeDoubleLE(counter.bytes, at * 16 + 8);
    });
    this.#counters.put(table.definition.id, figures);
  }

  /** A number for a new tree; only inside a write. */
  newTree(): number {
    const number = this.#nextTree++;
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32LE(this.#nextTree, 0);
    this.#definitions.put(nextTreeKey, bytes);
    return number;
  }

  /** Only inside a write. */
  create(definition: Omit<TableDefinition, "id" | "tree">): Table {
    const whole: TableDefinition = { ...definition, id: randomUUID(), tree: this.newTree() };
    const table = new Table(whole, this.store, this.#timing);
    this.#save(whole);
    this.#tables.set(whole.name, table);
    return table;
  }

  /** Changes a table's definition; only inside a write. */
  change(table: Table, changes: Partial<TableDefinition>): void {
    this.replace(table, { ...table.definition, ...changes });
  }

  /** Gives a table another definition, and drops the trees that it has no more; only inside a write. */
  replace(table: Table, definition: TableDefinition): void {
    const before = new Set(treesOf(table.definition));
    this.#save(definition);
    table.redefine(definition);
    this.touch(table);
    for (const tree of treesOf(definition)) before.delete(tree);
    for (const tree of before) this.#drop(tree);
  }

  #save(definition: TableDefinition): void {
    this.#definitions.put(tablePrefix + definition.name, Buffer.from(JSON.stringify(definition)));
  }

  /** Only inside a write. */
  remove(table: Table): void {
    table.dropped = true;
    this.#tables.delete(table.name);
    this.#definitions.delete(tablePrefix + table.name);
    this.#counters.delete(table.definition.id);
    for (const tree of treesOf(table.definition)) this.#drop(tree);
  }

  /** In memory a tree is dropped at once; on disk in steps, so that nobody waits for a large one. */
  #drop(tree: number): void {
    if (!this.store.durable) {
      this.store.dropTree(tree);
      return;
    }
    this.#definitions.put(dropPrefix + tree, Buffer.from([0]));
    this.#purge();
  }

  #purge(): void {
    if (this.#purging !== undefined) return;
    this.#purging = this.#purgeAll().finally(() => {
      this.#purging = undefined;
    });
    // A purge that fails begins again at the next start.
    this.#purging.catch(() => {});
  }

  async #purgeAll(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#closed) return;
      const mark = this.#definitions.first(dropPrefix, `${dropPrefix}\xff`);
      if (mark === undefined) return;
      await this.store.write(() => {
        const tree = this.store.tree(Number(mark.slice(dropPrefix.length)));
        const keys: string[] = [];
        const cursor = tree.scan();
        while (keys.length < purgeStep && cursor.next()) keys.push(cursor.key);
        for (const key of keys) tree.delete(key);
        if (keys.length < purgeStep) this.#definitions.delete(mark);
      });
    }
  }

  /** Whether what goes on in the background has to stop. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Stops what goes on in the background. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#purging;
  }
}

/** Numbers of all trees of a table. */
function treesOf(definition: TableDefinition): number[] {
  const { tree, indexes, streams, ttl } = definition;
  return [
    tree,
    ...indexes.map((each) => each.tree),
    ...streams.map((each) => each.tree),
    ...(ttl === undefined ? [] : [ttl.tree]),
  ];
}
