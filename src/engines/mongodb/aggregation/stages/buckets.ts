import { bsonTypeName, compareValues, typeOrder } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber, type NumberValue, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { compileAccumulators } from "../accumulators/table.js";
import type { Expression } from "../expressions/expression.js";
import { toInt32 } from "../numeric.js";
import { showValue } from "../show.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import { sorting } from "./flow.js";
import { boundaryOf, roundDown, roundUp, seriesOf } from "./granularity.js";
import { grouping } from "./group.js";
import type { Stage, StageContext, StageDefinition } from "./stage.js";

const counting = (): [string, Value][] => [["count", Doc.of(["$sum"], [int32(1)])]];

function isExpression(value: Value): boolean {
  return (
    (typeof value === "string" && value.startsWith("$")) ||
    (value instanceof Doc && (value.first()?.[0].startsWith("$") ?? false))
  );
}

function constantOf(value: Value, context: StageContext): { value: Value } | undefined {
  const compiled = context.scope.compile(value);
  return compiled.constant === undefined ? undefined : { value: compiled.constant.value ?? null };
}

/** The bucket of a value: the boundary at or below it, by binary search. */
function bucketing(
  input: Expression,
  boundaries: readonly Value[],
  otherwise: { value: Value } | undefined,
): Expression {
  const last = boundaries.length - 1;
  return {
    evaluate: (root, vars) => {
      const value = input.evaluate(root, vars);
      if (compareValues(value, boundaries[0]!) >= 0 && compareValues(value, boundaries[last]!) < 0) {
        let low = 0;
        let high = last;
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (compareValues(value, boundaries[middle]!) >= 0) low = middle;
          else high = middle;
        }
        return boundaries[low]!;
      }
      if (otherwise !== undefined) return otherwise.value;
      throw mongoError(40066, "$switch could not find a matching branch for an input, and no default was specified.");
    },
  };
}

export const bucket: StageDefinition = {
  name: "$bucket",
  summary: "Groups by ranges with given boundaries.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) {
      throw mongoError(
        40201,
        `Argument to $bucket stage must be an object, but found type: ${bsonTypeName(argument)}.`,
      );
    }
    let input: Expression | undefined;
    let boundaries: Value[] | undefined;
    let otherwise: { value: Value } | undefined;
    let output = counting();
    for (const [name, value] of argument) {
      if (name === "groupBy") {
        if (!isExpression(value)) {
          throw mongoError(
            40202,
            `The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression, but found: ${showValue(value)}.`,
          );
        }
        input = context.scope.compile(value);
      } else if (name === "boundaries") {
        boundaries = readBoundaries(value, context);
      } else if (name === "default") {
        otherwise = constantOf(value, context);
        if (otherwise === undefined) {
          throw mongoError(
            40195,
            `The $bucket 'default' field must be a constant expression, but found: ${showValue(value)}.`,
          );
        }
      } else if (name === "output") {
        if (!(value instanceof Doc)) {
          throw mongoError(
            40196,
            `The $bucket 'output' field must be an object, but found type: ${bsonTypeName(value)}.`,
          );
        }
        output = [...value];
      } else throw mongoError(40197, `Unrecognized option to $bucket: ${name}.`);
    }
    if (input === undefined || boundaries === undefined) {
      throw mongoError(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.");
    }
    if (
      otherwise !== undefined &&
      compareValues(otherwise.value, boundaries[0]!) >= 0 &&
      compareValues(otherwise.value, boundaries.at(-1)!) < 0
    ) {
      throw mongoError(
        40199,
        "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.",
      );
    }
    const { names, accumulators } = compileAccumulators(output, context.scope);
    return [
      grouping(bucketing(input, boundaries, otherwise), names, accumulators, context),
      sorting(Doc.of(["_id"], [int32(1)]), context),
    ];
  },
};

function readBoundaries(value: Value, context: StageContext): Value[] {
  if (!Array.isArray(value)) {
    throw mongoError(40200, `The $bucket 'boundaries' field must be an array, but found type: ${bsonTypeName(value)}.`);
  }
  const boundaries = value.map((each): Value => {
    const found = constantOf(each, context);
    if (found === undefined) {
      throw mongoError(
        40191,
        `The $bucket 'boundaries' field must be an array of constant values, but found value: ${showValue(each)}.`,
      );
    }
    return found.value;
  });
  if (boundaries.length < 2) {
    throw mongoError(
      40192,
      `The $bucket 'boundaries' field must have at least 2 values, but found ${boundaries.length} value(s).`,
    );
  }
  for (let i = 1; i < boundaries.length; i++) {
    const lower = boundaries[i - 1]!;
    const upper = boundaries[i]!;
    if (typeOrder(lower) !== typeOrder(upper)) {
      throw mongoError(
        40193,
        `All values in the the 'boundaries' option to $bucket must have the same type. Found conflicting types ${bsonTypeName(lower)} and ${bsonTypeName(upper)}.`,
      );
    }
    if (compareValues(lower, upper) >= 0) {
      throw mongoError(
        40194,
        `The 'boundaries' option to $bucket must be sorted, but elements ${i - 1} and ${i} are not in ascending order (${showValue(lower)} is not less than ${showValue(upper)}).`,
      );
    }
  }
  return boundaries;
}

interface Entry {
  readonly value: Value;
  readonly doc: Doc;
}

export const bucketAuto: StageDefinition = {
  name: "$bucketAuto",
  summary: "Groups by ranges that divide the documents evenly.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) {
      throw mongoError(
        40240,
        `The argument to $bucketAuto must be an object, but found type: ${bsonTypeName(argument)}`,
      );
    }
    let input: Expression | undefined;
    let buckets: number | undefined;
    let granularity: string | undefined;
    let output = counting();
    for (const [name, value] of argument) {
      if (name === "groupBy") {
        if (!isExpression(value)) {
          throw mongoError(
            40239,
            `The $bucketAuto 'groupBy' field must be defined as a $-prefixed path or an expression object, but found: ${showValue(value)}`,
          );
        }
        input = context.scope.compile(value);
      } else if (name === "buckets") {
        if (!isNumber(value)) {
          throw mongoError(
            40241,
            `The $bucketAuto 'buckets' field must be a numeric value, but found type: ${bsonTypeName(value)}`,
          );
        }
        buckets = toInt32(value);
        if (buckets === undefined) {
          throw mongoError(
            40242,
            `The $bucketAuto 'buckets' field must be representable as a 32-bit integer, but found ${showValue(value)}`,
          );
        }
        if (buckets <= 0) {
          throw mongoError(40243, `The $bucketAuto 'buckets' field must be greater than 0, but found: ${buckets}`);
        }
      } else if (name === "output") {
        if (!(value instanceof Doc)) {
          throw mongoError(
            40244,
            `The $bucketAuto 'output' field must be an object, but found type: ${bsonTypeName(value)}`,
          );
        }
        output = [...value];
      } else if (name === "granularity") {
        if (typeof value !== "string") {
          throw mongoError(
            40261,
            `The $bucketAuto 'granularity' field must be a string, but found type: ${bsonTypeName(value)}`,
          );
        }
        if (seriesOf(value) === undefined) throw mongoError(40257, `Unknown rounding granularity '${value}'`);
        granularity = value;
      } else throw mongoError(40245, `Unrecognized option to $bucketAuto: ${name}`);
    }
    if (input === undefined || buckets === undefined) {
      throw mongoError(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified");
    }
    const { names, accumulators } = compileAccumulators(output, context.scope);
    return dividing(
      input,
      buckets,
      granularity,
      (docs, id) => {
        const stage = grouping({ evaluate: () => id }, names, accumulators, context);
        return [...stage.run(docs)][0]!;
      },
      context,
    );
  },
};

function dividing(
  input: Expression,
  buckets: number,
  granularity: string | undefined,
  finish: (docs: Doc[], id: Doc) => Doc,
  context: StageContext,
): Stage {
  return {
    name: "$bucketAuto",
    *run(source) {
      const entries: Entry[] = [];
      let bytes = 0;
      for (const doc of source) {
        context.step();
        const value = input.evaluate(doc, context.variables) ?? null;
        if (granularity !== undefined) checkNumber(value);
        bytes += approximateBytes(doc);
        if (bytes > stageLimitBytes) throw stageTooLarge("$bucketAuto");
        entries.push({ value, doc });
      }
      entries.sort((a, b) => compareValues(a.value, b.value));
      yield* divide(entries, buckets, granularity, finish);
    },
  };
}

function checkNumber(value: Value): void {
  if (!isNumber(value)) {
    throw mongoError(
      40258,
      `$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a value with type: ${bsonTypeName(value)}`,
    );
  }
  const double = toDouble(value);
  if (Number.isNaN(double)) {
    throw mongoError(40259, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a NaN");
  }
  if (double < 0) {
    throw mongoError(
      40260,
      "$bucketAuto can specify a 'granularity' with non-negative numbers only, but found a negative number",
    );
  }
}

function* divide(
  entries: readonly Entry[],
  buckets: number,
  granularity: string | undefined,
  finish: (docs: Doc[], id: Doc) => Doc,
): Iterable<Doc> {
  const size = Math.max(1, Math.round(entries.length / buckets));
  let at = 0;
  let floor: Value | undefined;
  for (let made = 0; at < entries.length; made++) {
    const from = at;
    // The last bucket takes what is left; equal values are never parted.
    at = made >= buckets - 1 ? entries.length : Math.min(entries.length, at + size);
    let max: Value;
    if (granularity === undefined) {
      while (at < entries.length && compareValues(entries[at]!.value, entries[at - 1]!.value) === 0) at++;
      max = at < entries.length ? entries[at]!.value : entries.at(-1)!.value;
    } else {
      const series = seriesOf(granularity)!;
      const last = entries[at - 1]!.value;
      const first = entries[from]!.value;
      max = boundaryOf(series, last, roundUp(series, toDouble(last as NumberValue)));
      while (at < entries.length && compareValues(entries[at]!.value, max) < 0) at++;
      floor ??= boundaryOf(series, first, roundDown(series, toDouble(first as NumberValue)));
    }
    const min = granularity === undefined ? entries[from]!.value : floor!;
    floor = max;
    yield finish(
      entries.slice(from, at).map((each) => each.doc),
      Doc.of(["min", "max"], [min, max]),
    );
  }
}

export const sortByCount: StageDefinition = {
  name: "$sortByCount",
  summary: "Counts the documents of each value, the most frequent first.",
  supported: true,
  compile: (argument, context) => {
    if (argument instanceof Doc) {
      if (!isExpression(argument)) {
        throw mongoError(
          40147,
          "the sortByCount field must be defined as a $-prefixed path or an expression inside an object",
        );
      }
    } else if (typeof argument !== "string") {
      throw mongoError(40149, "the sortByCount field must be specified as a string or as an object");
    } else if (!argument.startsWith("$")) {
      throw mongoError(
        40148,
        "the sortByCount field must be defined as a $-prefixed path or an expression inside an object",
      );
    }
    const { names, accumulators } = compileAccumulators(counting(), context.scope);
    return [
      grouping(context.scope.compile(argument), names, accumulators, context),
      sorting(Doc.of(["count"], [int32(-1)]), context),
    ];
  },
};
