import { ObjectId, Timestamp } from "bson";
import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import { DateTime, type Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import { type TimeZone, timeZone } from "../dates/time-zone.js";
import { type Expression, type ExpressionOperator, isNullish, operator, pure, type Result } from "./expression.js";

/** The milliseconds of what counts as a date: date, timestamp, object id. */
export function dateOf(value: Result): number | undefined {
  if (value instanceof DateTime) return value.ms;
  if (value instanceof Timestamp) return value.t * 1000;
  if (value instanceof ObjectId) return Buffer.from(value.id).readUInt32BE(0) * 1000;
  return undefined;
}

/** The milliseconds of a date; what is none is error 16006. */
export function requireDate(value: Result): number {
  const ms = dateOf(value);
  if (ms === undefined) throw mongoError(16006, `can't convert from BSON type ${typeNameOf(value)} to Date`);
  return ms;
}

/** The zone that an operand names; `undefined` when it is null. */
export function zoneOf(value: Result): TimeZone | undefined {
  if (isNullish(value)) return undefined;
  if (typeof value !== "string") {
    throw mongoError(40517, `timezone must evaluate to a string, found ${typeNameOf(value)}`);
  }
  return timeZone(value);
}

/** An operator with named operands, all of which are evaluated before it runs; `given` tells which were written. */
export function named(
  name: string,
  summary: string,
  parameters: {
    readonly known: readonly string[];
    readonly notAnObject: (argument: Value) => MongoError;
    readonly unknown: (parameter: string) => MongoError;
    readonly check: (given: ReadonlySet<string>) => void;
  },
  run: (operands: (parameter: string) => Result, given: ReadonlySet<string>) => Result,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    if (!(argument instanceof Doc)) throw parameters.notAnObject(argument);
    const compiled = new Map<string, Expression>();
    const values = new Map<string, Value>();
    for (const [parameter, value] of argument) {
      if (!parameters.known.includes(parameter)) throw parameters.unknown(parameter);
      values.set(parameter, value);
    }
    const given = new Set(values.keys());
    parameters.check(given);
    for (const [parameter, value] of values) compiled.set(parameter, scope.compile(value));
    return pure(scope, [...compiled.values()], (root, vars) =>
      run((parameter) => compiled.get(parameter)?.evaluate(root, vars), given),
    );
  });
}

/** Checks that these parameters were given; each has the error for its being missing. */
export function requireAll(names: readonly (readonly [string, MongoError])[]): (given: ReadonlySet<string>) => void {
  return (given) => {
    for (const [name, error] of names) if (!given.has(name)) throw error;
  };
}
