import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  type Document as BsonDocument,
  Code,
  DBRef,
  Decimal128,
  Int32,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "bson";
import { BsonType, bytesOfName, findElement, int32At, nameAt, nameEnd, textAt, valueSize } from "./raw.js";
import { DateTime, UNDEFINED, type Value } from "./values.js";

/** From this many fields on, a decoded document finds its fields through a map. */
const indexedFrom = 17;

/**
 * An ordered BSON document in one of two states: raw (bytes and an offset; nothing is decoded until it is asked for) or
 * decoded (keys and values side by side). Reading never changes the state; `set` and `delete` turn raw into decoded.
 * Sub-documents of a raw document are raw views of the same bytes.
 *
 * @example
 * const doc = Doc.raw(bytes);
 * doc.get("total"); // scans the bytes and decodes this value alone
 */
export class Doc {
  // Public for the modules beside this one, which read raw bytes without going through a method per field.
  /** @internal the bytes while raw, else null */
  bytes: Buffer | null;
  /** @internal where the document begins in `bytes` */
  start: number;
  #keys: string[] | null;
  #values: Value[] | null;
  #index: Map<string, number> | null = null;

  /** An empty document; the arguments are for the makers below. */
  constructor(bytes: Buffer | null = null, start = 0, keys?: string[], values?: Value[]) {
    this.bytes = bytes;
    this.start = start;
    this.#keys = bytes === null ? (keys ?? []) : null;
    this.#values = bytes === null ? (values ?? []) : null;
  }

  /** A view of validated bytes (validate.ts); the bytes must not change while the document lives. */
  static raw(bytes: Buffer, start = 0): Doc {
    return new Doc(bytes, start);
  }

  /** A decoded document of these entries, in their order; a later value of the same name replaces an earlier one. */
  static from(entries: Iterable<readonly [string, Value]>): Doc {
    const doc = new Doc();
    for (const [name, value] of entries) doc.set(name, value);
    return doc;
  }

  /** A decoded document that takes over these two arrays; the names must be distinct. */
  static of(keys: string[], values: Value[]): Doc {
    return new Doc(null, 0, keys, values);
  }

  /** Whether nothing has been decoded yet. */
  get isRaw(): boolean {
    return this.bytes !== null;
  }

  /** The value of a field, or `undefined` when it is missing. */
  get(name: string): Value | undefined {
    if (this.bytes !== null) {
      const bytes = this.bytes;
      const at = findElement(bytes, this.start, bytesOfName(name));
      return at < 0 ? undefined : readValue(bytes, bytes[at]!, at + 2 + bytesOfName(name).length);
    }
    const at = this.#find(name);
    return at < 0 ? undefined : this.#values![at];
  }

  /** Whether a field of this name exists. */
  has(name: string): boolean {
    if (this.bytes !== null) return findElement(this.bytes, this.start, bytesOfName(name)) >= 0;
    return this.#find(name) >= 0;
  }

  /** Replaces the field in its place, or appends it. */
  set(name: string, value: Value): this {
    if (this.bytes !== null) this.#decode();
    const at = this.#find(name);
    if (at >= 0) {
      this.#values![at] = value;
      return this;
    }
    this.#index?.set(name, this.#keys!.length);
    this.#keys!.push(name);
    this.#values!.push(value);
    return this;
  }

  /** Removes the field; tells whether it was there. */
  delete(name: string): boolean {
    if (this.bytes !== null) {
      if (findElement(this.bytes, this.start, bytesOfName(name)) < 0) return false;
      this.#decode();
    }
    const at = this.#find(name);
    if (at < 0) return false;
    this.#keys!.splice(at, 1);
    this.#values!.splice(at, 1);
    this.#index = null;
    return true;
  }

  /** The number of fields. */
  get size(): number {
    if (this.bytes === null) return this.#keys!.length;
    const bytes = this.bytes;
    let count = 0;
    let at = this.start + 4;
    for (;;) {
      const type = bytes[at]!;
      if (type === 0) return count;
      count++;
      at = nameEnd(bytes, at + 1) + 1;
      at += valueSize(bytes, type, at);
    }
  }

  /** Whether there is no field. */
  get isEmpty(): boolean {
    return this.bytes !== null ? this.bytes[this.start + 4] === 0 : this.#keys!.length === 0;
  }

  /** The names in their order; not to be changed by the caller. */
  keys(): readonly string[] {
    if (this.bytes === null) return this.#keys!;
    const keys: string[] = [];
    const bytes = this.bytes;
    let at = this.start + 4;
    for (;;) {
      const type = bytes[at]!;
      if (type === 0) return keys;
      const end = nameEnd(bytes, at + 1);
      keys.push(nameAt(bytes, at + 1, end));
      at = end + 1;
      at += valueSize(bytes, type, at);
    }
  }

  /** The values in their order; not to be changed by the caller. */
  values(): readonly Value[] {
    if (this.bytes === null) return this.#values!;
    const values: Value[] = [];
    readFields(this.bytes, this.start, null, values);
    return values;
  }

  /** The fields in their order. */
  entries(): Iterable<[string, Value]> {
    return this[Symbol.iterator]();
  }

  *[Symbol.iterator](): Iterator<[string, Value]> & Iterable<[string, Value]> {
    if (this.bytes === null) {
      const keys = this.#keys!;
      const values = this.#values!;
      for (let i = 0; i < keys.length; i++) yield [keys[i]!, values[i]!];
      return;
    }
    const bytes = this.bytes;
    let at = this.start + 4;
    for (;;) {
      const type = bytes[at]!;
      if (type === 0) return;
      const end = nameEnd(bytes, at + 1);
      const name = nameAt(bytes, at + 1, end);
      at = end + 1;
      yield [name, readValue(bytes, type, at)];
      at += valueSize(bytes, type, at);
    }
  }

  /** The first field, or `undefined` of an empty document. */
  first(): [string, Value] | undefined {
    if (this.bytes === null) return this.#keys!.length === 0 ? undefined : [this.#keys![0]!, this.#values![0]!];
    const bytes = this.bytes;
    const type = bytes[this.start + 4]!;
    if (type === 0) return undefined;
    const end = nameEnd(bytes, this.start + 5);
    return [nameAt(bytes, this.start + 5, end), readValue(bytes, type, end + 1)];
  }

  /** A copy that shares nothing which `set` and `delete` on it, or on a document or array inside it, could change. */
  clone(): Doc {
    if (this.bytes !== null) return Doc.raw(this.bytes, this.start);
    return Doc.of(this.#keys!.slice(), this.#values!.map(cloneValue));
  }

  /** The document as bytes; of a raw document the very slice, not a copy. */
  toBytes(): Buffer {
    if (this.bytes !== null) {
      return this.bytes.subarray(this.start, this.start + int32At(this.bytes, this.start));
    }
    return encodeDoc(this);
  }

  #find(name: string): number {
    const keys = this.#keys!;
    if (keys.length < indexedFrom) {
      for (let i = 0; i < keys.length; i++) if (keys[i] === name) return i;
      return -1;
    }
    if (this.#index === null) {
      const index = new Map<string, number>();
      for (let i = keys.length - 1; i >= 0; i--) index.set(keys[i]!, i);
      this.#index = index;
    }
    return this.#index.get(name) ?? -1;
  }

  #decode(): void {
    const keys: string[] = [];
    const values: Value[] = [];
    readFields(this.bytes!, this.start, keys, values);
    this.#keys = keys;
    this.#values = values;
    this.bytes = null;
  }
}

/** A copy of a value that shares no document or array that could be changed. */
export function cloneValue(value: Value): Value {
  if (value instanceof Doc) return value.clone();
  if (Array.isArray(value)) return value.map(cloneValue);
  return value;
}

/** Decodes the fields of a document at once; its sub-documents stay raw. */
export function decodeDoc(bytes: Buffer, start = 0): Doc {
  const keys: string[] = [];
  const values: Value[] = [];
  readFields(bytes, start, keys, values);
  return Doc.of(keys, values);
}

function readFields(bytes: Buffer, start: number, keys: string[] | null, values: Value[]): void {
  let at = start + 4;
  for (;;) {
    const type = bytes[at]!;
    if (type === 0) return;
    const end = nameEnd(bytes, at + 1);
    if (keys !== null) keys.push(nameAt(bytes, at + 1, end));
    at = end + 1;
    values.push(readValue(bytes, type, at));
    at += valueSize(bytes, type, at);
  }
}

/** The elements of an array whose bytes begin at `start`; the names of the elements are not looked at, as in MongoDB. */
export function readArray(bytes: Buffer, start: number): Value[] {
  const values: Value[] = [];
  readFields(bytes, start, null, values);
  return values;
}

// Small integers are shared: most int32 values of real documents are among them, and nothing changes an Int32.
const smallInts = Array.from({ length: 1280 }, (_, i) => new Int32(i - 256));

/** An int32 value. */
export function int32(value: number): Int32 {
  return value >= -256 && value < 1024 ? smallInts[value + 256]! : new Int32(value);
}

const minKey = new MinKey();
const maxKey = new MaxKey();

/** Decodes the value of an element whose type is `type` and whose value begins at `at`. */
export function readValue(bytes: Buffer, type: number, at: number): Value {
  switch (type) {
    case BsonType.double:
      return bytes.readDoubleLE(at);
    case BsonType.string:
      return textAt(bytes, at + 4, at + 3 + int32At(bytes, at));
    case BsonType.document:
      return Doc.raw(bytes, at);
    case BsonType.array:
      return readArray(bytes, at);
    case BsonType.binary: {
      const length = int32At(bytes, at);
      return new Binary(bytes.subarray(at + 5, at + 5 + length), bytes[at + 4]!);
    }
    case BsonType.undefined:
      return UNDEFINED;
    case BsonType.objectId:
      return new ObjectId(Uint8Array.prototype.slice.call(bytes, at, at + 12));
    case BsonType.boolean:
      return bytes[at] === 1;
    case BsonType.date:
      return new DateTime(int32At(bytes, at + 4) * 4294967296 + (int32At(bytes, at) >>> 0));
    case BsonType.null:
      return null;
    case BsonType.regex: {
      const patternEnd = bytes.indexOf(0, at);
      return regexOf(textAt(bytes, at, patternEnd), textAt(bytes, patternEnd + 1, bytes.indexOf(0, patternEnd + 1)));
    }
    case BsonType.dbPointer: {
      const length = int32At(bytes, at);
      const id = Uint8Array.prototype.slice.call(bytes, at + 4 + length, at + 16 + length);
      const pointer = new DBRef("", new ObjectId(id));
      // The constructor would split "db.collection"; a pointer keeps its name whole.
      pointer.collection = textAt(bytes, at + 4, at + 3 + length);
      return pointer;
    }
    case BsonType.code:
      return new Code(textAt(bytes, at + 4, at + 3 + int32At(bytes, at)));
    case BsonType.symbol:
      return new BSONSymbol(textAt(bytes, at + 4, at + 3 + int32At(bytes, at)));
    case BsonType.codeWithScope: {
      const length = int32At(bytes, at + 4);
      const code = new Code(textAt(bytes, at + 8, at + 7 + length));
      setScope(code, Doc.raw(bytes, at + 8 + length));
      return code;
    }
    case BsonType.int32:
      return int32(int32At(bytes, at));
    case BsonType.timestamp:
      // Not fromBits: it takes seconds past 2^31 for negative and throws.
      return new Timestamp({ t: int32At(bytes, at + 4) >>> 0, i: int32At(bytes, at) >>> 0 });
    case BsonType.int64:
      return bytes.readBigInt64LE(at);
    case BsonType.decimal128:
      return new Decimal128(Uint8Array.prototype.slice.call(bytes, at, at + 16));
    case BsonType.maxKey:
      return maxKey;
    case BsonType.minKey:
      return minKey;
    default:
      throw new Error(`unvalidated BSON: type ${type}`);
  }
}

/** A regex value with any flags, in the order given: bson's own constructor sorts them and refuses those it does not know. */
export function regexOf(pattern: string, options: string): BSONRegExp {
  const regex = new BSONRegExp(pattern, "");
  regex.options = options;
  return regex;
}

/** The scope of a JavaScript value, or `undefined` of one without; inside the engine it is a {@link Doc}. */
export function scopeOf(code: Code): Doc | undefined {
  return code.scope instanceof Doc ? code.scope : undefined;
}

/** Gives a JavaScript value its scope. */
export function setScope(code: Code, scope: Doc): void {
  code.scope = scope as unknown as BsonDocument;
}

/** The bytes of a document, in a buffer of their own. */
export function encodeDoc(doc: Doc): Buffer {
  const start = shared.length;
  shared.writeDoc(doc);
  const bytes = Buffer.from(shared.buffer.subarray(start, shared.length));
  shared.reset(start);
  return bytes;
}

/**
 * Writes BSON into a buffer that grows and is used again.
 *
 * @example
 * const writer = new BsonWriter();
 * const reply = writer.open();
 * writer.writeElement("ok", 1);
 * writer.close(reply);
 */
export class BsonWriter {
  /** The bytes written so far, and room behind them; replaced when it grows. */
  buffer: Buffer;
  /** How many bytes have been written. */
  length = 0;

  constructor(capacity = 4096) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Forgets what was written from `length` on. */
  reset(length = 0): void {
    this.length = length;
    // One giant document must not hold its memory for ever.
    if (length === 0 && this.buffer.length > 8 * 1024 * 1024) this.buffer = Buffer.allocUnsafe(64 * 1024);
  }

  /** Makes room for `bytes` more bytes. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + bytes, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  /** Begins a document at the top level (no name); the answer goes to {@link close}. */
  open(): number {
    this.reserve(4);
    const at = this.length;
    this.length += 4;
    return at;
  }

  /** Begins a document that is the element `name` of the one that is open. */
  openDocument(name: string): number {
    this.writeHead(BsonType.document, name);
    return this.open();
  }

  /** Begins an array that is the element `name` of the document that is open; its elements are named "0", "1", …. */
  openArray(name: string): number {
    this.writeHead(BsonType.array, name);
    return this.open();
  }

  /** Ends the document or array that `open…` began. */
  close(at: number): void {
    this.reserve(1);
    this.buffer[this.length++] = 0;
    this.int32At(at, this.length - at);
  }

  /** A whole document, without a name. */
  writeDoc(doc: Doc): void {
    const raw = doc.bytes;
    if (raw !== null) {
      const size = int32At(raw, doc.start);
      this.reserve(size);
      raw.copy(this.buffer, this.length, doc.start, doc.start + size);
      this.length += size;
      return;
    }
    const at = this.open();
    const keys = doc.keys();
    const values = doc.values();
    for (let i = 0; i < keys.length; i++) this.writeElement(keys[i]!, values[i]!);
    this.close(at);
  }

  /** The type byte and the name of an element; its value has to follow. */
  writeHead(type: number, name: string): void {
    this.reserve(name.length * 3 + 2);
    this.buffer[this.length++] = type;
    this.#text(name);
    this.buffer[this.length++] = 0;
  }

  /** An element of the document that is open. */
  writeElement(name: string, value: Value): void {
    switch (typeof value) {
      case "string":
        this.writeHead(BsonType.string, name);
        this.#string(value);
        return;
      case "number":
        this.writeHead(BsonType.double, name);
        this.reserve(8);
        this.buffer.writeDoubleLE(value, this.length);
        this.length += 8;
        return;
      case "boolean":
        this.writeHead(BsonType.boolean, name);
        this.reserve(1);
        this.buffer[this.length++] = value ? 1 : 0;
        return;
      case "bigint":
        this.writeHead(BsonType.int64, name);
        this.reserve(8);
        this.buffer.writeBigInt64LE(value, this.length);
        this.length += 8;
        return;
      case "symbol":
        this.writeHead(BsonType.undefined, name);
        return;
      default:
    }
    if (value === null) {
      this.writeHead(BsonType.null, name);
    } else if (value instanceof Doc) {
      this.writeHead(BsonType.document, name);
      this.writeDoc(value);
    } else if (Array.isArray(value)) {
      const at = this.openArray(name);
      for (let i = 0; i < value.length; i++) this.writeElement(indexName(i), value[i]!);
      this.close(at);
    } else {
      this.#writeObject(name, value);
    }
  }

  #writeObject(
    name: string,
    value: Exclude<Value, string | number | boolean | bigint | symbol | null | Doc | Value[]>,
  ) {
    if (value instanceof Int32) {
      this.writeHead(BsonType.int32, name);
      this.reserve(4);
      this.int32At(this.length, value.value);
      this.length += 4;
    } else if (value instanceof DateTime) {
      this.writeHead(BsonType.date, name);
      this.reserve(8);
      const high = Math.floor(value.ms / 4294967296);
      this.int32At(this.length, value.ms - high * 4294967296);
      this.int32At(this.length + 4, high);
      this.length += 8;
    } else if (value instanceof ObjectId) {
      this.writeHead(BsonType.objectId, name);
      this.#bytes(value.id);
    } else if (value instanceof Decimal128) {
      this.writeHead(BsonType.decimal128, name);
      this.#bytes(value.bytes);
    } else if (value instanceof Binary) {
      this.writeHead(BsonType.binary, name);
      this.reserve(5);
      this.int32At(this.length, value.position);
      this.buffer[this.length + 4] = value.sub_type;
      this.length += 5;
      this.#bytes(value.buffer.subarray(0, value.position));
    } else if (value instanceof BSONRegExp) {
      this.writeHead(BsonType.regex, name);
      this.#cstring(value.pattern);
      this.#cstring(value.options);
    } else if (value instanceof Timestamp) {
      this.writeHead(BsonType.timestamp, name);
      this.reserve(8);
      this.int32At(this.length, value.getLowBits());
      this.int32At(this.length + 4, value.getHighBits());
      this.length += 8;
    } else if (value instanceof Code) {
      const scope = scopeOf(value);
      this.writeHead(scope === undefined ? BsonType.code : BsonType.codeWithScope, name);
      if (scope === undefined) return this.#string(String(value.code));
      const at = this.open();
      this.#string(String(value.code));
      this.writeDoc(scope);
      this.int32At(at, this.length - at);
    } else if (value instanceof BSONSymbol) {
      this.writeHead(BsonType.symbol, name);
      this.#string(value.value);
    } else if (value instanceof DBRef) {
      this.writeHead(BsonType.dbPointer, name);
      this.#string(value.collection);
      this.#bytes(value.oid.id);
    } else if (value instanceof MinKey) {
      this.writeHead(BsonType.minKey, name);
    } else if (value instanceof MaxKey) {
      this.writeHead(BsonType.maxKey, name);
    } else {
      const never: never = value;
      throw new Error(`not a BSON value: ${String(never)}`);
    }
  }

  /** Writes an int32 at a place that was left free. */
  int32At(at: number, value: number): void {
    const buffer = this.buffer;
    buffer[at] = value;
    buffer[at + 1] = value >>> 8;
    buffer[at + 2] = value >>> 16;
    buffer[at + 3] = value >>> 24;
  }

  #bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  #string(text: string): void {
    this.reserve(text.length * 3 + 5);
    const at = this.length;
    this.length += 4;
    this.#text(text);
    this.buffer[this.length++] = 0;
    this.int32At(at, this.length - at - 4);
  }

  #cstring(text: string): void {
    this.reserve(text.length * 3 + 1);
    this.#text(text);
    this.buffer[this.length++] = 0;
  }

  // Room has been made before.
  #text(text: string): void {
    const { buffer } = this;
    const length = text.length;
    if (length > 24) {
      this.length += buffer.write(text, this.length, "utf8");
      return;
    }
    let at = this.length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.length += buffer.write(text, this.length, "utf8");
        return;
      }
      buffer[at++] = code;
    }
    this.length = at;
  }
}

const indexNames = Array.from({ length: 1024 }, (_, i) => String(i));

/** The name of the array element `i`. */
export function indexName(i: number): string {
  return indexNames[i] ?? String(i);
}

const shared = new BsonWriter(64 * 1024);
