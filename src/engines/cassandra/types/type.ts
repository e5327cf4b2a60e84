/** The types of CQL: what their values are as bytes, how they compare, what they are called. */
import { invalid } from "../errors.js";
import { type NativeFacts, nativeFacts } from "./native.js";

/** A value as the protocol carries it; null is no value. */
export type Value = Buffer | null;

const marshal = "org.apache.cassandra.db.marshal";

/** Marks of a part of a composed key, which keep missing before empty before present. */
const missing = "\x20";
const emptyMark = "\x30";
const present = "\x40";
/** Ends the parts of a collection within a key; below every mark. */
const endOfParts = "\x10";

/** A value as a part of a key. */
export function keyPart(type: CqlType, value: Value): string {
  if (value === null) return missing;
  if (value.length === 0) return emptyMark;
  return present + type.key(value);
}

export abstract class CqlType {
  /** As the schema writes it: `frozen<list<int>>`. */
  abstract readonly name: string;
  /** The name of Cassandra's class for it. */
  abstract readonly javaName: string;
  /** Throws for bytes that are no value of it. */
  abstract check(bytes: Buffer): void;
  /** The byte string of a value that is not empty; they compare as the values do. */
  abstract key(bytes: Buffer): string;

  /** Whether its parts are cells of their own. */
  get isMultiCell(): boolean {
    return false;
  }

  get isCounter(): boolean {
    return this.name === "counter";
  }

  compare(a: Buffer, b: Buffer): number {
    const x = keyPart(this, a);
    const y = keyPart(this, b);
    return x < y ? -1 : x > y ? 1 : 0;
  }

  equals(other: CqlType): boolean {
    return this === other || this.name === other.name;
  }

  /** The same type with all its parts in one cell. */
  freeze(): CqlType {
    return this;
  }

  /** User types that it is made of. */
  userTypes(): UserType[] {
    return [];
  }

  /** Whether it is or holds this type. */
  references(test: (type: CqlType) => boolean): boolean {
    return test(this);
  }

  toString(): string {
    return this.name;
  }
}

export class NativeType extends CqlType {
  readonly facts: NativeFacts;
  readonly name: string;

  constructor(facts: NativeFacts) {
    super();
    this.facts = facts;
    this.name = facts.name === "empty" ? "'org.apache.cassandra.db.marshal.EmptyType'" : facts.name;
  }

  get javaName(): string {
    return this.facts.javaName;
  }

  check(bytes: Buffer): void {
    this.facts.check(bytes);
  }

  key(bytes: Buffer): string {
    return this.facts.key(bytes);
  }
}

const natives = new Map([...nativeFacts].map(([name, facts]) => [name, new NativeType(facts)]));

/** The built-in type with this name; `varchar` is `text`. */
export function nativeType(name: string): NativeType | undefined {
  return natives.get(name === "varchar" ? "text" : name);
}

/** The built-in type with this name, which there is. */
export function native(name: string): NativeType {
  return natives.get(name)!;
}

/** The parts of a serialized list, set or map: a count, then each with its length. */
export function readParts(bytes: Buffer, perEntry: number): Value[] {
  if (bytes.length < 4) throw invalid("Unexpected extraneous bytes after collection value");
  const count = bytes.readInt32BE(0) * perEntry;
  if (count < 0 || count > bytes.length) throw invalid("Not enough bytes to read a collection");
  const parts: Value[] = [];
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (at + 4 > bytes.length) throw invalid("Not enough bytes to read a collection");
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0) {
      parts.push(null);
      continue;
    }
    if (at + length > bytes.length) throw invalid("Not enough bytes to read a collection");
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at !== bytes.length) throw invalid("Unexpected extraneous bytes after collection value");
  return parts;
}

/** Each with its length; null is -1. */
export function writeFields(values: readonly Value[], head?: number): Buffer {
  let size = head === undefined ? 0 : 4;
  for (const value of values) size += 4 + (value?.length ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  if (head !== undefined) at = bytes.writeInt32BE(head, 0);
  for (const value of values) {
    at = bytes.writeInt32BE(value === null ? -1 : value.length, at);
    if (value !== null) at += value.copy(bytes, at);
  }
  return bytes;
}

export function writeParts(values: readonly Value[], perEntry: number): Buffer {
  return writeFields(values, values.length / perEntry);
}

/** A list or a set: elements of one type, one after the other. */
abstract class SequenceType extends CqlType {
  readonly element: CqlType;
  readonly frozen: boolean;

  constructor(element: CqlType, frozen: boolean) {
    super();
    this.element = element;
    this.frozen = frozen;
  }

  abstract readonly cqlName: "list" | "set";

  get name(): string {
    const name = `${this.cqlName}<${this.element.name}>`;
    return this.frozen ? `frozen<${name}>` : name;
  }

  get javaName(): string {
    const name = `${marshal}.${this.cqlName === "list" ? "ListType" : "SetType"}(${this.element.javaName})`;
    return this.frozen ? `${marshal}.FrozenType(${name})` : name;
  }

  override get isMultiCell(): boolean {
    return !this.frozen;
  }

  check(bytes: Buffer): void {
    for (const part of readParts(bytes, 1)) {
      if (part === null) throw invalid("null is not supported inside collections");
      this.element.check(part);
    }
  }

  key(bytes: Buffer): string {
    let text = "";
    for (const part of readParts(bytes, 1)) text += keyPart(this.element, part);
    return text + endOfParts;
  }

  override userTypes(): UserType[] {
    return this.element.userTypes();
  }

  override references(test: (type: CqlType) => boolean): boolean {
    return test(this) || this.element.references(test);
  }
}

export class ListType extends SequenceType {
  readonly cqlName = "list";

  override freeze(): CqlType {
    return this.frozen ? this : new ListType(this.element, true);
  }
}

export class SetType extends SequenceType {
  readonly cqlName = "set";

  override freeze(): CqlType {
    return this.frozen ? this : new SetType(this.element, true);
  }
}

export class MapType extends CqlType {
  readonly keys: CqlType;
  readonly values: CqlType;
  readonly frozen: boolean;

  constructor(keys: CqlType, values: CqlType, frozen: boolean) {
    super();
    this.keys = keys;
    this.values = values;
    this.frozen = frozen;
  }

  get name(): string {
    const name = `map<${this.keys.name}, ${this.values.name}>`;
    return this.frozen ? `frozen<${name}>` : name;
  }

  get javaName(): string {
    const name = `${marshal}.MapType(${this.keys.javaName},${this.values.javaName})`;
    return this.frozen ? `${marshal}.FrozenType(${name})` : name;
  }

  override get isMultiCell(): boolean {
    return !this.frozen;
  }

  check(bytes: Buffer): void {
    readParts(bytes, 2).forEach((part, at) => {
      if (part === null) throw invalid("null is not supported inside collections");
      (at % 2 === 0 ? this.keys : this.values).check(part);
    });
  }

  key(bytes: Buffer): string {
    let text = "";
    readParts(bytes, 2).forEach((part, at) => {
      text += keyPart(at % 2 === 0 ? this.keys : this.values, part);
    });
    return text + endOfParts;
  }

  override freeze(): CqlType {
    return this.frozen ? this : new MapType(this.keys, this.values, true);
  }

  override userTypes(): UserType[] {
    return [...this.keys.userTypes(), ...this.values.userTypes()];
  }

  override references(test: (type: CqlType) => boolean): boolean {
    return test(this) || this.keys.references(test) || this.values.references(test);
  }
}

/** The fields of a tuple or user type; there may be fewer than the type has. */
export function readFields(bytes: Buffer, most: number): Value[] {
  const fields: Value[] = [];
  let at = 0;
  while (at < bytes.length && fields.length < most) {
    if (at + 4 > bytes.length) throw invalid("Not enough bytes to read size of component");
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0) {
      fields.push(null);
      continue;
    }
    if (at + length > bytes.length) throw invalid(`Not enough bytes to read ${fields.length}th component`);
    fields.push(bytes.subarray(at, at + length));
    at += length;
  }
  return fields;
}

function checkFields(types: readonly CqlType[], bytes: Buffer, what: string): void {
  const fields = readFields(bytes, types.length + 1);
  if (fields.length > types.length) throw invalid(`Invalid remaining data after end of ${what} value`);
  fields.forEach((field, at) => {
    if (field !== null) types[at]!.check(field);
  });
}

function fieldsKey(types: readonly CqlType[], bytes: Buffer): string {
  const fields = readFields(bytes, types.length);
  let text = "";
  types.forEach((type, at) => {
    text += keyPart(type, fields[at] ?? null);
  });
  return text;
}

export class TupleType extends CqlType {
  readonly types: readonly CqlType[];

  constructor(types: readonly CqlType[]) {
    super();
    this.types = types;
  }

  get name(): string {
    return `frozen<tuple<${this.types.map((type) => type.name).join(", ")}>>`;
  }

  get javaName(): string {
    return `${marshal}.TupleType(${this.types.map((type) => type.javaName).join(",")})`;
  }

  check(bytes: Buffer): void {
    checkFields(this.types, bytes, "tuple");
  }

  key(bytes: Buffer): string {
    return fieldsKey(this.types, bytes);
  }

  override userTypes(): UserType[] {
    return this.types.flatMap((type) => type.userTypes());
  }

  override references(test: (type: CqlType) => boolean): boolean {
    return test(this) || this.types.some((type) => type.references(test));
  }
}

/** A type that a user made: named fields. Altering it changes it in place, so that all that uses it sees the change. */
export class UserType extends CqlType {
  readonly keyspace: string;
  readonly typeName: string;
  /** Shared by the frozen and the other form. */
  readonly fields: { names: string[]; types: CqlType[] };
  readonly frozen: boolean;

  constructor(keyspace: string, typeName: string, fields: { names: string[]; types: CqlType[] }, frozen: boolean) {
    super();
    this.keyspace = keyspace;
    this.typeName = typeName;
    this.fields = fields;
    this.frozen = frozen;
  }

  get name(): string {
    const name = quoted(this.typeName);
    return this.frozen ? `frozen<${name}>` : name;
  }

  get javaName(): string {
    const hex = (text: string) => Buffer.from(text).toString("hex");
    const fields = this.fields.names.map((name, at) => `${hex(name)}:${this.fields.types[at]!.javaName}`);
    const name = `${marshal}.UserType(${[this.keyspace, hex(this.typeName), ...fields].join(",")})`;
    return this.frozen ? `${marshal}.FrozenType(${name})` : name;
  }

  override get isMultiCell(): boolean {
    return !this.frozen;
  }

  override equals(other: CqlType): boolean {
    return (
      this === other || (other instanceof UserType && other.fields === this.fields && other.frozen === this.frozen)
    );
  }

  check(bytes: Buffer): void {
    checkFields(this.fields.types, bytes, `user-defined type ${this.typeName}`);
  }

  key(bytes: Buffer): string {
    return fieldsKey(this.fields.types, bytes);
  }

  override freeze(): CqlType {
    return this.frozen ? this : new UserType(this.keyspace, this.typeName, this.fields, true);
  }

  override userTypes(): UserType[] {
    return [...this.fields.types.flatMap((type) => type.userTypes()), this];
  }

  override references(test: (type: CqlType) => boolean): boolean {
    return test(this) || this.fields.types.some((type) => type.references(test));
  }
}

/** A fixed number of numbers. */
export class VectorType extends CqlType {
  readonly element: CqlType;
  readonly dimension: number;

  constructor(element: CqlType, dimension: number) {
    super();
    this.element = element;
    this.dimension = dimension;
  }

  get name(): string {
    return `vector<${this.element.name}, ${this.dimension}>`;
  }

  get javaName(): string {
    return `${marshal}.VectorType(${this.element.javaName} , ${this.dimension})`;
  }

  check(bytes: Buffer): void {
    const wanted = this.dimension * 4;
    if (bytes.length < wanted) throw invalid(`Not enough bytes to read a ${this.name}`);
    if (bytes.length > wanted)
      throw invalid(`Unexpected ${bytes.length - wanted} extraneous bytes after ${this.name} value`);
  }

  key(bytes: Buffer): string {
    let text = "";
    for (let at = 0; at < bytes.length; at += 4)
      text += this.element instanceof NativeType ? this.element.key(bytes.subarray(at, at + 4)) : "";
    return text;
  }
}

const plainName = /^[a-z][a-z0-9_]*$/;
/** Words that cannot stand as a name without quotes. */
export const reservedWords: ReadonlySet<string> = new Set(
  (
    "add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries " +
    "execute from full grant if in index infinity insert into is keyspace limit materialized modify nan norecursive " +
    "not null of on or order primary rename replace revoke schema select set table to token truncate unlogged update " +
    "use using view where with"
  ).split(" "),
);

/** A name as CQL text needs it. */
export function quoted(name: string): string {
  if (plainName.test(name) && !reservedWords.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}
