import { compareValues, equalValues, bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import { toInt32, toInt64 } from "../numeric.js";
import { showDouble, showValue } from "../show.js";
import { stableOrder } from "../sort-keys.js";
import {
  binary,
  checkVariableName,
  type Expression,
  type ExpressionOperator,
  isNullish,
  isTrue,
  namedArguments,
  operator,
  pure,
  type Result,
  ranged,
  type Scope,
  unary,
  unfolded,
  variadic,
} from "./expression.js";

/** What one expression may build in memory before it is refused. */
export const memoryLimitBytes = 100 * 1024 * 1024;

function elementAt(name: string, array: Result, index: number): Result {
  if (isNullish(array)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(28689, `${name}'s argument must be an array, but is ${typeNameOf(array)}`);
  }
  return array.at(index);
}

function arrayElemAt(array: Result, index: Result): Result {
  if (isNullish(array) || isNullish(index)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(28689, `$arrayElemAt's first argument must be an array, but is ${typeNameOf(array)}`);
  }
  if (!isNumber(index)) {
    throw mongoError(28690, `$arrayElemAt's second argument must be a numeric value, but is ${typeNameOf(index)}`);
  }
  const at = toInt32(index);
  if (at === undefined) {
    throw mongoError(
      28691,
      `$arrayElemAt's second argument must be representable as a 32-bit integer: ${showDouble(toDouble(index))}`,
    );
  }
  return array.at(at);
}

function concatArrays(operands: Iterable<Result>): Result {
  const all: Value[] = [];
  for (const each of operands) {
    if (isNullish(each)) return null;
    if (!Array.isArray(each)) {
      throw mongoError(28664, `$concatArrays only supports arrays, not ${typeNameOf(each)}`);
    }
    for (const element of each) all.push(element);
  }
  return all;
}

function arrayToObject(array: Result): Result {
  if (isNullish(array)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(40386, `$arrayToObject requires an array input, found: ${typeNameOf(array)}`);
  }
  const result = new Doc();
  if (array.length === 0) return result;
  const pairs = Array.isArray(array[0]);
  if (!pairs && !(array[0] instanceof Doc)) {
    throw mongoError(40398, `Unrecognised input type format for $arrayToObject: ${typeNameOf(array[0])}`);
  }
  for (const element of array) {
    if (pairs) {
      if (!Array.isArray(element)) {
        throw mongoError(
          40396,
          `$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Array was detected, now found: ${typeNameOf(element)}`,
        );
      }
      if (element.length !== 2) {
        throw mongoError(
          40397,
          `$arrayToObject requires an array of size 2 arrays,found array of size: ${element.length}`,
        );
      }
      const [key, value] = element;
      if (typeof key !== "string") {
        throw mongoError(
          40395,
          `$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: ${typeNameOf(key)}`,
        );
      }
      noNulInKey(key);
      result.set(key, value!);
      continue;
    }
    if (!(element instanceof Doc)) {
      throw mongoError(
        40391,
        `$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Object was detected, now found: ${typeNameOf(element)}`,
      );
    }
    if (element.size !== 2) {
      throw mongoError(
        40392,
        `$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number of keys:${element.size}`,
      );
    }
    const key = element.get("k");
    const value = element.get("v");
    if (key === undefined || value === undefined) {
      throw mongoError(
        40393,
        `$arrayToObject requires an object with keys 'k' and 'v'. Missing either or both keys from: ${showValue(element)}`,
      );
    }
    if (typeof key !== "string") {
      throw mongoError(
        40394,
        `$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. Found type: ${typeNameOf(key)}`,
      );
    }
    noNulInKey(key);
    result.set(key, value);
  }
  return result;
}

function noNulInKey(key: string): void {
  if (key.includes("\0")) throw mongoError(4940400, "Key field cannot contain an embedded null byte");
}

function objectToArray(value: Result): Result {
  if (isNullish(value)) return null;
  if (!(value instanceof Doc)) {
    throw mongoError(40390, `$objectToArray requires a document input, found: ${typeNameOf(value)}`);
  }
  return [...value].map(([k, v]) => Doc.of(["k", "v"], [k, v]));
}

function slice(operands: Result[], count: number): Result {
  const [array, second, third] = operands;
  if (isNullish(array) || isNullish(second)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(28724, `First argument to $slice must be an array, but is of type: ${typeNameOf(array)}`);
  }
  if (!isNumber(second)) {
    throw mongoError(28725, `Second argument to $slice must be a numeric value, but is of type: ${typeNameOf(second)}`);
  }
  const n = toInt32(second);
  if (n === undefined) {
    throw mongoError(
      28726,
      `Second argument to $slice can't be represented as a 32-bit integer: ${showDouble(toDouble(second))}`,
    );
  }
  if (count === 2) return n >= 0 ? array.slice(0, n) : array.slice(Math.max(0, array.length + n));
  if (isNullish(third)) return null;
  if (!isNumber(third)) {
    throw mongoError(28727, `Third argument to $slice must be numeric, but is of type: ${typeNameOf(third)}`);
  }
  const length = toInt32(third);
  if (length === undefined) {
    throw mongoError(
      28728,
      `Third argument to $slice can't be represented as a 32-bit integer: ${showDouble(toDouble(third))}`,
    );
  }
  if (length <= 0) throw mongoError(28729, `Third argument to $slice must be positive: ${length}`);
  const from = n >= 0 ? n : Math.max(0, array.length + n);
  return array.slice(from, from + length);
}

/** Reads a start or end of `$indexOfArray`, `$indexOfCP` or `$indexOfBytes`. */
export function readIndex(name: string, what: string, value: Result): number {
  const index = isNumber(value) ? toInt32(value) : undefined;
  if (index === undefined) {
    throw mongoError(
      40096,
      `${name}requires an integral ${what} index, found a value of type: ${typeNameOf(value)}, with value: ${showValue(value)}`,
    );
  }
  if (index < 0) throw mongoError(40097, `${name} requires a nonnegative ${what} index, found: ${index}`);
  return index;
}

function indexOfArray(operands: Result[], count: number): Result {
  const [array, wanted] = operands;
  if (isNullish(array)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(40090, `$indexOfArray requires an array as a first argument, found: ${typeNameOf(array)}`);
  }
  const from = count > 2 ? readIndex("$indexOfArray", "starting", operands[2]) : 0;
  const to = count > 3 ? Math.min(array.length, readIndex("$indexOfArray", "ending", operands[3])) : array.length;
  for (let i = from; i < to; i++) {
    if (wanted !== undefined && compareValues(array[i], wanted) === 0) return int32(i);
  }
  return int32(-1);
}

const plainIndexOfArray = ranged("$indexOfArray", "Where a value first occurs in an array.", 2, 4, indexOfArray);

const indexOfArrayOperator: ExpressionOperator = {
  ...plainIndexOfArray,
  compile: (argument, scope) => {
    const compiled = plainIndexOfArray.compile(argument, scope);
    // A constant array is checked beforehand, with an error of its own, unless all is constant.
    const array = Array.isArray(argument)
      ? scope.withoutDeferred(() => scope.compile(argument[0]!)).constant
      : undefined;
    if (
      compiled.constant === undefined &&
      array !== undefined &&
      !isNullish(array.value) &&
      !Array.isArray(array.value)
    ) {
      const rest = (argument as Value[]).slice(1).map((each) => scope.withoutDeferred(() => scope.compile(each)));
      if (rest.some((each) => each.constant === undefined)) {
        scope.defer(
          mongoError(
            50809,
            `First operand of $indexOfArray must be an array. First argument is of type: ${typeNameOf(array.value)}`,
          ),
        );
      }
    }
    return compiled;
  },
};

function range(operands: Result[], count: number): Result {
  const [startValue, endValue, stepValue] = operands;
  const start = bound(startValue, "starting", 34443, 34444);
  const end = bound(endValue, "ending", 34445, 34446);
  let step = 1;
  if (count === 3) {
    if (!isNumber(stepValue)) {
      throw mongoError(34447, `$range requires a numeric step value, found value of type:${typeNameOf(stepValue)}`);
    }
    const given = toInt32(stepValue);
    if (given === undefined) {
      throw mongoError(
        34448,
        `$range requires a step value that can be represented as a 32-bit integer, found value: ${showValue(stepValue)}`,
      );
    }
    if (given === 0) throw mongoError(34449, "$range requires a non-zero step value");
    step = given;
  }
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (length * 16 > memoryLimitBytes) {
    throw mongoError(
      146,
      `$range would use too much memory (${length * 16} bytes) and cannot spill to disk. Memory limit: ${memoryLimitBytes} bytes`,
    );
  }
  const values: Value[] = [];
  for (let i = 0; i < length; i++) values.push(int32(start + i * step));
  return values;
}

function bound(value: Result, what: "starting" | "ending", notNumeric: number, notInteger: number): number {
  if (!isNumber(value)) {
    throw mongoError(notNumeric, `$range requires a numeric ${what} value, found value of type: ${typeNameOf(value)}`);
  }
  const index = toInt32(value);
  if (index !== undefined) return index;
  const article = what === "starting" ? "a starting" : "an ending";
  throw mongoError(
    notInteger,
    `$range requires ${article} value that can be represented as a 32-bit integer, found value: ${showValue(value)}`,
  );
}

function reverseArray(array: Result): Result {
  if (isNullish(array)) return null;
  if (!Array.isArray(array)) {
    throw mongoError(34435, `The argument to $reverseArray must be an array, but was of type: ${typeNameOf(array)}`);
  }
  return array.slice().reverse();
}

function isIn(value: Result, array: Result): Result {
  if (!Array.isArray(array)) {
    throw mongoError(40081, `$in requires an array as a second argument, found: ${typeNameOf(array)}`);
  }
  return value !== undefined && array.some((each) => equalValues(each, value));
}

/** Compiles `{ input, as?, in | cond }` of `$map` and `$filter`: the variable is the element. */
function elementScope(scope: Scope, as: Value | undefined): { scope: Scope; slot: number } {
  let name = "this";
  if (as !== undefined) {
    name = typeof as === "string" ? as : "";
    checkVariableName(name);
  }
  const bound = scope.bind(name);
  return { scope: bound.scope, slot: bound.slots[0]! };
}

const map = operator("$map", "Applies an expression to each element of an array.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: () => mongoError(16878, "$map only supports an object as its argument"),
      unknown: (name) => mongoError(16879, `Unrecognized parameter to $map: ${name}`),
    },
    ["input", "as", "in"],
  );
  if (!given.has("input")) throw mongoError(16880, "Missing 'input' parameter to $map");
  if (!given.has("in")) throw mongoError(16882, "Missing 'in' parameter to $map");
  const input = scope.compile(given.get("input")!);
  const element = elementScope(scope, given.get("as"));
  const body = element.scope.compile(given.get("in")!);
  return {
    evaluate: (root, vars) => {
      const array = input.evaluate(root, vars);
      if (isNullish(array)) return null;
      if (!Array.isArray(array)) throw mongoError(16883, `input to $map must be an array not ${typeNameOf(array)}`);
      const result: Value[] = [];
      for (const each of array) {
        vars.slots[element.slot] = each;
        result.push(body.evaluate(root, vars) ?? null);
      }
      return result;
    },
  };
});

const filter = operator("$filter", "Selects the elements of an array that meet a condition.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: () => mongoError(28646, "$filter only supports an object as its argument"),
      unknown: (name) => mongoError(28647, `Unrecognized parameter to $filter: ${name}`),
    },
    ["input", "as", "cond", "limit"],
  );
  if (!given.has("input")) throw mongoError(28648, "Missing 'input' parameter to $filter");
  if (!given.has("cond")) throw mongoError(28650, "Missing 'cond' parameter to $filter");
  const input = scope.compile(given.get("input")!);
  const element = elementScope(scope, given.get("as"));
  const condition = element.scope.compile(given.get("cond")!);
  const limit = given.has("limit") ? scope.compile(given.get("limit")!) : undefined;
  return {
    evaluate: (root, vars) => {
      const array = input.evaluate(root, vars);
      if (isNullish(array)) return null;
      if (!Array.isArray(array)) throw mongoError(28651, `input to $filter must be an array not ${typeNameOf(array)}`);
      let most = array.length;
      const given = limit?.evaluate(root, vars);
      if (!isNullish(given)) {
        const wanted = isNumber(given) ? toInt32(given) : undefined;
        if (wanted === undefined) {
          throw mongoError(
            327391,
            `$filter: limit must be represented as a 32-bit integral value: ${showValue(given)}`,
          );
        }
        if (wanted < 1) throw mongoError(327392, `$filter: limit must be greater than 0: ${wanted}`);
        most = wanted;
      }
      const result: Value[] = [];
      for (const each of array) {
        vars.slots[element.slot] = each;
        if (!isTrue(condition.evaluate(root, vars))) continue;
        result.push(each);
        if (result.length === most) break;
      }
      return result;
    },
  };
});

const reduce = operator("$reduce", "Folds an array into one value.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: (value) =>
        mongoError(40075, `$reduce requires an object as an argument, found: ${typeNameOf(value)}`),
      unknown: (name) => mongoError(40076, `$reduce found an unknown argument: ${name}`),
    },
    ["input", "initialValue", "in"],
  );
  if (!given.has("input")) throw mongoError(40077, "$reduce requires 'input' to be specified");
  if (!given.has("initialValue")) throw mongoError(40078, "$reduce requires 'initialValue' to be specified");
  if (!given.has("in")) throw mongoError(40079, "$reduce requires 'in' to be specified");
  const input = scope.compile(given.get("input")!);
  const initial = scope.compile(given.get("initialValue")!);
  const bound = scope.bind("this", "value");
  const [thisSlot, valueSlot] = bound.slots as [number, number];
  const body = bound.scope.compile(given.get("in")!);
  return {
    evaluate: (root, vars) => {
      const array = input.evaluate(root, vars);
      if (isNullish(array)) return null;
      if (!Array.isArray(array)) {
        throw mongoError(40080, `$reduce requires that 'input' be an array, found: ${showValue(array)}`);
      }
      let accumulated = initial.evaluate(root, vars);
      for (const each of array) {
        vars.slots[thisSlot] = each;
        vars.slots[valueSlot] = accumulated;
        accumulated = body.evaluate(root, vars);
      }
      return accumulated;
    },
  };
});

const zip = operator("$zip", "Merges arrays element by element.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: (value) =>
        mongoError(34460, `$zip only supports an object as an argument, found ${typeNameOf(value)}`),
      unknown: (name) => mongoError(34464, `$zip found an unknown argument: ${name}`),
    },
    ["inputs", "useLongestLength", "defaults"],
  );
  const inputsValue = given.get("inputs");
  if (inputsValue !== undefined && !Array.isArray(inputsValue)) {
    throw mongoError(34461, `inputs must be an array of expressions, found ${typeNameOf(inputsValue)}`);
  }
  const defaultsValue = given.get("defaults");
  if (defaultsValue !== undefined && !Array.isArray(defaultsValue)) {
    throw mongoError(34462, `defaults must be an array of expressions, found ${typeNameOf(defaultsValue)}`);
  }
  const longest = given.get("useLongestLength") ?? false;
  if (typeof longest !== "boolean") {
    throw mongoError(34463, `useLongestLength must be a bool, found ${typeNameOf(longest)}`);
  }
  const inputs = (inputsValue ?? []).map((each) => scope.compile(each));
  const defaults = (defaultsValue ?? []).map((each) => scope.compile(each));
  if (inputs.length === 0) throw mongoError(34465, "$zip requires at least one input array");
  if (defaults.length > 0) {
    if (!longest) throw mongoError(34466, "cannot specify defaults unless useLongestLength is true");
    if (defaults.length !== inputs.length) throw mongoError(34467, "defaults and inputs must have the same length");
  }
  return pure(scope, [...inputs, ...defaults], (root, vars) => {
    const arrays: Value[][] = [];
    for (const each of inputs) {
      const value = each.evaluate(root, vars);
      if (isNullish(value)) return null;
      if (!Array.isArray(value)) {
        throw mongoError(34468, `$zip found a non-array expression in input: ${showValue(value)}`);
      }
      arrays.push(value);
    }
    const fill = defaults.map((each) => each.evaluate(root, vars) ?? null);
    const lengths = arrays.map((each) => each.length);
    const length = longest ? Math.max(...lengths) : Math.min(...lengths);
    return Array.from({ length }, (_, row) => arrays.map((each, i) => each[row] ?? fill[i] ?? null));
  });
});

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

/** The operators on arrays. */
export const arrayOperators: readonly ExpressionOperator[] = [
  binary("$arrayElemAt", "The element of an array at an index; a negative index counts from the end.", arrayElemAt),
  unary("$arrayToObject", "Turns an array of key-value pairs into a document.", arrayToObject),
  variadic("$concatArrays", "Joins arrays.", concatArrays),
  filter,
  unary("$first", "The first element of an array.", (array) => elementAt("$first", array, 0)),
  several("$firstN", "The first n elements of an array.", (array, n) => array.slice(0, n)),
  binary("$in", "Whether a value is in an array.", isIn),
  indexOfArrayOperator,
  unary("$isArray", "Whether a value is an array.", (value) => Array.isArray(value)),
  unary("$last", "The last element of an array.", (array) => elementAt("$last", array, -1)),
  several("$lastN", "The last n elements of an array.", (array, n) => array.slice(-n)),
  map,
  several("$maxN", "The n largest elements of an array.", (array, n) =>
    extremes(array, n, (a, b) => compareValues(b, a)),
  ),
  several("$minN", "The n smallest elements of an array.", (array, n) => extremes(array, n, compareValues)),
  unary("$objectToArray", "Turns a document into an array of key-value pairs.", objectToArray),
  ranged("$range", "A sequence of integers.", 2, 3, range),
  reduce,
  unary("$reverseArray", "The elements of an array in reverse.", reverseArray),
  unary("$size", "The number of elements of an array.", (array) => {
    if (!Array.isArray(array)) {
      throw mongoError(17124, `The argument to $size must be an array, but was of type: ${typeNameOf(array)}`);
    }
    return int32(array.length);
  }),
  ranged("$slice", "A part of an array.", 2, 3, slice),
  sortArray,
  zip,
];
