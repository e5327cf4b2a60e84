import { compareValues, bsonTypeName as typeNameOf } from "../../bson/compare.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import { ValueSet } from "../value-set.js";
import {
  binary,
  constantsLast,
  type Expression,
  type ExpressionOperator,
  isNullish,
  isTrue,
  type Result,
  type Scope,
  unary,
  variadic,
} from "./expression.js";

function union(operands: Iterable<Result>): Result {
  const all = new ValueSet();
  for (const each of operands) {
    if (isNullish(each)) return null;
    if (!Array.isArray(each)) {
      throw mongoError(17043, `All operands of $setUnion must be arrays. One argument is of type: ${typeNameOf(each)}`);
    }
    for (const element of each) all.add(element);
  }
  return all.values().sort(compareValues);
}

function intersection(operands: Iterable<Result>): Result {
  let common: ValueSet | undefined;
  for (const each of operands) {
    if (isNullish(each)) return null;
    if (!Array.isArray(each)) {
      throw mongoError(
        17047,
        `All operands of $setIntersection must be arrays. One argument is of type: ${typeNameOf(each)}`,
      );
    }
    const here = ValueSet.of(each);
    const next = new ValueSet();
    if (common === undefined) for (const element of each) next.add(element);
    else for (const element of common.values()) if (here.has(element)) next.add(element);
    common = next;
  }
  return (common?.values() ?? []).sort(compareValues);
}

function difference(left: Result, right: Result): Result {
  if (isNullish(left) || isNullish(right)) return null;
  if (!Array.isArray(left)) {
    throw mongoError(
      17048,
      `both operands of $setDifference must be arrays. First argument is of type: ${typeNameOf(left)}`,
    );
  }
  if (!Array.isArray(right)) {
    throw mongoError(
      17049,
      `both operands of $setDifference must be arrays. Second argument is of type: ${typeNameOf(right)}`,
    );
  }
  const seen = ValueSet.of(right);
  return left.filter((element) => seen.add(element));
}

function equalSets(operands: Iterable<Result>): Result {
  const sets: ValueSet[] = [];
  for (const each of operands) {
    if (!Array.isArray(each)) throw notASet(17044, sets.length, each);
    sets.push(ValueSet.of(each));
  }
  const [first, ...rest] = sets;
  return rest.every((each) => each.size === first!.size && each.values().every((element) => first!.has(element)));
}

function notASet(code: number, place: number, found: Result): MongoError {
  return mongoError(
    code,
    `All operands of $setEquals must be arrays. ${place + 1}-th argument is of type: ${typeNameOf(found)}`,
  );
}

/** The constant operands of `$setEquals` are checked beforehand, with a code of their own. */
function checkEqualSets(operands: readonly Expression[], scope: Scope): void {
  if (operands.length < 2) throw mongoError(17045, `$setEquals needs at least two arguments had: ${operands.length}`);
  for (const [i, each] of operands.entries()) {
    if (each.constant !== undefined && !Array.isArray(each.constant.value)) {
      scope.defer(notASet(5887502, i, each.constant.value));
    }
  }
}

function isSubset(left: Result, right: Result): Result {
  if (!Array.isArray(left)) {
    throw mongoError(
      17046,
      `both operands of $setIsSubset must be arrays. First argument is of type: ${typeNameOf(left)}`,
    );
  }
  if (!Array.isArray(right)) {
    throw mongoError(
      17042,
      `both operands of $setIsSubset must be arrays. Second argument is of type: ${typeNameOf(right)}`,
    );
  }
  const within = ValueSet.of(right);
  return left.every((element) => within.has(element));
}

function truth(name: string, code: number, value: Result, all: boolean): Result {
  if (!Array.isArray(value)) {
    throw mongoError(code, `${name}'s argument must be an array, but is ${typeNameOf(value)}`);
  }
  return all ? value.every((each: Value) => isTrue(each)) : value.some((each: Value) => isTrue(each));
}

const plainIsSubset = binary("$setIsSubset", "Whether all elements of the first set are in the second.", isSubset);

const setIsSubset: ExpressionOperator = {
  ...plainIsSubset,
  compile: (argument, scope) => {
    const compiled = plainIsSubset.compile(argument, scope);
    const [left, right] = (argument as Value[]).map((each) => scope.withoutDeferred(() => scope.compile(each)));
    if (left!.constant === undefined && right!.constant !== undefined && !Array.isArray(right!.constant.value)) {
      scope.defer(
        mongoError(
          17311,
          `both operands of $setIsSubset must be arrays. Second argument is of type: ${typeNameOf(right!.constant.value)}`,
        ),
      );
    }
    return compiled;
  },
};

/** The operators that read arrays as sets. */
export const setOperators: readonly ExpressionOperator[] = [
  unary("$allElementsTrue", "Whether no element of a set is false.", (value) =>
    truth("$allElementsTrue", 17040, value, true),
  ),
  unary("$anyElementTrue", "Whether an element of a set is true.", (value) =>
    truth("$anyElementTrue", 17041, value, false),
  ),
  binary("$setDifference", "The elements of the first set that are not in the second.", difference),
  variadic("$setEquals", "Whether sets have the same distinct elements.", equalSets, checkEqualSets),
  variadic("$setIntersection", "The elements that all sets have.", intersection, undefined, constantsLast),
  setIsSubset,
  variadic("$setUnion", "The elements of all sets.", union, undefined, constantsLast),
];
