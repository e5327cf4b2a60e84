import type { Binary } from "bson";
import type { Store } from "../../storage/store.js";
import { Doc, encodeDoc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import type { ClusterTime } from "./cluster-time.js";
import { Collection, type CollectionHost, newUuid } from "./collection.js";
import { idIndexSpec } from "./index.js";
import { checkCollectionName } from "./namespace.js";

/** Trees with a fixed meaning; collections and indexes have those from {@link firstFreeTree} on. */
export const catalogTree = 0;
export const sessionTree = 1;
const firstFreeTree = 16;

const nextTreeKey = "n";

function collectionKey(db: string, name: string): string {
  return `c${Buffer.from(`${db}\0${name}`).toString("latin1")}`;
}

/** All databases and collections, and their entries in the store. */
export class Catalog implements CollectionHost {
  readonly store: Store;
  readonly clusterTime: ClusterTime;
  readonly #now: () => number;
  readonly #databases = new Map<string, Map<string, Collection>>();
  #nextTree = firstFreeTree;
  /** Called inside the write that changed what collections or indexes there are. */
  onChange: (() => void) | undefined;

  constructor(store: Store, clusterTime: ClusterTime, now: () => number) {
    this.store = store;
    this.clusterTime = clusterTime;
    this.#now = now;
    this.load();
  }

  now(): number {
    return this.#now();
  }

  /** Reads the catalog from the store again. */
  load(): void {
    this.#databases.clear();
    this.#nextTree = firstFreeTree;
    const tree = this.store.tree(catalogTree);
    const next = tree.get(nextTreeKey);
    if (next !== undefined) this.#nextTree = next.readUInt32LE(0);
    const cursor = tree.scan({ from: "c", to: "d" });
    while (cursor.next()) {
      const entry = Doc.raw(Buffer.from(cursor.value));
      const db = entry.get("db") as string;
      const collection = new Collection(this, {
        db,
        name: entry.get("name") as string,
        uuid: entry.get("uuid") as Binary,
        options: entry.get("options") as Doc,
        tree: Number(entry.get("tree")),
        indexes: (entry.get("indexes") as Doc[]).map((index) => ({
          tree: Number(index.get("tree")),
          spec: index.get("spec") as Doc,
          arrays: (index.get("arrays") as Value[]).map(Number),
        })),
      });
      this.#database(db).set(collection.name, collection);
    }
  }

  #database(name: string): Map<string, Collection> {
    let database = this.#databases.get(name);
    if (database === undefined) {
      const key = name.toLowerCase();
      for (const other of this.#databases.keys()) {
        if (other !== name && other.toLowerCase() === key) {
          throw mongoError(
            13297,
            `db already exists with different case already have: [${other}] trying to create [${name}]`,
          );
        }
      }
      database = new Map();
      this.#databases.set(name, database);
    }
    return database;
  }

  newTree(): number {
    const tree = this.#nextTree++;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(this.#nextTree);
    this.store.tree(catalogTree).put(nextTreeKey, bytes);
    return tree;
  }

  saveCollection(collection: Collection): void {
    const { db, name, uuid, options, tree, indexes } = collection.definition();
    const entry = Doc.from([
      ["db", db],
      ["name", name],
      ["uuid", uuid],
      ["options", options],
      ["tree", tree],
      [
        "indexes",
        indexes.map((index) =>
          Doc.from([
            ["tree", index.tree],
            ["spec", index.spec],
            ["arrays", index.arrays.map((depth) => int32(depth))],
          ]),
        ),
      ],
    ]);
    this.store.tree(catalogTree).put(collectionKey(db, name), encodeDoc(entry));
    this.onChange?.();
  }

  /** Names of the databases that have a collection, in order. */
  databaseNames(): string[] {
    return [...this.#databases]
      .filter(([, collections]) => collections.size > 0)
      .map(([name]) => name)
      .sort();
  }

  /** Collections of a database, in the order of their names. */
  collections(db: string): Collection[] {
    const all = [...(this.#databases.get(db)?.values() ?? [])];
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  *allCollections(): Iterable<Collection> {
    for (const database of this.#databases.values()) yield* database.values();
  }

  find(db: string, name: string): Collection | undefined {
    return this.#databases.get(db)?.get(name);
  }

  /** The collection, made when it is missing. Only inside a write. */
  ensure(db: string, name: string): Collection {
    return this.find(db, name) ?? this.create(db, name, new Doc());
  }

  create(db: string, name: string, options: Doc): Collection {
    checkCollectionName(db, name);
    const database = this.#database(db);
    const collection = new Collection(this, {
      db,
      name,
      uuid: newUuid(),
      options,
      tree: this.newTree(),
      indexes: [{ tree: this.newTree(), spec: idIndexSpec(), arrays: [0] }],
    });
    database.set(name, collection);
    this.clusterTime.tick();
    this.saveCollection(collection);
    return collection;
  }

  drop(collection: Collection): void {
    collection.dropped = true;
    this.store.tree(catalogTree).delete(collectionKey(collection.db, collection.name));
    this.store.dropTree(collection.records.id);
    for (const index of collection.indexes) this.store.dropTree(index.tree.id);
    const database = this.#databases.get(collection.db);
    database?.delete(collection.name);
    if (database?.size === 0) this.#databases.delete(collection.db);
    this.clusterTime.tick();
    this.onChange?.();
  }
}
