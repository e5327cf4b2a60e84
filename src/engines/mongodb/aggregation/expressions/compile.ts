import type { Timestamp } from "bson";
import { Doc } from "../../bson/doc.js";
import { DateTime, type Value } from "../../bson/values.js";
import { failedToParse, mongoError } from "../../errors.js";
import { showValue } from "../show.js";
import {
  checkVariableCharacter,
  constant,
  type Expression,
  operandsOf,
  pure,
  type Result,
  Scope,
  unknownExpression,
  Variables,
} from "./expression.js";
import { checkFieldName, parsePath, readPath, readThroughArray } from "./field-path.js";
import { expressionOperators } from "./table.js";

const operatorsByName = new Map(expressionOperators.map((each) => [each.name, each]));

/** What expressions of one command share: the names they may use, and the values that stand behind the names. */
export interface Environment {
  readonly scope: Scope;
  readonly variables: Variables;
}

/** The environment of a command: its moment, its `let` (constant expressions) and its random numbers. */
export function createEnvironment(
  options: {
    readonly now?: DateTime | undefined;
    readonly let?: Doc | undefined;
    readonly random?: (() => number) | undefined;
    readonly clusterTime?: Timestamp | undefined;
  } = {},
): Environment {
  const variables = new Variables({
    now: options.now ?? new DateTime(Date.now()),
    clusterTime: options.clusterTime,
    random: options.random,
  });
  let scope = new Scope(
    { slots: 0, deferred: [], operators: (name) => operatorsByName.get(name) },
    new Map(),
    compileOperand,
  );
  if (options.let !== undefined) {
    const values = [...options.let].map(([name, value]) => {
      checkLetName(name);
      const expression = scope.compile(value);
      scope.settle();
      return [name, expression.evaluate(new Doc(), variables)] as const;
    });
    const bound = scope.bind(...values.map(([name]) => name));
    for (const [i, slot] of bound.slots.entries()) variables.slots[slot] = values[i]![1];
    scope = bound.scope;
  }
  return { scope, variables };
}

function checkLetName(name: string): void {
  if (name === "" || !/^[a-z\u0080-\uffff]/.test(name)) {
    throw failedToParse(`'${name}' starts with an invalid character for a user variable name`);
  }
  for (const char of name) checkVariableCharacter(name, char);
}

/**
 * Compiles an aggregation expression. Without a scope only system variables may be used; `evaluate` then takes the
 * variables of any environment.
 *
 * @throws MongoError with MongoDB's code when the expression is not valid
 * @example
 * const { scope, variables } = createEnvironment();
 * compileExpression(Doc.from([["$add", ["$price", "$fee"]]]), scope).evaluate(doc, variables);
 */
export function compileExpression(value: Value, scope: Scope = createEnvironment().scope): Expression {
  const expression = compileOperand(value, scope);
  scope.settle();
  return expression;
}

function compileOperand(value: Value, scope: Scope): Expression {
  if (typeof value === "string") return value.startsWith("$") ? compileReference(value, scope) : constant(value);
  if (value instanceof Doc) return compileObject(value, scope);
  if (Array.isArray(value)) return compileArray(value, scope);
  return constant(value);
}

function compileObject(doc: Doc, scope: Scope): Expression {
  const first = doc.first();
  if (first === undefined) return constant(doc);
  const [name, argument] = first;
  if (name.startsWith("$")) {
    if (doc.size !== 1) {
      throw mongoError(15983, `An object representing an expression must have exactly one field: ${showValue(doc)}`);
    }
    const operator = scope.operator(name);
    if (operator === undefined) throw unknownExpression(name);
    return operator.compile(argument, scope);
  }
  const names: string[] = [];
  const values: Expression[] = [];
  for (const [key, value] of doc) {
    checkFieldName(key);
    if (names.includes(key))
      throw mongoError(16406, `duplicate field name specified in object literal: ${showValue(doc)}`);
    names.push(key);
    values.push(scope.compile(value));
  }
  return pure(scope, values, (root, vars) => {
    const keys: string[] = [];
    const found: Value[] = [];
    for (let i = 0; i < names.length; i++) {
      const each = values[i]!.evaluate(root, vars);
      if (each === undefined) continue;
      keys.push(names[i]!);
      found.push(each);
    }
    return Doc.of(keys, found);
  });
}

function compileArray(array: readonly Value[], scope: Scope): Expression {
  const elements = operandsOf(array as Value[], scope);
  return pure(scope, elements, (root, vars) => elements.map((each) => each.evaluate(root, vars) ?? null));
}

/** `"$a.b"` or `"$$name.a.b"`. */
function compileReference(text: string, scope: Scope): Expression {
  if (text === "$") throw mongoError(16872, "'$' by itself is not a valid FieldPath");
  if (!text.startsWith("$$")) {
    const path = parsePath(text.slice(1));
    const current = scope.slotOf("CURRENT");
    return current === undefined ? pathOfRoot(path) : pathOfSlot(current, path);
  }
  const [name, ...rest] = text.slice(2).split(".");
  if (name === "" || name === undefined) throw failedToParse("empty variable names are not allowed");
  for (const char of name) checkVariableCharacter(name, char);
  const path = rest.length === 0 ? [] : parsePath(text.slice(3 + name.length));
  const slot = scope.slotOf(name);
  if (slot !== undefined) return pathOfSlot(slot, path);
  switch (name) {
    case "ROOT":
    case "CURRENT":
      return path.length === 0 ? { evaluate: (root) => root } : pathOfRoot(path);
    case "REMOVE":
      return constant(undefined);
    case "NOW":
      return path.length === 0 ? { evaluate: (_root, vars) => vars.now } : constant(undefined);
    case "USER_ROLES":
      // The engine knows no roles.
      return constant(path.length === 0 ? [] : undefined);
    case "CLUSTER_TIME":
      return {
        evaluate: (_root, vars) => {
          if (vars.clusterTime !== undefined) return path.length === 0 ? vars.clusterTime : undefined;
          throw mongoError(51144, "Builtin variable '$$CLUSTER_TIME' is not available");
        },
      };
    default:
      throw mongoError(17276, `Use of undefined variable: ${name}`);
  }
}

function pathOfRoot(path: readonly string[]): Expression {
  if (path.length === 1) {
    const name = path[0]!;
    return { path, evaluate: (root) => root.get(name) };
  }
  return { path, evaluate: (root) => readPath(root, path) };
}

function pathOfSlot(slot: number, path: readonly string[]): Expression {
  if (path.length === 0) return { evaluate: (_root, vars) => vars.slots[slot] };
  return { evaluate: (_root, vars) => pathOf(vars.slots[slot], path) };
}

function pathOf(value: Result, path: readonly string[]): Result {
  if (value instanceof Doc) return readPath(value, path);
  if (Array.isArray(value)) return readThroughArray(value, path, 0);
  return undefined;
}
