import type { CqlType, Value } from "../../types/type.js";
import type { Run } from "../run.js";

/** A function of values. */
export interface ScalarFunction {
  readonly kind: "scalar";
  readonly name: string;
  readonly args: readonly CqlType[];
  readonly returns: CqlType;
  /** The same arguments give the same value. */
  readonly isPure: boolean;
  readonly run: (args: readonly Value[], run: Run) => Value;
}

/** Gathers the values of one group of rows. */
export interface Accumulator {
  add(args: readonly Value[]): void;
  result(): Value;
}

/** A function of rows. */
export interface AggregateFunction {
  readonly kind: "aggregate";
  readonly name: string;
  readonly args: readonly CqlType[];
  readonly returns: CqlType;
  readonly start: () => Accumulator;
}

export type CqlFunction = ScalarFunction | AggregateFunction;

/** `system.max(v)`: how columns of results are called. */
export function signature(fn: CqlFunction): string {
  return `${fn.name} : (${fn.args.map((type) => type.name).join(", ")}) -> ${fn.returns.name}`;
}

export function scalar(
  name: string,
  args: readonly CqlType[],
  returns: CqlType,
  run: ScalarFunction["run"],
  isPure = true,
): ScalarFunction {
  return { kind: "scalar", name, args, returns, run, isPure };
}

/** A function that answers null where an argument is null. */
export function strict(
  name: string,
  args: readonly CqlType[],
  returns: CqlType,
  run: (args: readonly Buffer[], run: Run) => Value,
): ScalarFunction {
  return scalar(name, args, returns, (values, at) =>
    values.some((value) => value === null || value.length === 0) ? null : run(values as Buffer[], at),
  );
}

export function aggregateOf(
  name: string,
  args: readonly CqlType[],
  returns: CqlType,
  start: AggregateFunction["start"],
): AggregateFunction {
  return { kind: "aggregate", name, args, returns, start };
}
