import { empty } from "../../storage/slab.js";
import type { Store, Tree } from "../../storage/store.js";
import { attribute, type Item, itemSize, setAttribute } from "../values/attribute-value.js";
import { indexKey, type KeySchema, tableKey } from "../values/key-encoding.js";
import { type Consumption, writeUnits } from "./capacity.js";
import type { IndexDefinition, StreamDefinition, TableDefinition } from "./definition.js";
import { decodeItem, encodeItem, storedSize } from "./item-codec.js";
import { StreamLog } from "./stream-log.js";
import { expiryKey } from "./ttl-key.js";

/** Items and bytes of a table or index, with what the running write adds to them. */
export class Counter {
  items = 0;
  bytes = 0;
  addedItems = 0;
  addedBytes = 0;

  add(items: number, bytes: number): void {
    this.addedItems += items;
    this.addedBytes += bytes;
  }

  settle(): void {
    this.items += this.addedItems;
    this.bytes += this.addedBytes;
    this.discard();
  }

  discard(): void {
    this.addedItems = 0;
    this.addedBytes = 0;
  }
}

/** A secondary index of a table. */
export class Index {
  readonly definition: IndexDefinition;
  readonly tree: Tree;
  readonly counter = new Counter();
  /** The attributes that entries have; undefined for all. */
  readonly kept: ReadonlySet<string> | undefined;

  constructor(definition: IndexDefinition, table: TableDefinition, store: Store) {
    this.definition = definition;
    this.tree = store.tree(definition.tree);
    if (definition.projection !== "ALL") {
      const names = [table.schema, definition.schema].flatMap(({ partition, sort }) =>
        sort === undefined ? [partition.name] : [partition.name, sort.name],
      );
      this.kept = new Set([...names, ...definition.include]);
    }
  }

  /** Whether an item has what the index's key is made of. */
  holds(item: Item): boolean {
    const { partition, sort } = this.definition.schema;
    if (attribute(item, partition.name)?.[partition.type] === undefined) return false;
    return sort === undefined || attribute(item, sort.name)?.[sort.type] !== undefined;
  }

  /** The part of an item that its entry has. */
  project(item: Item): Item {
    if (this.kept === undefined) return item;
    const out: Item = {};
    for (const name of this.kept) {
      const value = attribute(item, name);
      if (value !== undefined) setAttribute(out, name, value);
    }
    return out;
  }

  /** What must be there to go on behind an entry: the keys of the index and of the table. */
  startKeyNames(table: KeySchema): string[] {
    return keyNames(table, this.definition.schema);
  }
}

/** Names of the key attributes of a table, and of an index. */
export function keyNames(...schemas: readonly KeySchema[]): string[] {
  const names = new Set<string>();
  for (const { partition, sort } of schemas) {
    names.add(partition.name);
    if (sort !== undefined) names.add(sort.name);
  }
  return [...names];
}

/** Who changed an item: a request, or DynamoDB itself for an item whose time is over. */
export type Writer = "user" | "ttl";

/** What tables know of time. */
export interface Timing {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds that a shard of a stream is open. */
  readonly shardMs: number;
}

/** A table: its items, indexes, stream and times of expiry, which are written together. */
export class Table {
  definition: TableDefinition;
  readonly tree: Tree;
  readonly counter = new Counter();
  indexes: readonly Index[];
  /** The open stream. */
  stream: StreamLog | undefined;
  /** When its tables are being removed in the background. */
  dropped = false;
  readonly #store: Store;
  readonly #timing: Timing;
  #expiries: Tree | undefined;

  constructor(definition: TableDefinition, store: Store, timing: Timing) {
    this.definition = definition;
    this.#store = store;
    this.#timing = timing;
    this.tree = store.tree(definition.tree);
    this.indexes = [];
    this.redefine(definition);
  }

  get name(): string {
    return this.definition.name;
  }

  get schema(): KeySchema {
    return this.definition.schema;
  }

  /** Takes a changed definition; what stays keeps its figures. */
  redefine(definition: TableDefinition): void {
    this.definition = definition;
    const before = this.indexes;
    this.indexes = definition.indexes.map((each) => {
      const index = new Index(each, definition, this.#store);
      const same = before.find((one) => one.definition.tree === each.tree);
      if (same !== undefined) Object.assign(index.counter, same.counter);
      return index;
    });
    const open = definition.streams.find((each) => each.disabledMs === undefined);
    if (open === undefined) this.stream = undefined;
    else if (this.stream?.definition.tree !== open.tree) this.stream = this.#log(open);
    this.#expiries = definition.ttl === undefined ? undefined : this.#store.tree(definition.ttl.tree);
  }

  #log(stream: StreamDefinition): StreamLog {
    return new StreamLog(stream, this.#store.tree(stream.tree), this.#timing.shardMs);
  }

  /** The open or closed stream with this label. */
  streamLog(label: string): StreamLog | undefined {
    if (this.stream?.definition.label === label) return this.stream;
    const closed = this.definition.streams.find((each) => each.label === label);
    return closed === undefined ? undefined : this.#log(closed);
  }

  get expiries(): Tree | undefined {
    return this.#expiries;
  }

  index(name: string): Index | undefined {
    return this.indexes.find(({ definition }) => definition.name === name);
  }

  /** Whether a write has to know the item that was there. */
  get #comparesItems(): boolean {
    return this.indexes.length > 0 || this.stream !== undefined || this.#expiries !== undefined;
  }

  get counters(): Counter[] {
    return [this.counter, ...this.indexes.map(({ counter }) => counter)];
  }

  /** The bytes of the item with this key of the tree. */
  stored(key: string): Buffer | undefined {
    return this.tree.get(key);
  }

  keyOf(item: Item): string {
    return tableKey(this.schema, item);
  }

  /** The attributes of an item that its key is made of. */
  keyItem(item: Item): Item {
    const out: Item = {};
    const { partition, sort } = this.schema;
    setAttribute(out, partition.name, item[partition.name]!);
    if (sort !== undefined) setAttribute(out, sort.name, item[sort.name]!);
    return out;
  }

  /**
   * Brings the item with this key to `after`, or removes it, with all entries of indexes; only inside a write of the
   * store. `stored` are the bytes of the item as it is now, `known` is that item where the caller has read it. The units that
   * it takes are added to `used`.
   */
  write(
    key: string,
    stored: Buffer | undefined,
    known: Item | undefined,
    after: Item | undefined,
    used: Consumption | undefined,
    writer: Writer = "user",
  ): void {
    const sizeBefore = stored === undefined ? 0 : storedSize(stored);
    const sizeAfter = after === undefined ? 0 : itemSize(after);
    if (used !== undefined) used.tableUnits += writeUnits(Math.max(sizeBefore, sizeAfter));
    if (stored === undefined && after === undefined) return;
    const before = known ?? (stored !== undefined && this.#comparesItems ? decodeItem(stored) : undefined);
    let bytes: Buffer | undefined;
    if (after === undefined) {
      this.tree.delete(key);
      this.counter.add(-1, -sizeBefore);
    } else {
      bytes = encodeItem(after, sizeAfter);
      this.tree.put(key, bytes);
      this.counter.add(stored === undefined ? 1 : 0, sizeAfter - sizeBefore);
    }
    // An entry that has all attributes has the very bytes of the item.
    const shared = bytes;
    const partial: Index[] = [];
    for (const index of this.indexes) {
      if (index.kept === undefined) this.#writeEntry(index, key, before, after, shared, sizeBefore, sizeAfter, used);
      else partial.push(index);
    }
    for (const index of partial) this.#writeEntry(index, key, before, after, undefined, 0, 0, used);
    if (this.#expiries !== undefined) this.#writeExpiry(key, before, after);
    this.stream?.append(this, before, after, sizeBefore, sizeAfter, writer, this.#timing.now());
  }

  #writeEntry(
    index: Index,
    key: string,
    before: Item | undefined,
    after: Item | undefined,
    shared: Buffer | undefined,
    sizeBefore: number,
    sizeAfter: number,
    used: Consumption | undefined,
  ): void {
    const { tree, counter, definition } = index;
    const had = before !== undefined && index.holds(before);
    const has = after !== undefined && index.holds(after);
    if (!had && !has) return;
    const oldKey = had ? indexKey(definition.schema, before, key) : undefined;
    const newKey = has ? indexKey(definition.schema, after, key) : undefined;
    const projected = has && index.kept !== undefined ? index.project(after) : after;
    const newSize = index.kept === undefined ? sizeAfter : has ? itemSize(projected!) : 0;
    let oldSize = sizeBefore;
    let oldBytes: Buffer | undefined;
    if (oldKey !== undefined && index.kept !== undefined) {
      oldBytes = tree.get(oldKey);
      oldSize = oldBytes === undefined ? 0 : storedSize(oldBytes);
    }
    if (oldKey !== undefined && oldKey !== newKey) {
      // While an index is being filled, older items may not be in it yet.
      if (tree.delete(oldKey)) counter.add(-1, -oldSize);
      used?.index(definition.name, writeUnits(oldSize));
    }
    if (newKey === undefined) return;
    const bytes = shared ?? encodeItem(projected!, newSize);
    if (oldKey === newKey && oldBytes?.equals(bytes)) return;
    const added = tree.put(newKey, bytes);
    counter.add(added ? 1 : 0, added ? newSize : newSize - oldSize);
    used?.index(definition.name, writeUnits(oldKey === newKey ? Math.max(oldSize, newSize) : newSize));
  }

  #writeExpiry(key: string, before: Item | undefined, after: Item | undefined): void {
    const name = this.definition.ttl!.attribute;
    const old = before === undefined ? undefined : expiryKey(attribute(before, name), key);
    const next = after === undefined ? undefined : expiryKey(attribute(after, name), key);
    if (old === next) return;
    if (old !== undefined) this.#expiries!.delete(old);
    if (next !== undefined) this.#expiries!.put(next, empty);
  }

  /** Adds an item that was there before the index to it. */
  fill(index: Index, key: string, stored: Buffer): void {
    const item = decodeItem(stored);
    if (!index.holds(item)) return;
    const projected = index.project(item);
    const size = index.kept === undefined ? storedSize(stored) : itemSize(projected);
    const added = index.tree.put(indexKey(index.definition.schema, item, key), encodeItem(projected, size));
    if (added) index.counter.add(1, size);
  }

  /** Notes when an item that was there before the table had a time of expiry is over. */
  fillExpiry(key: string, stored: Buffer): void {
    const { ttl } = this.definition;
    if (ttl === undefined) return;
    const entry = expiryKey(attribute(decodeItem(stored), ttl.attribute), key);
    if (entry !== undefined) this.#expiries!.put(entry, empty);
  }

  /** Bytes of all items of one partition, of the table and its local indexes. */
  collectionBytes(prefix: string, upTo: string): number {
    let bytes = 0;
    const trees = [this.tree, ...this.indexes.filter((each) => !each.definition.global).map(({ tree }) => tree)];
    for (const tree of trees) {
      const cursor = tree.scan({ from: prefix, to: upTo });
      while (cursor.next()) bytes += storedSize(cursor.value);
    }
    return bytes;
  }
}
