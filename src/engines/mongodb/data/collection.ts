import { Binary, ObjectId } from "bson";
import type { Store, Tree } from "../../storage/store.js";
import { BsonWriter, type Doc, int32 } from "../bson/doc.js";
import { BsonType, int32At, nameEnd, valueSize } from "../bson/raw.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import { maxDocumentBytes } from "../protocol/message.js";
import type { ClusterTime } from "./cluster-time.js";
import { Index, type IndexDefinition } from "./index.js";
import { encodeElement, recordId, recordNumber } from "./key-encoding.js";
import { checkStorable, firstElementIsId } from "./storable.js";

/** What a collection needs of the engine around it. */
export interface CollectionHost {
  readonly store: Store;
  readonly clusterTime: ClusterTime;
  now(): number;
  newTree(): number;
  /** Writes the collection's entry in the catalog. */
  saveCollection(collection: Collection): void;
}

/** What the catalog keeps of a collection. */
export interface CollectionDefinition {
  readonly db: string;
  readonly name: string;
  readonly uuid: Binary;
  readonly options: Doc;
  readonly tree: number;
  readonly indexes: IndexDefinition[];
}

const writer = new BsonWriter(16 * 1024);

/** Records in the order of their insertion, and the indexes over them. All changes run inside a write of the store. */
export class Collection {
  readonly db: string;
  name: string;
  readonly uuid: Binary;
  readonly options: Doc;
  readonly records: Tree;
  readonly indexes: Index[];
  /** Grows when an index comes or goes, so that plans made before are not used after. */
  version = 0;
  /** The collection was dropped; cursors over it end. */
  dropped = false;
  readonly #host: CollectionHost;
  #nextRecord: number | undefined;

  constructor(host: CollectionHost, definition: CollectionDefinition) {
    this.#host = host;
    this.db = definition.db;
    this.name = definition.name;
    this.uuid = definition.uuid;
    this.options = definition.options;
    this.records = host.store.tree(definition.tree);
    this.indexes = definition.indexes.map((index) => new Index(index, host.store.tree(index.tree), () => host.now()));
  }

  get ns(): string {
    return `${this.db}.${this.name}`;
  }

  get idIndex(): Index {
    return this.indexes[0]!;
  }

  get count(): number {
    return this.records.size;
  }

  /** Bytes of all documents together. */
  get dataBytes(): number {
    return this.records.bytes - this.records.size * 6;
  }

  definition(): CollectionDefinition {
    return {
      db: this.db,
      name: this.name,
      uuid: this.uuid,
      options: this.options,
      tree: this.records.id,
      indexes: this.indexes.map((index) => ({ tree: index.tree.id, spec: index.spec, arrays: index.arrays })),
    };
  }

  #newRecord(): string {
    if (this.#nextRecord === undefined) {
      const last = this.records.last();
      this.#nextRecord = last === undefined ? 1 : recordNumber(last) + 1;
    }
    return recordId(this.#nextRecord++);
  }

  /** Before anything is written: keys that the store cannot hold. */
  #checkKeys(index: Index, keys: readonly string[]): void {
    const longest = this.#host.store.longestKey - 6;
    for (const key of keys) {
      if (key.length > longest) {
        throw mongoError(
          17280,
          `Btree::insert: key too large to index, failing ${this.ns} $${index.name} ${key.length}: a data folder holds keys of up to ${longest} bytes`,
        );
      }
    }
  }

  /** The record of an `_id` that lies in raw bytes. */
  findId(bytes: Buffer, type: number, at: number): string | undefined {
    const key = encodeElement(bytes, type, at);
    return this.idIndex.conflict(key, undefined);
  }

  /** The bytes of a record. */
  read(record: string): Buffer | undefined {
    return this.records.get(record);
  }

  /**
   * Stores a new document; gives it an `_id` when it has none and moves it to the front. The answer is its bytes.
   *
   * @throws MongoError 11000, and what {@link checkStorable} throws
   */
  insert(doc: Doc): Buffer {
    const bytes = storableBytes(doc, this.#host);
    if (bytes.length > maxDocumentBytes) {
      throw mongoError(
        10334,
        `object to insert too large. size in bytes: ${bytes.length}, max size: ${maxDocumentBytes}`,
      );
    }
    checkStorable(bytes, "insert");
    const record = this.#newRecord();
    const { indexes } = this;
    if (indexes.length === 1) {
      const index = indexes[0]!;
      const { keys } = index.keysOf(bytes);
      const key = keys[0]!;
      if (index.conflict(key, undefined) !== undefined) throw index.duplicate(this.ns, bytes, 0, key);
      this.#checkKeys(index, keys);
      this.records.put(record, bytes);
      index.tree.put(key + record, nothing);
    } else {
      const all = indexes.map((index) => {
        const { keys, arrays } = index.keysOf(bytes);
        this.#checkKeys(index, keys);
        if (index.unique) {
          for (const key of keys) {
            if (index.conflict(key, undefined) !== undefined) throw index.duplicate(this.ns, bytes, 0, key);
          }
        }
        return { index, keys, arrays };
      });
      this.records.put(record, bytes);
      for (const { index, keys, arrays } of all) {
        for (const key of keys) index.tree.put(key + record, nothing);
        if (index.noteArrays(arrays)) this.#host.saveCollection(this);
      }
    }
    this.#host.clusterTime.tick();
    return bytes;
  }

  /** Replaces a document under its record; `_id` is the same. */
  replace(record: string, before: Buffer, doc: Doc): Buffer {
    const bytes = doc.toBytes();
    if (bytes.length > maxDocumentBytes) {
      throw mongoError(10334, `Resulting document after update is larger than ${maxDocumentBytes}`);
    }
    checkStorable(bytes, "update");
    const changes: { index: Index; remove: string[]; add: string[] }[] = [];
    for (const index of this.indexes) {
      if (index.isId) continue;
      const old = index.keysOf(before);
      const now = index.keysOf(bytes);
      if (old.keys.length === 1 && now.keys.length === 1 && old.keys[0] === now.keys[0]) continue;
      const had = new Set(old.keys);
      const has = new Set(now.keys);
      const add = now.keys.filter((key) => !had.has(key));
      this.#checkKeys(index, add);
      if (index.unique) {
        for (const key of add) {
          if (index.conflict(key, record) !== undefined) throw index.duplicate(this.ns, bytes, 0, key);
        }
      }
      changes.push({ index, remove: old.keys.filter((key) => !has.has(key)), add });
      if (index.noteArrays(now.arrays)) this.#host.saveCollection(this);
    }
    this.records.put(record, bytes);
    for (const { index, remove, add } of changes) {
      for (const key of remove) index.tree.delete(key + record);
      for (const key of add) index.tree.put(key + record, nothing);
    }
    this.#host.clusterTime.tick();
    return bytes;
  }

  remove(record: string, bytes: Buffer): void {
    this.records.delete(record);
    for (const index of this.indexes) {
      for (const key of index.keysOf(bytes).keys) index.tree.delete(key + record);
    }
    this.#host.clusterTime.tick();
  }

  /** Adds an index and fills it from the records. */
  createIndex(spec: Doc): Index {
    const tree = this.#host.newTree();
    const fieldCount = (spec.get("key") as Doc).size;
    const definition = { tree, spec, arrays: new Array<number>(fieldCount).fill(0) };
    const index = new Index(definition, this.#host.store.tree(tree), () => this.#host.now());
    const all: string[] = [];
    const cursor = this.records.scan();
    while (cursor.next()) {
      const bytes = cursor.value;
      const { keys, arrays } = index.keysOf(bytes);
      index.noteArrays(arrays);
      this.#checkKeys(index, keys);
      for (const key of keys) all.push(key + cursor.key);
    }
    // Sorted keys fill the tree's leaves; two equal ones lie side by side.
    all.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (index.unique) {
      for (let i = 1; i < all.length; i++) {
        const key = all[i]!.slice(0, -6);
        if (all[i - 1]!.length !== all[i]!.length || !all[i - 1]!.startsWith(key)) continue;
        const bytes = this.records.get(all[i]!.slice(-6))!;
        this.#host.store.dropTree(tree);
        throw index.duplicate(this.ns, bytes, 0, key);
      }
    }
    for (const key of all) index.tree.put(key, nothing);
    this.indexes.push(index);
    this.version++;
    this.#host.saveCollection(this);
    return index;
  }

  dropIndex(index: Index): void {
    const at = this.indexes.indexOf(index);
    if (at < 0) return;
    this.indexes.splice(at, 1);
    this.version++;
    this.#host.store.dropTree(index.tree.id);
    this.#host.saveCollection(this);
  }
}

const nothing = Buffer.alloc(0);

/** The bytes to store: `_id` first, made where it is missing, empty timestamps of the top level filled in. */
function storableBytes(doc: Doc, host: CollectionHost): Buffer {
  const bytes = doc.toBytes();
  const place = findId(bytes);
  if (place.id === 4 && !place.emptyTimestamp) return bytes;
  writer.reset();
  const at = writer.open();
  if (place.id < 0) writer.writeElement("_id", new ObjectId());
  else copyElement(bytes, place.id);
  let element = 4;
  while (bytes[element] !== 0) {
    const value = nameEnd(bytes, element + 1) + 1;
    const type = bytes[element]!;
    if (element !== place.id) {
      if (type === BsonType.timestamp && int32At(bytes, value) === 0 && int32At(bytes, value + 4) === 0) {
        host.clusterTime.tick();
        writer.writeElement(bytes.toString("utf8", element + 1, value - 1), host.clusterTime.now());
      } else copyElement(bytes, element);
    }
    element = value + valueSize(bytes, type, value);
  }
  writer.close(at);
  return Buffer.from(writer.buffer.subarray(at, writer.length));
}

function copyElement(bytes: Buffer, element: number): void {
  const value = nameEnd(bytes, element + 1) + 1;
  const end = value + valueSize(bytes, bytes[element]!, value);
  writer.reserve(end - element);
  bytes.copy(writer.buffer, writer.length, element, end);
  writer.length += end - element;
}

function findId(bytes: Buffer): { id: number; emptyTimestamp: boolean } {
  let id = -1;
  let emptyTimestamp = false;
  let element = 4;
  while (bytes[element] !== 0) {
    const type = bytes[element]!;
    if (id < 0 && firstElementIsId(bytes, element)) id = element;
    const value = nameEnd(bytes, element + 1) + 1;
    if (
      type === BsonType.timestamp &&
      id !== element &&
      int32At(bytes, value) === 0 &&
      int32At(bytes, value + 4) === 0
    ) {
      emptyTimestamp = true;
    }
    element = value + valueSize(bytes, type, value);
  }
  return { id, emptyTimestamp };
}

/** A new collection's UUID. */
export function newUuid(): Binary {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return new Binary(bytes, 4);
}

/** A small whole number as the value that MongoDB's replies carry. */
export function count(value: number): Value {
  return value >= -0x80000000 && value <= 0x7fffffff ? int32(value) : BigInt(Math.trunc(value));
}
