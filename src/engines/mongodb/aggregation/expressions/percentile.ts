import { Doc } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { badValue, MongoError, mongoError } from "../../errors.js";
import { showValue } from "../show.js";
import { percentileOf, sortDoubles } from "../statistics.js";
import { type ExpressionOperator, operator, pure, type Scope } from "./expression.js";

/** The checked arguments of `$median` and `$percentile`; `p` of the median is not given. */
export interface PercentileArguments {
  readonly input: Value;
  /** undefined: the median, answered as one number */
  readonly p: readonly number[] | undefined;
}

/** Reads `{ input, p, method: "approximate" }`. The engine computes exactly; MongoDB does too for small inputs. */
export function percentileArguments(
  name: "$median" | "$percentile",
  argument: Value,
  scope: Scope,
): PercentileArguments {
  if (!(argument instanceof Doc)) {
    throw mongoError(
      name === "$median" ? 7436100 : 7436200,
      `specification must be an object; found ${name}: ${showValue(argument)}`,
    );
  }
  const known = name === "$median" ? ["input", "method"] : ["input", "p", "method"];
  for (const key of argument.keys()) {
    if (!known.includes(key)) {
      throw new MongoError(40415, "IDLUnknownField", `BSON field '${name}.${key}' is an unknown field.`);
    }
  }
  for (const key of known) {
    if (!argument.has(key)) {
      throw new MongoError(40414, "IDLFailedToParse", `BSON field '${name}.${key}' is missing but a required field`);
    }
  }
  if (argument.get("method") !== "approximate") {
    throw badValue("Currently only 'approximate' can be used as a percentile 'method'.");
  }
  const input = argument.get("input")!;
  if (name === "$median") return { input, p: undefined };
  const p = scope.compile(argument.get("p")!).constant?.value;
  if (!Array.isArray(p) || p.length === 0) {
    throw mongoError(
      7750301,
      `The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: ${showValue(p)}`,
    );
  }
  return {
    input,
    p: p.map((each) => {
      if (!isNumber(each)) {
        throw mongoError(
          7750302,
          `The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: ${showValue(each)}`,
        );
      }
      const share = toDouble(each);
      if (!(share >= 0 && share <= 1)) {
        throw mongoError(
          7750303,
          `The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: ${showValue(each)}`,
        );
      }
      return share;
    }),
  };
}

/** The answer over the numbers that came. */
export function percentileResult(values: number[], p: readonly number[] | undefined): Value {
  const sorted = sortDoubles(values);
  return p === undefined ? percentileOf(sorted, 0.5) : p.map((each) => percentileOf(sorted, each));
}

function percentile(name: "$median" | "$percentile", summary: string): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const given = percentileArguments(name, argument, scope);
    const input = scope.compile(given.input);
    return pure(scope, [input], (root, vars) => {
      const value = input.evaluate(root, vars);
      const all: readonly Value[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
      return percentileResult(all.filter(isNumber).map(toDouble), given.p);
    });
  });
}

/** `$median` and `$percentile` over an array. */
export const percentileOperators: readonly ExpressionOperator[] = [
  percentile("$median", "The median of the numbers of an array."),
  percentile("$percentile", "Percentiles of the numbers of an array."),
];
