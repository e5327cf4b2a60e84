import { compareValues, equalValues, bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { toInt32 } from "../numeric.js";
import { showDouble, showValue } from "../show.js";
import { binary, type ExpressionOperator, isNullish, type Result, ranged, unary, variadic } from "./expression.js";

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

/** The operators on arrays. */
export const arrayOperators: readonly ExpressionOperator[] = [
  binary("$arrayElemAt", "The element of an array at an index; a negative index counts from the end.", arrayElemAt),
  unary("$arrayToObject", "Turns an array of key-value pairs into a document.", arrayToObject),
  variadic("$concatArrays", "Joins arrays.", concatArrays),
  unary("$first", "The first element of an array.", (array) => elementAt("$first", array, 0)),
  binary("$in", "Whether a value is in an array.", isIn),
  indexOfArrayOperator,
  unary("$isArray", "Whether a value is an array.", (value) => Array.isArray(value)),
  unary("$last", "The last element of an array.", (array) => elementAt("$last", array, -1)),
  unary("$objectToArray", "Turns a document into an array of key-value pairs.", objectToArray),
  ranged("$range", "A sequence of integers.", 2, 3, range),
  unary("$reverseArray", "The elements of an array in reverse.", reverseArray),
  unary("$size", "The number of elements of an array.", (array) => {
    if (!Array.isArray(array)) {
      throw mongoError(17124, `The argument to $size must be an array, but was of type: ${typeNameOf(array)}`);
    }
    return int32(array.length);
  }),
  ranged("$slice", "A part of an array.", 2, 3, slice),
];
