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
import { termText, typeNameText } from "./term-text.js";
import { fitOf, isCompatible } from "./term-types.js";

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
