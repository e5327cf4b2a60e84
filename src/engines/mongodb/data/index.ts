import { after, before, type Tree } from "../../storage/store.js";
import { Doc, int32 } from "../bson/doc.js";
import { nameEnd, valueSize } from "../bson/raw.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import { type DocumentKeys, documentKeys, type KeyField, keyField, keyPlaces } from "./index-keys.js";
import { recordIdLength } from "./key-encoding.js";
import type { Matcher } from "./language.js";
import { compileFilter } from "./language.js";
import { documentText } from "./text.js";

/** What {@link Index} is made from; `spec` is what listIndexes shows. */
export interface IndexDefinition {
  readonly tree: number;
  readonly spec: Doc;
  readonly arrays: number[];
}

const noKeys: DocumentKeys = { keys: [], arrays: undefined, allMissing: true };

/** One index of a collection: a tree of keys, each followed by the id of its record. */
export class Index {
  readonly spec: Doc;
  readonly name: string;
  readonly keyPattern: Doc;
  readonly fields: readonly KeyField[];
  readonly unique: boolean;
  readonly sparse: boolean;
  readonly hidden: boolean;
  readonly partialFilter: Doc | undefined;
  readonly partial: Matcher | undefined;
  /** Seconds after which the date in its field expires a document. */
  readonly expireAfterSeconds: number | undefined;
  /** For each field the depth of the first array that a document had on its way; 0: none ever. */
  readonly arrays: number[];
  readonly tree: Tree;
  readonly isId: boolean;

  constructor(definition: IndexDefinition, tree: Tree, now: () => number) {
    const { spec } = definition;
    this.spec = spec;
    this.tree = tree;
    this.arrays = definition.arrays;
    this.name = spec.get("name") as string;
    this.keyPattern = spec.get("key") as Doc;
    this.fields = [...this.keyPattern].map(([path, order]) => keyField(path, Number(order) < 0));
    this.isId = this.name === "_id_";
    this.unique = this.isId || spec.get("unique") === true;
    this.sparse = spec.get("sparse") === true;
    this.hidden = spec.get("hidden") === true;
    const filter = spec.get("partialFilterExpression");
    this.partialFilter = filter instanceof Doc ? filter : undefined;
    this.partial = this.partialFilter === undefined ? undefined : compileFilter(this.partialFilter, { now });
    const expire = spec.get("expireAfterSeconds");
    this.expireAfterSeconds = expire === undefined ? undefined : Number(expire);
  }

  get isMultikey(): boolean {
    return this.arrays.some((depth) => depth > 0);
  }

  /** The keys that a document has in this index. */
  keysOf(bytes: Buffer, start = 0): DocumentKeys {
    if (this.partial !== undefined && !this.partial.matches(Doc.raw(bytes, start))) return noKeys;
    const keys = documentKeys(bytes, start, this.fields);
    return this.sparse && keys.allMissing ? noKeys : keys;
  }

  /** The record that has this key, other than `own`, where the index is unique. */
  conflict(key: string, own: string | undefined): string | undefined {
    let found = this.tree.first(before(key), after(key));
    if (found === undefined) return undefined;
    let id = found.slice(-recordIdLength);
    if (id === own) {
      found = this.tree.first(`${found}\x00`, after(key));
      if (found === undefined) return undefined;
      id = found.slice(-recordIdLength);
    }
    return id;
  }

  /** Notes arrays on the way to the fields; true when one was not known. */
  noteArrays(arrays: readonly number[] | undefined): boolean {
    if (arrays === undefined) return false;
    let changed = false;
    for (let i = 0; i < arrays.length; i++) {
      const depth = arrays[i]!;
      if (depth === 0 || (this.arrays[i] !== 0 && this.arrays[i]! <= depth)) continue;
      this.arrays[i] = depth;
      changed = true;
    }
    return changed;
  }

  /** Error 11000 for a document whose `key` is taken. */
  duplicate(ns: string, bytes: Buffer, start: number, key: string): Error {
    const places = keyPlaces(bytes, start, this.fields, key);
    const keyValue = new Doc();
    for (let i = 0; i < this.fields.length; i++) {
      const place = places[i]!;
      keyValue.set(this.fields[i]!.path, readPlace(bytes, place));
    }
    return mongoError(
      11000,
      `E11000 duplicate key error collection: ${ns} index: ${this.name} dup key: ${documentText(keyValue)}`,
      { keyPattern: this.keyPattern, keyValue },
    );
  }
}

function readPlace(bytes: Buffer, place: number): Value {
  if (place < 0) return null;
  // A copy: the error outlives the message whose bytes these are.
  const value = Doc.raw(Buffer.from(wrap(bytes, place))).get("v");
  return value ?? null;
}

function wrap(bytes: Buffer, place: number): Buffer {
  const value = nameEnd(bytes, place + 1) + 1;
  const type = bytes[place]!;
  const size = valueSize(bytes, type, value);
  const out = Buffer.alloc(4 + 3 + size + 1);
  out.writeInt32LE(out.length, 0);
  out[4] = type;
  out[5] = 0x76;
  bytes.copy(out, 7, value, value + size);
  return out;
}

/** The `_id` index's specification. */
export function idIndexSpec(): Doc {
  return Doc.from([
    ["v", int32(2)],
    ["key", Doc.from([["_id", int32(1)]])],
    ["name", "_id_"],
  ]);
}
