import { compareValues } from "../../bson/compare.js";
import type { Value } from "../../bson/values.js";
import { Deviation } from "../statistics.js";
import { Summation } from "../summation.js";
import { type ExpressionOperator, isNullish, operandsOf, operator, pure, type Result } from "./expression.js";

/** An accumulator as an expression: over its operands, or over the elements of its one operand. */
function total(name: string, summary: string, run: (values: readonly Result[]) => Value): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const operands = operandsOf(argument, scope);
    return pure(scope, operands, (root, vars) => {
      const values = operands.map((each) => each.evaluate(root, vars));
      return run(values.length === 1 && Array.isArray(values[0]) ? values[0] : values);
    });
  });
}

function extreme(sign: 1 | -1): (values: readonly Result[]) => Value {
  return (values) => {
    let found: Value = null;
    for (const each of values) {
      if (isNullish(each)) continue;
      if (found === null || compareValues(each, found) * sign > 0) found = each;
    }
    return found;
  };
}

function deviation(read: (deviation: Deviation) => Value): (values: readonly Result[]) => Value {
  return (values) => {
    const all = new Deviation();
    for (const each of values) all.add(each);
    return read(all);
  };
}

function summation(read: (sum: Summation) => Value): (values: readonly Result[]) => Value {
  return (values) => {
    const sum = new Summation();
    for (const each of values) sum.add(each);
    return read(sum);
  };
}

/** The accumulators that are expressions too. */
export const totalOperators: readonly ExpressionOperator[] = [
  total(
    "$avg",
    "The mean of numbers.",
    summation((sum) => sum.average()),
  ),
  total("$max", "The largest of values.", extreme(1)),
  total("$min", "The smallest of values.", extreme(-1)),
  total(
    "$stdDevPop",
    "The standard deviation of a population.",
    deviation((all) => all.population()),
  ),
  total(
    "$stdDevSamp",
    "The standard deviation of a sample.",
    deviation((all) => all.sample()),
  ),
  total(
    "$sum",
    "The sum of numbers.",
    summation((sum) => sum.sum()),
  ),
];
