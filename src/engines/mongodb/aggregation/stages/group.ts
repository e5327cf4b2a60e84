import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import type { Accumulation, CompiledAccumulator } from "../accumulators/accumulator.js";
import { compileAccumulators } from "../accumulators/table.js";
import type { Expression } from "../expressions/expression.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import { Summation } from "../summation.js";
import { valueKey } from "../value-key.js";
import type { Stage, StageContext, StageDefinition } from "./stage.js";

interface Group {
  readonly id: Value;
  readonly sums: readonly Summation[];
  readonly others: readonly Accumulation[];
}

const emptyId = new Doc();
const groupBytes = 200;

/** A compiled `$group`: used by `$bucket` and `$sortByCount` too. */
export function grouping(
  id: Expression,
  names: readonly string[],
  accumulators: readonly CompiledAccumulator[],
  context: Pick<StageContext, "variables" | "step">,
): Stage {
  const { variables } = context;
  const summed = accumulators.filter((each) => each.sums !== undefined);
  const inputs = summed.map((each) => each.sums!.input);
  const others = accumulators.filter((each) => each.sums === undefined);
  const begin = (key: Value): Group => ({
    id: key,
    sums: inputs.map(() => new Summation()),
    others: others.map((each) => each.begin(key instanceof Doc ? key : emptyId, variables)),
  });
  const finish = (group: Group): Doc => {
    const values: Value[] = [group.id];
    let sum = 0;
    let other = 0;
    for (const each of accumulators) {
      if (each.sums === undefined) values.push(group.others[other++]!.result());
      else if (each.sums.read === "sum") values.push(group.sums[sum++]!.sum());
      else values.push(group.sums[sum++]!.average());
    }
    return Doc.of(["_id", ...names], values);
  };
  return {
    name: "$group",
    *run(source) {
      const groups = new Map<unknown, Group>();
      let bytes = 0;
      for (const doc of source) {
        context.step();
        // A missing key groups with null.
        const value = id.evaluate(doc, variables) ?? null;
        const key = valueKey(value);
        let group = groups.get(key);
        if (group === undefined) {
          group = begin(value);
          groups.set(key, group);
          bytes += groupBytes + approximateBytes(value);
          if (bytes > stageLimitBytes) throw stageTooLarge("$group");
        }
        for (let i = 0; i < inputs.length; i++) group.sums[i]!.add(inputs[i]!.evaluate(doc, variables));
        for (const each of group.others) each.add(doc, variables);
      }
      for (const group of groups.values()) yield finish(group);
    },
  };
}

/** The key of a `$group`: an expression, or a document of them. */
function compileId(value: Value, context: StageContext): Expression {
  const isObject = value instanceof Doc && !value.isEmpty && !value.first()![0].startsWith("$");
  if (!isObject) return context.scope.compile(value);
  for (const name of value.keys()) {
    if (name.startsWith("$")) throw mongoError(17390, "$group does not support inclusion-style expressions");
  }
  const compiled = context.scope.compile(value);
  if (value.size > 1 || compiled.constant !== undefined) return compiled;
  // MongoDB takes the one field of such a key for the key itself, so there a missing value becomes null.
  const [name, field] = value.first()!;
  const only = context.scope.compile(field);
  return { evaluate: (root, vars) => Doc.of([name], [only.evaluate(root, vars) ?? null]) };
}

export const group: StageDefinition = {
  name: "$group",
  summary: "One document for each group of documents, with accumulated values.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) throw mongoError(15947, "a group's fields must be specified in an object");
    let id: Expression | undefined;
    const fields: [string, Value][] = [];
    for (const [name, value] of argument) {
      if (name === "_id") {
        if (id !== undefined) throw mongoError(15948, "a group's _id may only be specified once");
        id = compileId(value, context);
      } else fields.push([name, value]);
    }
    const { names, accumulators } = compileAccumulators(fields, context.scope);
    if (id === undefined) throw mongoError(15955, "a group specification must include an _id");
    return grouping(id, names, accumulators, context);
  },
};
