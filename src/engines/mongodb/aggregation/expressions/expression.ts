import { Decimal128, Int32, type Timestamp } from "bson";
import { Doc } from "../../bson/doc.js";
import { DateTime, UNDEFINED, type Value } from "../../bson/values.js";
import { failedToParse, MongoError, mongoError, withContext } from "../../errors.js";

/** What an expression evaluates to; `undefined` says that the field is missing. */
export type Result = Value | undefined;

/** The values of variables while a pipeline runs. Each place that binds a variable has a slot of its own. */
export class Variables {
  readonly slots: Result[] = [];
  /** `$$NOW`: one moment for the whole command. */
  readonly now: DateTime;
  /** `$$CLUSTER_TIME`, where there is one. */
  readonly clusterTime: Timestamp | undefined;
  /** Numbers in [0, 1) for `$rand`, `$sampleRate` and `$sample`. */
  readonly random: () => number;

  constructor(options: { now: DateTime; clusterTime?: Timestamp | undefined; random?: (() => number) | undefined }) {
    this.now = options.now;
    this.clusterTime = options.clusterTime;
    this.random = options.random ?? Math.random;
  }
}

/** A compiled expression. */
export interface Expression {
  /** The value for a document; `vars` holds what `$let`, `$map` and the command's `let` bind. */
  evaluate(root: Doc, vars: Variables): Result;
  /** Set when the value is the same for every document. */
  readonly constant?: { readonly value: Result };
  /** Set when the expression is a plain path into the document: `"$a.b"` has `["a", "b"]`. */
  readonly path?: readonly string[];
}

/** One operator of the table of expressions. */
export interface ExpressionOperator {
  /** With its dollar: `$add`. */
  readonly name: string;
  readonly summary: string;
  /** What is not supported is refused as an operator that MongoDB does not know. */
  readonly supported: boolean;
  compile(argument: Value, scope: Scope): Expression;
}

interface SharedScope {
  slots: number;
  /** Errors of constant parts: they are thrown after the whole has been parsed, as MongoDB's optimizer does. */
  readonly deferred: MongoError[];
  readonly operators: (name: string) => ExpressionOperator | undefined;
}

/** The names that an expression may use, while it is compiled. */
export class Scope {
  readonly #shared: SharedScope;
  readonly #names: ReadonlyMap<string, number>;
  readonly #compile: (value: Value, scope: Scope) => Expression;

  constructor(
    shared: SharedScope,
    names: ReadonlyMap<string, number>,
    compile: (value: Value, scope: Scope) => Expression,
  ) {
    this.#shared = shared;
    this.#names = names;
    this.#compile = compile;
  }

  /** Compiles a sub-expression. */
  compile(value: Value): Expression {
    return this.#compile(value, this);
  }

  /** The operator of this name, if MongoDB's language has it. */
  operator(name: string): ExpressionOperator | undefined {
    return this.#shared.operators(name);
  }

  /** The slot of a variable, if it is bound here. */
  slotOf(name: string): number | undefined {
    return this.#names.get(name);
  }

  /** This scope and further variables, each with a new slot. */
  bind(...names: string[]): { scope: Scope; slots: number[] } {
    const all = new Map(this.#names);
    const slots = names.map((name) => {
      const slot = this.#shared.slots++;
      all.set(name, slot);
      return slot;
    });
    return { scope: new Scope(this.#shared, all, this.#compile), slots };
  }

  /** Keeps an error of a constant part until everything has been parsed. */
  defer(error: unknown): void {
    if (!(error instanceof MongoError)) throw error;
    this.#shared.deferred.push(error);
  }

  /** Runs `compile`, forgetting the errors of constant parts: they are in a place that is never evaluated. */
  withoutDeferred<T>(compile: () => T): T {
    const kept = this.#shared.deferred.length;
    const result = compile();
    this.#shared.deferred.length = kept;
    return result;
  }

  /** Throws the first error kept by {@link defer}; before its text stands what was being computed beforehand. */
  settle(what = "expression"): void {
    const error = this.#shared.deferred.shift();
    this.#shared.deferred.length = 0;
    if (error === undefined) return;
    withContext(`Failed to optimize ${what}`, () => {
      throw error;
    });
  }
}

/** An expression with one value for all documents. */
export function constant(value: Result): Expression {
  return { evaluate: () => value, constant: { value } };
}

const emptyRoot = new Doc();
const noVariables = new Variables({ now: new DateTime(0) });

/**
 * An expression over operands that depends on nothing else: computed at once when all of them are constant. Its errors
 * are then kept until the whole has been parsed.
 */
export function pure(scope: Scope, operands: readonly Expression[], evaluate: Expression["evaluate"]): Expression {
  for (const operand of operands) if (operand.constant === undefined) return { evaluate };
  try {
    return constant(evaluate(emptyRoot, noVariables));
  } catch (error) {
    scope.defer(error);
    return { evaluate };
  }
}

/** An expression that is computed for each document even when its operands are constant, as some of MongoDB's are. */
export function unfolded(evaluate: Expression["evaluate"]): Expression {
  return { evaluate };
}

/** An operator that does what its `compile` says. */
export function operator(name: string, summary: string, compile: ExpressionOperator["compile"]): ExpressionOperator {
  return { name, summary, supported: true, compile };
}

/** An operator that MongoDB has and this engine does not have yet. */
export function unsupported(name: string, summary: string): ExpressionOperator {
  return {
    name,
    summary,
    supported: false,
    compile: () => {
      throw unknownExpression(name);
    },
  };
}

/** The error for an expression that is not known. */
export function unknownExpression(name: string): MongoError {
  return mongoError(168, `Unrecognized expression '${name}'`);
}

/** The operands of an operator that takes a list, or one operand without brackets. */
export function operandsOf(argument: Value, scope: Scope): Expression[] {
  return Array.isArray(argument) ? argument.map((each) => scope.compile(each)) : [scope.compile(argument)];
}

function requireExactly(name: string, expected: number, argument: Value): void {
  const found = Array.isArray(argument) ? argument.length : 1;
  if (found === expected) return;
  throw mongoError(16020, `Expression ${name} takes exactly ${expected} arguments. ${found} were passed in.`);
}

export function requireBetween(name: string, least: number, most: number, argument: Value): void {
  const found = Array.isArray(argument) ? argument.length : 1;
  if (found >= least && found <= most) return;
  throw mongoError(
    28667,
    `Expression ${name} takes at least ${least} arguments, and at most ${most}, but ${found} were passed in.`,
  );
}

/** An operator of one operand. */
export function unary(name: string, summary: string, run: (operand: Result) => Result): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    requireExactly(name, 1, argument);
    const [a] = operandsOf(argument, scope);
    return pure(scope, [a!], (root, vars) => run(a!.evaluate(root, vars)));
  });
}

/** An operator of two operands. */
export function binary(
  name: string,
  summary: string,
  run: (left: Result, right: Result) => Result,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    requireExactly(name, 2, argument);
    const [a, b] = operandsOf(argument, scope);
    return pure(scope, [a!, b!], (root, vars) => run(a!.evaluate(root, vars), b!.evaluate(root, vars)));
  });
}

/** An operator of `least` to `most` operands; those not given are `undefined`, `count` tells how many were given. */
export function ranged(
  name: string,
  summary: string,
  least: number,
  most: number,
  run: (operands: Result[], count: number) => Result,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    requireBetween(name, least, most, argument);
    const operands = operandsOf(argument, scope);
    return pure(scope, operands, (root, vars) =>
      run(
        operands.map((each) => each.evaluate(root, vars)),
        operands.length,
      ),
    );
  });
}

/** An operator of exactly `count` operands. */
export function exactly(
  name: string,
  summary: string,
  count: number,
  run: (operands: Result[]) => Result,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    requireExactly(name, count, argument);
    const operands = operandsOf(argument, scope);
    return pure(scope, operands, (root, vars) => run(operands.map((each) => each.evaluate(root, vars))));
  });
}

function* lazily(operands: readonly Expression[], root: Doc, vars: Variables): Iterable<Result> {
  for (const each of operands) yield each.evaluate(root, vars);
}

/** An operator of any number of operands, each evaluated when `run` comes to it: an error of an earlier one is first. */
export function variadic(
  name: string,
  summary: string,
  run: (operands: Iterable<Result>) => Result,
  check?: (operands: readonly Expression[], scope: Scope) => void,
  order: (operands: Expression[]) => Expression[] = (operands) => operands,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const operands = order(operandsOf(argument, scope));
    check?.(operands, scope);
    return pure(scope, operands, (root, vars) => run(lazily(operands, root, vars)));
  });
}

/** The order in which MongoDB evaluates the operands where they may be exchanged: constants behind the others. */
export function constantsLast(operands: readonly Expression[]): Expression[] {
  const isConstant = (each: Expression): boolean => each.constant !== undefined;
  return [...operands.filter((each) => !isConstant(each)), ...operands.filter(isConstant)];
}

/** The named arguments of an operator; each error is what MongoDB says when the thing is wrong. */
export function namedArguments(
  argument: Value,
  errors: {
    readonly notAnObject: (argument: Value) => MongoError;
    readonly unknown: (name: string) => MongoError;
  },
  known: readonly string[],
): Map<string, Value> {
  if (!(argument instanceof Doc)) throw errors.notAnObject(argument);
  const found = new Map<string, Value>();
  for (const [name, value] of argument) {
    if (!known.includes(name)) throw errors.unknown(name);
    found.set(name, value);
  }
  return found;
}

/** Checks the name of a variable that a user binds. */
export function checkVariableName(name: string): void {
  if (name === "") throw failedToParse("empty variable names are not allowed");
  // CURRENT is the one system variable that may be bound anew.
  if (name === "CURRENT") return;
  const first = name.charCodeAt(0);
  if (!((first >= 97 && first <= 122) || first > 127)) {
    throw failedToParse(`'${name}' starts with an invalid character for a user variable name`);
  }
  for (const char of name) checkVariableCharacter(name, char);
}

/** Checks one character of the name of a variable, bound or read. */
export function checkVariableCharacter(name: string, char: string): void {
  if (!/^[A-Za-z0-9_]$/.test(char) && char.codePointAt(0)! <= 127) {
    throw failedToParse(`'${name}' contains an invalid character for a variable name: '${char}'`);
  }
}

/** Whether a value is null, missing or of the deprecated type undefined: most operators then answer null. */
export function isNullish(value: Result): value is null | undefined | typeof UNDEFINED {
  return value === null || value === undefined || value === UNDEFINED;
}

/** Whether a value counts as true. */
export function isTrue(value: Result): boolean {
  switch (typeof value) {
    case "boolean":
      return value;
    case "undefined":
      return false;
    case "number":
      return value !== 0;
    case "bigint":
      return value !== 0n;
    case "symbol":
      return false;
    case "string":
      return true;
    default:
  }
  if (value === null) return false;
  if (value instanceof Int32) return value.value !== 0;
  if (value instanceof Decimal128) return !/^-?0+(\.0*)?(E[+-]?\d+)?$/.test(value.toString());
  return true;
}
