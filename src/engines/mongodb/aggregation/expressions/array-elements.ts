import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { isNumber } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { toInt32 } from "../numeric.js";
import { showValue } from "../show.js";
import {
  checkVariableName,
  type ExpressionOperator,
  isNullish,
  isTrue,
  namedArguments,
  operator,
  pure,
  type Scope,
} from "./expression.js";

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

/** The operators that compute something of each element. */
export const arrayElementOperators: readonly ExpressionOperator[] = [filter, map, reduce, zip];
