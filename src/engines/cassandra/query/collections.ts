/** Collections, tuples and user-defined values in a SELECT: made from expressions, and taken apart. */
import type { Term } from "../cql/ast.js";
import { invalid } from "../errors.js";
import {
  type CqlType,
  ListType,
  MapType,
  readParts,
  SetType,
  TupleType,
  UserType,
  writeFields,
  writeParts,
} from "../types/type.js";
import type { Expression } from "./expressions.js";
import { termText } from "./term-text.js";
import { sortedMap, sortedSet } from "./terms.js";

/** One element of a collection, or a slice of it. */
export function element(
  term: Extract<Term, { kind: "element" | "slice" }>,
  recur: (term: Term, expected?: CqlType) => Expression,
): Expression {
  const inner = recur(term.of);
  const { type } = inner;
  if (!(type instanceof MapType) && !(type instanceof SetType)) {
    if (type instanceof ListType)
      throw invalid(`Element selection is only allowed on sets and maps, but ${termText(term.of)} is a list`);
    throw invalid(`Invalid element selection: ${termText(term.of)} of type ${type.name} is not a collection`);
  }
  const keyType = type instanceof MapType ? type.keys : type.element;
  const perEntry = type instanceof MapType ? 2 : 1;
  const entries = (whole: Buffer): { key: Buffer; parts: Buffer[] }[] => {
    const parts = readParts(whole, perEntry) as Buffer[];
    const list: { key: Buffer; parts: Buffer[] }[] = [];
    for (let at = 0; at < parts.length; at += perEntry)
      list.push({ key: parts[at]!, parts: parts.slice(at, at + perEntry) });
    return list;
  };
  if (term.kind === "element") {
    const key = recur(term.key, keyType);
    return {
      type: type instanceof MapType ? type.values : type.element,
      evaluate: (context) => {
        const whole = inner.evaluate(context);
        const wanted = key.evaluate(context);
        if (wanted === null) throw invalid(`Invalid null value for element selection on ${termText(term.of)}`);
        if (whole === null) return null;
        return entries(whole).find((entry) => keyType.compare(entry.key, wanted) === 0)?.parts[perEntry - 1] ?? null;
      },
    };
  }
  const from = term.from === undefined ? undefined : recur(term.from, keyType);
  const to = term.to === undefined ? undefined : recur(term.to, keyType);
  return {
    type,
    evaluate: (context) => {
      const whole = inner.evaluate(context);
      const low = from?.evaluate(context);
      const high = to?.evaluate(context);
      if (low === null || high === null)
        throw invalid(`Invalid null value for slice selection on ${termText(term.of)}`);
      if (whole === null) return null;
      const kept = entries(whole).filter(
        ({ key }) =>
          (low === undefined || keyType.compare(key, low) >= 0) &&
          (high === undefined || keyType.compare(key, high) <= 0),
      );
      if (kept.length === 0 && type.isMultiCell) return null;
      return writeParts(
        kept.flatMap(({ parts }) => parts),
        perEntry,
      );
    },
  };
}

/** A collection, tuple or user-defined value that is written out; `known`: the type that a term has of its own. */
export function collection(
  term: Extract<Term, { kind: "list" | "set" | "map" | "tuple" | "user" }>,
  known: (term: Term) => CqlType | undefined,
  recur: (term: Term, expected?: CqlType) => Expression,
  receiver: CqlType | undefined,
): Expression {
  const cannot = () =>
    invalid(`Cannot infer type for term ${termText(term)} in selection clause (try using a cast to force a type)`);
  const all = (items: readonly Term[], types: (at: number) => CqlType | undefined): Expression[] =>
    items.map((item, at) => recur(item, types(at)));
  const commonType = (items: readonly Term[]): CqlType | undefined =>
    items.map((item) => (item.kind === "literal" ? undefined : known(item))).find((type) => type !== undefined);
  switch (term.kind) {
    case "tuple": {
      if (term.items.length === 1) return recur(term.items[0]!, receiver);
      const given = receiver instanceof TupleType ? receiver : undefined;
      if (given === undefined && term.items.some((item) => item.kind === "literal")) throw cannot();
      const items = all(term.items, (at) => given?.types[at]);
      return {
        type: given ?? new TupleType(items.map((item) => item.type.freeze())),
        evaluate: (context) => writeFields(items.map((item) => item.evaluate(context))),
      };
    }
    case "list": {
      const elementType = receiver instanceof ListType ? receiver.element : commonType(term.items);
      if (elementType === undefined) throw cannot();
      const items = all(term.items, () => elementType);
      return {
        type: receiver ?? new ListType(elementType.freeze(), true),
        evaluate: (context) =>
          writeParts(
            items.map((item) => item.evaluate(context)),
            1,
          ),
      };
    }
    case "set": {
      if (receiver instanceof MapType && term.items.length === 0)
        return { type: receiver, evaluate: () => writeParts([], 2) };
      const elementType = receiver instanceof SetType ? receiver.element : commonType(term.items);
      if (elementType === undefined) throw cannot();
      const items = all(term.items, () => elementType);
      return {
        type: receiver ?? new SetType(elementType.freeze(), true),
        evaluate: (context) =>
          sortedSet(
            elementType,
            items.map((item) => item.evaluate(context)).filter((item) => item !== null),
          ),
      };
    }
    case "map": {
      const keyType = receiver instanceof MapType ? receiver.keys : commonType(term.entries.map(([key]) => key));
      const valueType =
        receiver instanceof MapType ? receiver.values : commonType(term.entries.map(([, item]) => item));
      if (keyType === undefined || valueType === undefined) throw cannot();
      const keys = all(
        term.entries.map(([key]) => key),
        () => keyType,
      );
      const values = all(
        term.entries.map(([, item]) => item),
        () => valueType,
      );
      return {
        type: receiver ?? new MapType(keyType.freeze(), valueType.freeze(), true),
        evaluate: (context) =>
          sortedMap(
            keyType,
            keys.map((key, at) => [key.evaluate(context)!, values[at]!.evaluate(context)!] as const),
          ),
      };
    }
    case "user": {
      if (!(receiver instanceof UserType)) {
        // {a: b} may be a map whose keys are columns.
        const entries = term.fields.map(([name, item]) => [{ kind: "column", name } as Term, item] as const);
        return collection({ kind: "map", entries }, known, recur, receiver);
      }
      const given = new Map(term.fields);
      for (const name of given.keys())
        if (!receiver.fields.names.includes(name))
          throw invalid(`Unknown field '${name}' in value of user defined type ${receiver.typeName}`);
      const fields = receiver.fields.names.map((name, at) => {
        const item = given.get(name);
        return item === undefined ? undefined : recur(item, receiver.fields.types[at]);
      });
      return {
        type: receiver,
        evaluate: (context) => writeFields(fields.map((field) => field?.evaluate(context) ?? null)),
      };
    }
    default: {
      const never: never = term;
      throw new Error(`not a collection: ${String(never)}`);
    }
  }
}
