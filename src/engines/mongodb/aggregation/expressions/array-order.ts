import { compareValues, bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import { toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import { stableOrder } from "../sort-keys.js";
import {
  type Expression,
  type ExpressionOperator,
  isNullish,
  namedArguments,
  operator,
  type Result,
  unfolded,
} from "./expression.js";

const sortArray = operator("$sortArray", "Sorts the elements of an array.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: (value) =>
        mongoError(2942500, `$sortArray requires an object as an argument, found: ${typeNameOf(value)}`),
      unknown: (name) => mongoError(2942501, `$sortArray found an unknown argument: ${name}`),
    },
    ["input", "sortBy"],
  );
  if (!given.has("input")) throw mongoError(2942502, "$sortArray requires 'input' to be specified");
  const sortBy = given.get("sortBy");
  if (sortBy === undefined) throw mongoError(2942503, "$sortArray requires 'sortBy' to be specified");
  const order = elementOrder(sortBy);
  const input = scope.compile(given.get("input")!);
  return unfolded((root, vars) => {
    const array = input.evaluate(root, vars);
    if (isNullish(array)) return null;
    if (!Array.isArray(array)) {
      throw mongoError(
        2942504,
        `The input argument to $sortArray must be an array, but was of type: ${typeNameOf(array)}`,
      );
    }
    return order(array);
  });
});

function elementOrder(sortBy: Value): (array: readonly Value[]) => Value[] {
  if (sortBy instanceof Doc) {
    if (sortBy.isEmpty) {
      throw mongoError(2942505, "BadValue: The sort pattern is empty when it should be a set of fields.");
    }
    for (const [, value] of sortBy) {
      const direction = isNumber(value) ? toDouble(value) : Number.NaN;
      if (direction !== 1 && direction !== -1) {
        throw mongoError(2942505, "BadValue: The sort element value must be either 1 or -1");
      }
    }
    const { keyOf, compare } = stableOrder(sortBy);
    const none = new Doc();
    return (array) =>
      array
        .map((item: Value, order) => ({ item, order, keys: keyOf(item instanceof Doc ? item : none) }))
        .sort(compare)
        .map((each) => each.item as Value);
  }
  if (isNumber(sortBy)) {
    const direction = toDouble(sortBy);
    if (direction === 1) return (array) => array.slice().sort(compareValues);
    if (direction === -1) return (array) => array.slice().sort((a, b) => compareValues(b, a));
    throw mongoError(2942506, "The $sort element value must be either 1 or -1");
  }
  throw mongoError(
    2942507,
    "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields",
  );
}

/** Reads the `n` of `$firstN` and its kind. */
export function readCount(value: Result): number {
  if (!isNumber(value)) {
    throw mongoError(5787902, `Value for 'n' must be of integral type, but found ${showValue(value)}`);
  }
  const n = toInt64(value);
  if (n === undefined) {
    throw mongoError(5787903, `Value for 'n' must be of integral type, but found ${showValue(value)}`);
  }
  if (n <= 0n) throw mongoError(5787908, `'n' must be greater than 0, found ${n}`);
  return Number(n);
}

/** The arguments of `$firstN` and its kind, as expressions and as accumulators. */
export function countAndInput(name: string, argument: Value): { n: Value; input: Value } {
  const given = namedArguments(
    argument,
    {
      notAnObject: (value): MongoError =>
        mongoError(5787801, `specification must be an object; found ${name}: ${showValue(value)}`),
      unknown: (each) => mongoError(5787901, `Unknown argument for 'n' operator: ${each}`),
    },
    ["n", "input"],
  );
  const n = given.get("n");
  if (n === undefined) throw mongoError(5787906, "Missing value for 'n'");
  const input = given.get("input");
  if (input === undefined) throw mongoError(5787907, "Missing value for 'input'");
  return { n, input };
}

function several(name: string, summary: string, run: (array: Value[], n: number) => Value[]): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const given = countAndInput(name, argument);
    // Its parts are not computed beforehand either.
    const n: Expression = scope.withoutDeferred(() => scope.compile(given.n));
    const input = scope.withoutDeferred(() => scope.compile(given.input));
    return unfolded((root, vars) => {
      const count = readCount(n.evaluate(root, vars));
      const array = input.evaluate(root, vars);
      if (!Array.isArray(array)) throw mongoError(5788200, "Input must be an array");
      return run(array, count);
    });
  });
}

function extremes(array: Value[], n: number, order: (a: Value, b: Value) => number): Value[] {
  return array
    .filter((each) => !isNullish(each))
    .sort(order)
    .slice(0, n);
}

/** The operators that put elements in order, or take the first of an order. */
export const arrayOrderOperators: readonly ExpressionOperator[] = [
  several("$firstN", "The first n elements of an array.", (array, n) => array.slice(0, n)),
  several("$lastN", "The last n elements of an array.", (array, n) => array.slice(-n)),
  several("$maxN", "The n largest elements of an array.", (array, n) =>
    extremes(array, n, (a, b) => compareValues(b, a)),
  ),
  several("$minN", "The n smallest elements of an array.", (array, n) => extremes(array, n, compareValues)),
  sortArray,
];
