/** Values in statements: literals, markers and calls, checked against the type of what they are for. */
import type { Term, TypeName } from "../cql/ast.js";
import { invalid } from "../errors.js";
import { nativeFacts } from "../types/native.js";
import {
  type CqlType,
  keyPart,
  ListType,
  MapType,
  NativeType,
  native,
  quoted,
  readFields,
  readParts,
  SetType,
  TupleType,
  UserType,
  type Value,
  VectorType,
  writeFields,
  writeParts,
} from "../types/type.js";
import type { FunctionResolver } from "./functions/resolve.js";
import { type Bound, type Run, unset } from "./run.js";

/** What a value is for: a column, an argument, an element. */
export interface Receiver {
  readonly keyspace: string;
  readonly table: string;
  readonly name: string;
  readonly type: CqlType;
}

/** What is gathered while a statement is prepared. */
export interface Preparing {
  readonly keyspace: string | undefined;
  /** By the number of the marker. */
  readonly markers: (Receiver | undefined)[];
  readonly resolveType: (name: TypeName, keyspace: string | undefined) => CqlType;
  readonly functions: FunctionResolver;
  /** Types of the partition key of the table that it is about, for token(). */
  readonly partitionKey?: readonly CqlType[];
}

/** A value that is known when the statement runs. */
export interface BoundTerm {
  readonly type: CqlType;
  /** Whether it is the same in each run. */
  readonly isConstant: boolean;
  evaluate(run: Run): Bound;
}

export function withName(receiver: Receiver, name: string, type: CqlType): Receiver {
  return { keyspace: receiver.keyspace, table: receiver.table, name, type };
}

/** A term as error texts show it. */
export function termText(term: Term): string {
  switch (term.kind) {
    case "literal":
      return term.literal === "STRING" ? `'${term.text}'` : term.text;
    case "null":
      return "null";
    case "marker":
      return term.name === undefined ? "?" : `:${term.name}`;
    case "list":
      return `[${term.items.map(termText).join(", ")}]`;
    case "set":
      return `{${term.items.map(termText).join(", ")}}`;
    case "map":
      return `{${term.entries.map(([key, value]) => `${termText(key)}:${termText(value)}`).join(", ")}}`;
    case "user":
      return `{${term.fields.map(([name, value]) => `${quoted(name)}: ${termText(value)}`).join(", ")}}`;
    case "tuple":
      return `(${term.items.map(termText).join(", ")})`;
    case "hint":
      return `(${typeNameText(term.type)})${termText(term.term)}`;
    case "call":
      return `${term.keyspace === undefined ? "" : `${term.keyspace}.`}${term.name}(${term.args.map(termText).join(", ")})`;
    case "count":
      return "count(*)";
    case "cast":
      return `CAST(${termText(term.term)} AS ${typeNameText(term.type)})`;
    case "arithmetic":
      return `${termText(term.left)} ${term.operator} ${termText(term.right)}`;
    case "negate":
      return `-${termText(term.term)}`;
    case "column":
      return quoted(term.name);
    case "field":
      return `${termText(term.of)}.${term.name}`;
    case "element":
      return `${termText(term.of)}[${termText(term.key)}]`;
    case "slice":
      return `${termText(term.of)}[${term.from === undefined ? "" : termText(term.from)}..${term.to === undefined ? "" : termText(term.to)}]`;
    default: {
      const never: never = term;
      throw new Error(`not a term: ${String(never)}`);
    }
  }
}

export function typeNameText(name: TypeName): string {
  switch (name.kind) {
    case "name":
      return name.keyspace === undefined ? name.name : `${name.keyspace}.${name.name}`;
    case "java":
      return `'${name.text}'`;
    case "map":
      return `map<${typeNameText(name.keys)}, ${typeNameText(name.values)}>`;
    case "tuple":
      return `tuple<${name.of.map(typeNameText).join(", ")}>`;
    case "vector":
      return `vector<${typeNameText(name.of)}, ${name.dimension}>`;
    default:
      return `${name.kind}<${typeNameText(name.of)}>`;
  }
}

export type Fit = "exact" | "weak" | "no";

/** The type that a literal has where nothing says which. */
export function preferredType(term: Extract<Term, { kind: "literal" }>): CqlType {
  switch (term.literal) {
    case "STRING":
      return native("text");
    case "INTEGER": {
      const value = BigInt(term.text);
      if (value >= -0x80000000n && value <= 0x7fffffffn) return native("int");
      if (value >= -0x8000000000000000n && value <= 0x7fffffffffffffffn) return native("bigint");
      return native("varint");
    }
    case "FLOAT":
      return Number.isFinite(Number(term.text)) || /[a-z]{3}/i.test(term.text) ? native("double") : native("decimal");
    case "BOOLEAN":
      return native("boolean");
    case "UUID":
      return native("uuid");
    case "HEX":
      return native("blob");
    case "DURATION":
      return native("duration");
    default: {
      const never: never = term.literal;
      throw new Error(`not a literal: ${String(never)}`);
    }
  }
}

function fitAll(items: readonly Term[], type: CqlType, prepare: Preparing): Fit {
  let fit: Fit = "exact";
  for (const item of items) {
    const each = fitOf(item, type, prepare);
    if (each === "no") return "no";
    if (each === "weak") fit = "weak";
  }
  return fit;
}

function weaker(a: Fit, b: Fit): Fit {
  if (a === "no" || b === "no") return "no";
  return a === "weak" || b === "weak" ? "weak" : "exact";
}

/** Whether values of one type can stand for another without change: text for ascii and the like. */
export function isCompatible(receiver: CqlType, given: CqlType): boolean {
  if (receiver.equals(given)) return true;
  const [r, g] = [receiver.name, given.name];
  if (r === "blob") return true;
  if (r === "text") return g === "ascii";
  if (r === "bigint") return g === "timestamp";
  if (r === "uuid") return g === "timeuuid";
  if (r === "varint") return g === "int" || g === "bigint";
  if (receiver.isMultiCell !== given.isMultiCell) return isCompatible(receiver.freeze(), given.freeze());
  if (receiver instanceof TupleType && given instanceof TupleType)
    return (
      receiver.types.length >= given.types.length &&
      given.types.every((type, at) => isCompatible(receiver.types[at]!, type))
    );
  return false;
}

/** How well a term fits a type. */
export function fitOf(term: Term, type: CqlType, prepare: Preparing): Fit {
  switch (term.kind) {
    case "literal": {
      if (!(type instanceof NativeType)) return "no";
      if (preferredType(term).equals(type) || (term.literal === "STRING" && type.name === "ascii"))
        return term.literal === "STRING" && type.name === "ascii" ? "weak" : "exact";
      return type.facts.literals.includes(term.literal) ? "weak" : "no";
    }
    case "null":
    case "marker":
      return "weak";
    case "list":
      if (type instanceof VectorType)
        return term.items.length === type.dimension ? fitAll(term.items, type.element, prepare) : "no";
      return type instanceof ListType
        ? term.items.length === 0
          ? "weak"
          : fitAll(term.items, type.element, prepare)
        : "no";
    case "set":
      if (type instanceof MapType) return term.items.length === 0 ? "weak" : "no";
      return type instanceof SetType
        ? term.items.length === 0
          ? "weak"
          : fitAll(term.items, type.element, prepare)
        : "no";
    case "map":
      if (!(type instanceof MapType)) return "no";
      return weaker(
        fitAll(
          term.entries.map(([key]) => key),
          type.keys,
          prepare,
        ),
        fitAll(
          term.entries.map(([, value]) => value),
          type.values,
          prepare,
        ),
      );
    case "user": {
      if (type instanceof MapType) return "no";
      if (!(type instanceof UserType)) return "no";
      for (const [name, value] of term.fields) {
        const at = type.fields.names.indexOf(name);
        if (at < 0 || fitOf(value, type.fields.types[at]!, prepare) === "no") return "no";
      }
      return "weak";
    }
    case "tuple": {
      if (!(type instanceof TupleType)) return term.items.length === 1 ? fitOf(term.items[0]!, type, prepare) : "no";
      if (term.items.length > type.types.length) return "no";
      let fit: Fit = "exact";
      for (let at = 0; at < term.items.length; at++)
        fit = weaker(fit, fitOf(term.items[at]!, type.types[at]!, prepare));
      return fit;
    }
    default: {
      const known = knownType(term, prepare, type);
      if (known === undefined) return "weak";
      if (known.equals(type) || known.freeze().equals(type.freeze())) return "exact";
      return isCompatible(type, known) ? "weak" : "no";
    }
  }
}

/** The type of a term that has one of its own; literals have none. */
export function knownType(term: Term, prepare: Preparing, receiver?: CqlType): CqlType | undefined {
  switch (term.kind) {
    case "hint":
      return prepare.resolveType(term.type, prepare.keyspace);
    case "cast":
      return prepare.resolveType(term.type, prepare.keyspace);
    case "call":
      return prepare.functions.find(term, prepare, receiver)?.returns;
    case "count":
      return native("bigint");
    case "arithmetic":
    case "negate":
      return prepare.functions.arithmetic(term, prepare, receiver)?.returns;
    case "tuple": {
      const types = term.items.map((item) => knownType(item, prepare));
      if (types.some((type) => type === undefined)) return undefined;
      return term.items.length === 1 ? types[0] : new TupleType(types as CqlType[]);
    }
    case "list": {
      const types = term.items.map((item) => knownType(item, prepare));
      const found = types.find((type) => type !== undefined);
      return found === undefined ? undefined : new ListType(found.freeze(), true);
    }
    case "set": {
      const found = term.items.map((item) => knownType(item, prepare)).find((type) => type !== undefined);
      return found === undefined ? undefined : new SetType(found.freeze(), true);
    }
    case "map": {
      const keys = term.entries.map(([key]) => knownType(key, prepare)).find((type) => type !== undefined);
      const values = term.entries.map(([, value]) => knownType(value, prepare)).find((type) => type !== undefined);
      return keys === undefined || values === undefined ? undefined : new MapType(keys.freeze(), values.freeze(), true);
    }
    default:
      return undefined;
  }
}

export function constant(type: CqlType, value: Value): BoundTerm {
  return { type, isConstant: true, evaluate: () => value };
}

/** Where all parts are constant, the whole is made once. */
function composed(type: CqlType, parts: readonly BoundTerm[], make: (values: Bound[]) => Value): BoundTerm {
  const evaluate = (run: Run): Value => make(parts.map((part) => part.evaluate(run)));
  if (!parts.every((part) => part.isConstant)) return { type, isConstant: false, evaluate };
  let made: Value | undefined;
  return {
    type,
    isConstant: true,
    evaluate: (run) => {
      if (made === undefined) made = evaluate(run);
      return made;
    },
  };
}

function noNull(value: Bound, what: string): Buffer {
  if (value === null) throw invalid(`null is not supported inside collections`);
  if (value === unset) throw invalid(`unset value is not supported inside collections${what === "" ? "" : ""}`);
  return value;
}

/** Elements in their order, each once. */
export function sortedSet(element: CqlType, values: readonly Buffer[]): Buffer {
  const byKey = new Map<string, Buffer>();
  for (const value of values) byKey.set(keyPart(element, value), value);
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, value]) => value);
  return writeParts(sorted, 1);
}

/** Entries in the order of their keys; a later one replaces an earlier. */
export function sortedMap(keys: CqlType, entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  const byKey = new Map<string, readonly [Buffer, Buffer]>();
  for (const entry of entries) byKey.set(keyPart(keys, entry[0]), entry);
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, entry]) => entry);
  return writeParts(sorted.flat(), 2);
}

/** Makes a value of what a literal says; throws where it is none of the type. */
export function literalValue(term: Extract<Term, { kind: "literal" }>, receiver: Receiver): Buffer {
  const { type } = receiver;
  const wrong = () =>
    invalid(`Invalid ${term.literal} constant (${term.text}) for "${receiver.name}" of type ${type.name}`);
  if (!(type instanceof NativeType)) throw wrong();
  if (!type.facts.literals.includes(term.literal)) throw wrong();
  if (term.text === "" && term.literal !== "STRING") return Buffer.alloc(0);
  if (term.text === "" && type.facts.allowsEmpty) return Buffer.alloc(0);
  if (type.name === "blob") {
    if (term.text.length % 2 === 1) throw invalid("An hex string representing bytes must have an even length");
  }
  return type.facts.parse(term.text);
}

/** Puts names and types to a term. Throws where it does not fit. */
export function prepareTerm(term: Term, receiver: Receiver, prepare: Preparing): BoundTerm {
  const { type } = receiver;
  const cannot = (what: string) => invalid(`Invalid ${what} literal for ${receiver.name} of type ${type.name}`);
  switch (term.kind) {
    case "literal":
      return constant(type, literalValue(term, receiver));
    case "null":
      return constant(type, null);
    case "marker":
      return marker(term.index, receiver, prepare);
    case "list": {
      if (type instanceof VectorType) return vector(term.items, receiver, type, prepare);
      if (!(type instanceof ListType)) throw cannot("list");
      const items = elements(
        "list",
        "value",
        term.items,
        withName(receiver, `value(${receiver.name})`, type.element),
        receiver,
        prepare,
      );
      return composed(type, items, (values) =>
        writeParts(
          values.map((value) => noNull(value, "")),
          1,
        ),
      );
    }
    case "set": {
      if (type instanceof MapType && term.items.length === 0) return constant(type, writeParts([], 2));
      if (!(type instanceof SetType)) throw cannot("set");
      const items = elements(
        "set",
        "value",
        term.items,
        withName(receiver, `value(${receiver.name})`, type.element),
        receiver,
        prepare,
      );
      return composed(type, items, (values) =>
        sortedSet(
          type.element,
          values.map((value) => noNull(value, "")),
        ),
      );
    }
    case "map": {
      if (!(type instanceof MapType)) throw cannot("map");
      const keys = elements(
        "map",
        "key",
        term.entries.map(([key]) => key),
        withName(receiver, `key(${receiver.name})`, type.keys),
        receiver,
        prepare,
      );
      const values = elements(
        "map",
        "value",
        term.entries.map(([, value]) => value),
        withName(receiver, `value(${receiver.name})`, type.values),
        receiver,
        prepare,
      );
      return composed(type, [...keys, ...values], (parts) => {
        const half = keys.length;
        return sortedMap(
          type.keys,
          keys.map((_, at) => [noNull(parts[at]!, ""), noNull(parts[half + at]!, "")]),
        );
      });
    }
    case "user": {
      if (!(type instanceof UserType)) throw cannot("user type");
      const { names, types } = type.fields;
      for (const [name] of term.fields)
        if (!names.includes(name))
          throw invalid(`Unknown field '${name}' in value of user defined type ${type.typeName}`);
      const given = new Map(term.fields);
      const fields = names.map((name, at) => {
        const value = given.get(name);
        const field = withName(receiver, `${receiver.name}.${name}`, types[at]!);
        if (value === undefined) return constant(field.type, null);
        if (fitOf(value, field.type, prepare) === "no")
          throw invalid(
            `Invalid user type literal for ${receiver.name}: field ${name} is not of type ${field.type.name}`,
          );
        return prepareTerm(value, field, prepare);
      });
      return composed(type, fields, (values) => {
        values.forEach((value, at) => {
          if (value === unset)
            throw invalid(`Invalid unset value for field '${names[at]}' of user defined type ${type.typeName}`);
        });
        return writeFields(values as Value[]);
      });
    }
    case "tuple": {
      if (!(type instanceof TupleType)) {
        if (term.items.length === 1) return prepareTerm(term.items[0]!, receiver, prepare);
        throw cannot("tuple type");
      }
      if (term.items.length > type.types.length)
        throw invalid(
          `Invalid tuple literal for ${receiver.name}: too many elements. Type ${type.name} expects ${type.types.length} but got ${term.items.length}`,
        );
      const fields = term.items.map((item, at) => {
        const field = withName(receiver, `${receiver.name}[${at}]`, type.types[at]!);
        if (fitOf(item, field.type, prepare) === "no")
          throw invalid(
            `Invalid tuple literal for ${receiver.name}: component ${at} is not of type ${field.type.name}`,
          );
        return prepareTerm(item, field, prepare);
      });
      return composed(type, fields, (values) => {
        if (values.some((value) => value === unset))
          throw invalid(`Invalid unset value for tuple field number ${values.indexOf(unset)}`);
        return writeFields(values as Value[]);
      });
    }
    case "hint": {
      const hinted = prepare.resolveType(term.type, prepare.keyspace ?? receiver.keyspace);
      const spec = withName(receiver, `(${typeNameText(term.type)})${termText(term.term)}`, hinted);
      if (fitOf(term.term, hinted, prepare) === "no")
        throw invalid(`Cannot cast value ${termText(term.term)} to type ${typeNameText(term.type)}`);
      if (!isCompatible(type, hinted))
        throw invalid(`Cannot assign value ${termText(term)} to ${receiver.name} of type ${type.name}`);
      return prepareTerm(term.term, spec, prepare);
    }
    case "call":
    case "arithmetic":
    case "negate":
      return prepare.functions.prepareCall(term, receiver, prepare);
    case "count":
      throw invalid("Aggregation function are not supported in the where clause");
    case "cast":
    case "column":
    case "field":
    case "element":
    case "slice":
      throw invalid(`Invalid term ${termText(term)} for ${receiver.name}`);
    default: {
      const never: never = term;
      throw new Error(`not a term: ${String(never)}`);
    }
  }
}

function vector(items: readonly Term[], receiver: Receiver, type: VectorType, prepare: Preparing): BoundTerm {
  if (items.length !== type.dimension)
    throw invalid(
      `Invalid vector literal for ${receiver.name} of type ${type.name}; expected ${type.dimension} elements, but given ${items.length}`,
    );
  const parts = elements(
    "vector",
    "value",
    items,
    withName(receiver, `value(${receiver.name})`, type.element),
    receiver,
    prepare,
  );
  return composed(type, parts, (values) => Buffer.concat(values.map((value) => noNull(value, ""))));
}

function elements(
  kind: string,
  part: string,
  items: readonly Term[],
  element: Receiver,
  receiver: Receiver,
  prepare: Preparing,
): BoundTerm[] {
  return items.map((item) => {
    if (fitOf(item, element.type, prepare) === "no")
      throw invalid(
        `Invalid ${kind} literal for ${receiver.name}: ${part} ${termText(item)} is not of type ${element.type.name}`,
      );
    return prepareTerm(item, element, prepare);
  });
}

/** A marker: what is bound is checked against the type when it runs. */
export function marker(index: number, receiver: Receiver, prepare: Preparing): BoundTerm {
  prepare.markers[index] = receiver;
  const { type } = receiver;
  const needsOrder = type.references(isOrdered);
  return {
    type,
    isConstant: false,
    evaluate: (run) => {
      const value = run.values[index];
      if (value === undefined) throw invalid(`Invalid amount of bind variables`);
      if (value === null || value === unset) return value;
      checkBound(type, value);
      return needsOrder && value.length > 0 ? normalized(type, value) : value;
    },
  };
}

/** Checks bound bytes, and puts the elements of sets and maps in their order. */
function checkBound(type: CqlType, value: Buffer): void {
  if (value.length === 0 && type instanceof NativeType && nativeFacts.get(type.facts.name)?.allowsEmpty === true)
    return;
  if (value.length === 0 && (type instanceof TupleType || type instanceof UserType)) return;
  type.check(value);
}

function isOrdered(type: CqlType): boolean {
  return type instanceof SetType || type instanceof MapType;
}

/** A bound set or map may have its elements in any order, and so may those within other values. */
function normalized(type: CqlType, value: Buffer): Buffer {
  if (type instanceof SetType)
    return sortedSet(
      type.element,
      readParts(value, 1).map((part) => normalized(type.element, part!)),
    );
  if (type instanceof ListType)
    return writeParts(
      readParts(value, 1).map((part) => normalized(type.element, part!)),
      1,
    );
  if (type instanceof MapType) {
    const parts = readParts(value, 2) as Buffer[];
    const entries: [Buffer, Buffer][] = [];
    for (let at = 0; at < parts.length; at += 2)
      entries.push([normalized(type.keys, parts[at]!), normalized(type.values, parts[at + 1]!)]);
    return sortedMap(type.keys, entries);
  }
  if (type instanceof TupleType || type instanceof UserType) {
    const types = type instanceof TupleType ? type.types : type.fields.types;
    const fields = readFields(value, types.length);
    return writeFields(fields.map((field, at) => (field === null ? null : normalized(types[at]!, field))));
  }
  return value;
}
