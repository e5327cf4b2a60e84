import type { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import type { Expression, Scope, Variables } from "../expressions/expression.js";

/** What an accumulator has gathered for one group. */
export interface Accumulation {
  /** Takes in one document. */
  add(root: Doc, vars: Variables): void;
  /** The value of the group's field. */
  result(): Value;
}

/** An accumulator of a `$group`, compiled once for all groups. */
export interface CompiledAccumulator {
  /** Begins a group; `id` is its key as a document, for arguments that may refer to it. */
  begin(id: Doc, vars: Variables): Accumulation;
  /** For `$sum` and `$avg` and `$count`: what is added up, so that `$group` can add without an object per value. */
  readonly sums?: { readonly input: Expression; readonly read: "sum" | "average" };
}

/** One entry of the table of accumulators. */
export interface AccumulatorOperator {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
  compile(argument: Value, scope: Scope): CompiledAccumulator;
}
