/** Which type a term has, and which it fits. */
import type { Term } from "../cql/ast.js";
import {
  type CqlType,
  ListType,
  MapType,
  NativeType,
  native,
  SetType,
  TupleType,
  UserType,
  VectorType,
} from "../types/type.js";
import type { Preparing } from "./terms.js";

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
