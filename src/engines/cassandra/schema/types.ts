/** Types as written, looked up. */
import type { TypeName } from "../cql/ast.js";
import { parseType } from "../cql/terms.js";
import { Tokens } from "../cql/tokens.js";
import { invalid, syntaxError } from "../errors.js";
import { nativeFacts } from "../types/native.js";
import {
  type CqlType,
  ListType,
  MapType,
  native,
  nativeType,
  SetType,
  TupleType,
  UserType,
  VectorType,
} from "../types/type.js";

/** Finds user types by name. */
export type FindType = (keyspace: string, name: string) => UserType | undefined;

function holdsDuration(type: CqlType): boolean {
  return type.name === "duration";
}

function elementOf(
  name: TypeName,
  keyspace: string | undefined,
  find: FindType,
  whole: string,
  frozen: boolean,
): CqlType {
  const type = resolveType(name, keyspace, find, frozen);
  if (type.isCounter) throw invalid(`Counters are not allowed inside collections: ${whole}`);
  if (type.isMultiCell) {
    if (frozen) return type.freeze();
    throw invalid(
      type instanceof UserType
        ? `Non-frozen UDTs are not allowed inside collections: ${whole}`
        : `Non-frozen collections are not allowed inside collections: ${whole}`,
    );
  }
  return type;
}

function textOf(name: TypeName): string {
  switch (name.kind) {
    case "name":
      return name.keyspace === undefined ? name.name : `${name.keyspace}.${name.name}`;
    case "map":
      return `map<${textOf(name.keys)}, ${textOf(name.values)}>`;
    case "tuple":
      return `tuple<${name.of.map(textOf).join(", ")}>`;
    case "vector":
      return `vector<${textOf(name.of)}, ${name.dimension}>`;
    case "java":
      return `'${name.text}'`;
    default:
      return `${name.kind}<${textOf(name.of)}>`;
  }
}

const byJavaName = new Map([...nativeFacts.values()].map((facts) => [facts.javaName, facts.name]));

function javaType(text: string): CqlType {
  const full = text.startsWith("org.") ? text : `org.apache.cassandra.db.marshal.${text}`;
  const found = byJavaName.get(full);
  if (found === "counter" || found === undefined) {
    throw invalid(`Cannot use custom type '${text}': the embedded engine has the built-in types alone`);
  }
  return native(found);
}

/** The type that a name means. `frozen`: all within is to be frozen. Throws where there is none. */
export function resolveType(name: TypeName, keyspace: string | undefined, find: FindType, frozen = false): CqlType {
  switch (name.kind) {
    case "java":
      return javaType(name.text);
    case "frozen": {
      const { of } = name;
      if (of.kind === "name" && of.keyspace === undefined && !of.quoted && nativeType(of.name) !== undefined)
        throw invalid(`frozen<> is only allowed on collections, tuples, and user-defined types (got ${textOf(of)})`);
      return resolveType(of, keyspace, find, true).freeze();
    }
    case "list": {
      const whole = textOf(name);
      return new ListType(elementOf(name.of, keyspace, find, whole, frozen), frozen);
    }
    case "set": {
      const whole = textOf(name);
      const element = elementOf(name.of, keyspace, find, whole, frozen);
      if (holdsDuration(element)) throw invalid(`Durations are not allowed inside sets: ${whole}`);
      return new SetType(element, frozen);
    }
    case "map": {
      const whole = textOf(name);
      const keys = elementOf(name.keys, keyspace, find, whole, frozen);
      const values = elementOf(name.values, keyspace, find, whole, frozen);
      if (holdsDuration(keys)) throw invalid(`Durations are not allowed as map keys: ${whole}`);
      return new MapType(keys, values, frozen);
    }
    case "tuple":
      return new TupleType(
        name.of.map((each) => {
          const type = resolveType(each, keyspace, find, true);
          if (type.isCounter) throw invalid("Counters are not allowed inside tuples");
          return type.freeze();
        }),
      );
    case "vector": {
      const element = resolveType(name.of, keyspace, find, true);
      if (element.name !== "float") throw invalid(`vectors may only use float. given ${element.name}`);
      return new VectorType(element, name.dimension);
    }
    case "name": {
      if (name.keyspace === undefined && !name.quoted) {
        const found = nativeType(name.name);
        if (found !== undefined) return found;
      }
      if (name.keyspace !== undefined && keyspace !== undefined && name.keyspace !== keyspace)
        throw invalid(
          `Statement on keyspace ${keyspace} cannot refer to a user type in keyspace ${name.keyspace}; user types can only be used in the keyspace they are defined in`,
        );
      const in_ = name.keyspace ?? keyspace;
      const user = in_ === undefined ? undefined : find(in_, name.name);
      if (user === undefined) throw invalid(`Unknown type ${in_ === undefined ? "" : `${in_}.`}${name.name}`);
      return frozen ? user.freeze() : user;
    }
    default: {
      const never: never = name;
      throw syntaxError(`not a type: ${String(never)}`);
    }
  }
}

/** Reads a type that the schema wrote. */
export function typeFromText(text: string, keyspace: string, find: FindType): CqlType {
  const tokens = new Tokens(text);
  const name = parseType(tokens);
  tokens.end();
  return resolveType(name, keyspace, find);
}
