import { compareValues, bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import {
  binary,
  checkVariableName,
  constant,
  type Expression,
  type ExpressionOperator,
  isNullish,
  isTrue,
  namedArguments,
  operandsOf,
  operator,
  pure,
  type Result,
  type Scope,
  unary,
  type Variables,
} from "./expression.js";

/** `$and` and `$or` stop at the first operand that decides. */
function junction(name: string, summary: string, decisive: boolean): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const operands = operandsOf(argument, scope);
    const evaluate: Expression["evaluate"] = (root, vars) => {
      for (const each of operands) if (isTrue(each.evaluate(root, vars)) === decisive) return decisive;
      return !decisive;
    };
    // A constant that decides makes the whole constant, whatever stands beside it.
    for (const each of operands) {
      if (each.constant !== undefined && isTrue(each.constant.value) === decisive) {
        return pure(scope, [], () => decisive);
      }
    }
    return pure(scope, operands, evaluate);
  });
}

function comparison(name: string, summary: string, holds: (order: number) => boolean): ExpressionOperator {
  return binary(name, summary, (a, b) => holds(compareValues(a, b)));
}

const cond = operator("$cond", "One of two values, by a condition.", (argument, scope) => {
  let parts: Expression[];
  if (argument instanceof Doc) {
    const given = namedArguments(
      argument,
      {
        notAnObject: () => mongoError(17083, "unreachable"),
        unknown: (name) => mongoError(17083, `Unrecognized parameter to $cond: ${name}`),
      },
      ["if", "then", "else"],
    );
    for (const [name, code] of [
      ["if", 17080],
      ["then", 17081],
      ["else", 17082],
    ] as const) {
      if (!given.has(name)) throw mongoError(code, `Missing '${name}' parameter to $cond`);
    }
    parts = ["if", "then", "else"].map((name) => scope.compile(given.get(name)!));
  } else {
    const found = Array.isArray(argument) ? argument.length : 1;
    if (found !== 3) {
      throw mongoError(16020, `Expression $cond takes exactly 3 arguments. ${found} were passed in.`);
    }
    parts = operandsOf(argument, scope);
  }
  const [condition, then, otherwise] = parts as [Expression, Expression, Expression];
  if (condition.constant !== undefined) return isTrue(condition.constant.value) ? then : otherwise;
  return {
    evaluate: (root, vars) =>
      isTrue(condition.evaluate(root, vars)) ? then.evaluate(root, vars) : otherwise.evaluate(root, vars),
  };
});

const ifNull = operator(
  "$ifNull",
  "The first of several values that is neither null nor missing.",
  (argument, scope) => {
    const operands = operandsOf(argument, scope);
    if (operands.length < 2) throw mongoError(1257300, `$ifNull needs at least two arguments, had: ${operands.length}`);
    return pure(scope, operands, (root, vars) => {
      let value: Result;
      for (const each of operands) {
        value = each.evaluate(root, vars);
        if (!isNullish(value)) return value;
      }
      return value;
    });
  },
);

const switchOperator = operator("$switch", "The value of the first branch whose case is true.", (argument, scope) => {
  if (!(argument instanceof Doc)) {
    throw mongoError(40060, `$switch requires an object as an argument, found: ${typeNameOf(argument)}`);
  }
  const branches: { when: Expression; then: Expression }[] = [];
  let otherwise: Expression | undefined;
  for (const [name, value] of argument) {
    if (name === "branches") {
      if (!Array.isArray(value)) {
        throw mongoError(40061, `$switch expected an array for 'branches', found: ${typeNameOf(value)}`);
      }
      for (const branch of value) {
        if (!(branch instanceof Doc)) {
          throw mongoError(40062, `$switch expected each branch to be an object, found: ${typeNameOf(branch)}`);
        }
        let when: Expression | undefined;
        let then: Expression | undefined;
        const decided = branches.some(
          ({ when: earlier }) => earlier.constant !== undefined && isTrue(earlier.constant.value),
        );
        const compile = (part: Value) =>
          decided ? scope.withoutDeferred(() => scope.compile(part)) : scope.compile(part);
        for (const [key, part] of branch) {
          if (key === "case") when = compile(part);
          else if (key === "then") then = compile(part);
          else throw mongoError(40063, `$switch found an unknown argument to a branch: ${key}`);
        }
        if (when === undefined) throw mongoError(40064, "$switch requires each branch have a 'case' expression");
        if (then === undefined) throw mongoError(40065, "$switch requires each branch have a 'then' expression.");
        branches.push({ when, then });
      }
    } else if (name === "default") {
      if (otherwise !== undefined) throw mongoError(40066, "$switch with multiple 'default' arguments");
      otherwise = scope.compile(value);
    } else {
      throw mongoError(40067, `$switch found an unknown argument: ${name}`);
    }
  }
  if (branches.length === 0) throw mongoError(40068, "$switch requires at least one branch");
  const possible = branches.filter(({ when }) => when.constant === undefined || isTrue(when.constant.value));
  if (possible.length === 0 && otherwise === undefined) {
    scope.defer(
      mongoError(40069, "Cannot execute a switch statement where all the cases evaluate to false without a default"),
    );
  }
  if (possible.length === 0 && otherwise !== undefined) return otherwise;
  if (possible[0]?.when.constant !== undefined) return possible[0].then;
  return {
    evaluate: (root, vars) => {
      for (const { when, then } of possible) if (isTrue(when.evaluate(root, vars))) return then.evaluate(root, vars);
      if (otherwise !== undefined) return otherwise.evaluate(root, vars);
      throw mongoError(40066, "$switch could not find a matching branch for an input, and no default was specified.");
    },
  };
});

const letOperator = operator("$let", "Binds variables for one expression.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: () => mongoError(16874, "$let only supports an object as its argument"),
      unknown: (name) => mongoError(16875, `Unrecognized parameter to $let: ${name}`),
    },
    ["vars", "in"],
  );
  const vars = given.get("vars");
  if (vars === undefined) throw mongoError(16876, "Missing 'vars' parameter to $let");
  const body = given.get("in");
  if (body === undefined) throw mongoError(16877, "Missing 'in' parameter to $let");
  if (!(vars instanceof Doc)) throw mongoError(10065, "invalid parameter: expected an object (vars)");
  const bound = bindVariables(vars, scope);
  const compiled = bound.scope.compile(body);
  if (compiled.constant !== undefined) return compiled;
  return {
    evaluate: (root, variables) => {
      bound.assign(root, variables);
      return compiled.evaluate(root, variables);
    },
  };
});

/** The variables of `$let` and of `$lookup`'s `let`: all are computed before any is bound. */
export function bindVariables(
  vars: Doc,
  scope: Scope,
): {
  scope: Scope;
  assign(root: Doc, variables: Variables): void;
} {
  const names: string[] = [];
  const values: Expression[] = [];
  for (const [name, value] of vars) {
    checkVariableName(name);
    names.push(name);
    values.push(scope.compile(value));
  }
  const bound = scope.bind(...names);
  return {
    scope: bound.scope,
    assign: (root, variables) => {
      const results = values.map((each) => each.evaluate(root, variables));
      for (let i = 0; i < results.length; i++) variables.slots[bound.slots[i]!] = results[i];
    },
  };
}

const literal = (name: string, summary: string) => operator(name, summary, (argument: Value) => constant(argument));

/** Booleans, comparison, conditions, variables. */
export const logicOperators: readonly ExpressionOperator[] = [
  junction("$and", "Whether all operands are true.", false),
  binary("$cmp", "-1, 0 or 1: how two values stand in MongoDB's order.", (a, b) =>
    int32(Math.sign(compareValues(a, b))),
  ),
  cond,
  literal("$const", "The same as $literal."),
  comparison("$eq", "Whether two values are equal.", (order) => order === 0),
  operator("$expr", "The expression itself.", (argument, scope) => scope.compile(argument)),
  comparison("$gt", "Whether the first value is greater.", (order) => order > 0),
  comparison("$gte", "Whether the first value is greater or equal.", (order) => order >= 0),
  ifNull,
  letOperator,
  literal("$literal", "A value that is not read as an expression."),
  comparison("$lt", "Whether the first value is less.", (order) => order < 0),
  comparison("$lte", "Whether the first value is less or equal.", (order) => order <= 0),
  comparison("$ne", "Whether two values differ.", (order) => order !== 0),
  unary("$not", "The opposite of a boolean.", (value) => !isTrue(value)),
  junction("$or", "Whether an operand is true.", true),
  switchOperator,
];
