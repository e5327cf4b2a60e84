import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { showValue } from "../show.js";
import {
  constant,
  type Expression,
  type ExpressionOperator,
  isNullish,
  namedArguments,
  operator,
  pure,
  type Result,
  type Scope,
  variadic,
} from "./expression.js";

/** Adds the fields of `from` to `into`. */
export function mergeInto(into: Doc, from: Doc): Doc {
  for (const [name, value] of from) into.set(name, value);
  return into;
}

function mergeObjects(operands: Iterable<Result>): Result {
  const merged = new Doc();
  const list = [...operands];
  // One operand that is an array stands for its elements.
  for (const each of list.length === 1 && Array.isArray(list[0]) ? list[0] : list) {
    if (isNullish(each)) continue;
    if (!(each instanceof Doc)) {
      throw mongoError(
        40400,
        `$mergeObjects requires object inputs, but input ${showValue(each)} is of type ${typeNameOf(each)}`,
      );
    }
    mergeInto(merged, each);
  }
  return merged;
}

const getField = operator("$getField", "A field of a document, whatever its name.", (argument, scope) => {
  let field: Expression;
  let input: Expression;
  const long = argument instanceof Doc && !(argument.first()?.[0].startsWith("$") ?? false);
  if (long) {
    const given = namedArguments(
      argument,
      {
        notAnObject: () => mongoError(3041701, "unreachable"),
        unknown: (name) => mongoError(3041701, `$getField found an unknown argument: ${name}`),
      },
      ["field", "input"],
    );
    if (!given.has("field")) throw mongoError(3041702, "$getField requires 'field' to be specified");
    if (!given.has("input")) throw mongoError(3041703, "$getField requires 'input' to be specified");
    field = scope.compile(given.get("field")!);
    input = scope.compile(given.get("input")!);
  } else {
    field = scope.compile(argument);
    input = scope.compile("$$CURRENT");
  }
  return {
    evaluate: (root, vars) => {
      const name = field.evaluate(root, vars);
      if (typeof name !== "string") {
        throw mongoError(3041704, `$getField requires 'field' to evaluate to type String, but got ${typeNameOf(name)}`);
      }
      const value = input.evaluate(root, vars);
      if (value instanceof Doc) return value.get(name);
      return value === undefined ? undefined : isNullish(value) ? null : undefined;
    },
  };
});

function fieldSetter(name: "$setField" | "$unsetField", summary: string): ExpressionOperator {
  const allowed = name === "$setField" ? ["field", "input", "value"] : ["field", "input"];
  return operator(name, summary, (argument, scope) => {
    const given = namedArguments(
      argument,
      {
        notAnObject: () => mongoError(4161100, `${name} only supports an object as its argument`),
        unknown: (each) => mongoError(4161101, `${name} found an unknown argument: ${each}`),
      },
      allowed,
    );
    if (!given.has("field")) throw mongoError(4161102, `${name} requires 'field' to be specified`);
    if (name === "$setField" && !given.has("value")) {
      throw mongoError(4161103, `${name} requires 'value' to be specified`);
    }
    if (!given.has("input")) throw mongoError(4161109, `${name} requires 'input' to be specified`);
    const field = constantFieldName(name, given.get("field")!, scope);
    const input = scope.compile(given.get("input")!);
    const value = given.has("value") ? scope.compile(given.get("value")!) : constant(undefined);
    return pure(scope, [input, value], (root, vars) => {
      const target = input.evaluate(root, vars);
      if (isNullish(target)) return null;
      if (!(target instanceof Doc)) throw mongoError(4161105, `${name} requires 'input' to evaluate to type Object`);
      const result = value.evaluate(root, vars);
      const changed = shallowCopy(target);
      if (result === undefined) changed.delete(field);
      else changed.set(field, result);
      return changed;
    });
  });
}

function constantFieldName(name: string, value: Value, scope: Scope): string {
  if (typeof value === "string" && value.startsWith("$")) {
    const path = value.startsWith("$$") ? value : `$CURRENT.${value.slice(1)}`;
    throw mongoError(
      4161108,
      `'${path}' is a field path reference which is not allowed in this context. Did you mean {$literal: '${path}'}?`,
    );
  }
  const field = scope.compile(value);
  if (field.constant === undefined) {
    throw mongoError(4161106, `${name} requires 'field' to evaluate to a constant, but got a non-constant argument`);
  }
  const found = field.constant.value;
  if (typeof found !== "string") {
    throw mongoError(4161107, `${name} requires 'field' to evaluate to type String, but got ${typeNameOf(found)}`);
  }
  if (found.includes("\0")) throw mongoError(9534700, `${name}: 'field' cannot contain an embedded null byte`);
  return found;
}

/** A document with the same fields that may be changed without changing this one; its values are shared. */
export function shallowCopy(doc: Doc): Doc {
  return Doc.of(doc.keys().slice(), doc.values().slice());
}

/** The operators on documents. */
export const objectOperators: readonly ExpressionOperator[] = [
  getField,
  variadic("$mergeObjects", "Several documents merged into one.", mergeObjects),
  fieldSetter("$setField", "A document with one field added, replaced or removed."),
  fieldSetter("$unsetField", "A document without one field."),
];
