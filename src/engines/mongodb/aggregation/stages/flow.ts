import { Doc, int32 } from "../../bson/doc.js";
import { fitsLong, isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { compileFilter } from "../../query/matcher.js";
import { toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import { type Keyed, normalSort, stableOrder, TopK } from "../sort-keys.js";
import type { Stage, StageContext, StageDefinition } from "./stage.js";

const match: StageDefinition = {
  name: "$match",
  summary: "Lets through the documents that a filter matches.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) {
      throw mongoError(15959, "the match filter must be an expression in an object");
    }
    const matcher = compileFilter(argument, { environment: { scope: context.scope, variables: context.variables } });
    return {
      name: "$match",
      front: { kind: "match", filter: argument },
      *run(source) {
        for (const doc of source) if (matcher.matches(doc)) yield doc;
      },
    };
  },
};

/** Reads the number of `$limit` and `$skip`. */
function readAmount(name: "$limit" | "$skip", code: number, value: Value): number {
  const fail = (why: string) =>
    mongoError(code, `invalid argument to ${name} stage: ${why}: ${name}: ${showValue(value)}`);
  if (!isNumber(value)) throw fail("Expected a number in");
  if (Number.isNaN(toDouble(value))) throw fail("Expected an integer, but found NaN in");
  const amount = toInt64(value);
  if (amount === undefined || !fitsLong(amount))
    throw fail(Number.isInteger(toDouble(value)) ? "Cannot represent as a 64-bit integer" : "Expected an integer");
  if (amount < 0n) throw fail("Expected a non-negative number in");
  return Number(amount);
}

/** A stage that lets through the first documents. */
export function limiting(count: number): Stage {
  return {
    name: "$limit",
    front: { kind: "limit", count },
    *run(source) {
      let left = count;
      for (const doc of source) {
        yield doc;
        if (--left === 0) return;
      }
    },
  };
}

const limit: StageDefinition = {
  name: "$limit",
  summary: "Lets through the first documents.",
  supported: true,
  compile: (argument) => {
    const count = readAmount("$limit", 5107201, argument);
    if (count === 0) throw mongoError(15958, "the limit must be positive");
    return limiting(count);
  },
};

const skip: StageDefinition = {
  name: "$skip",
  summary: "Leaves out the first documents.",
  supported: true,
  compile: (argument) => {
    const count = readAmount("$skip", 5107200, argument);
    return {
      name: "$skip",
      front: { kind: "skip", count },
      *run(source) {
        let left = count;
        for (const doc of source) {
          if (left > 0) left--;
          else yield doc;
        }
      },
    };
  },
};

/** A `$sort`, of which only the first documents are wanted when a limit follows. */
export function sorting(spec: Doc, context: Pick<StageContext, "step">, most?: number): Stage {
  const { keyOf, compare } = stableOrder(spec);
  const keyed = (doc: Doc, order: number): Keyed<Doc> => ({ item: doc, keys: keyOf(doc), order });
  return {
    name: "$sort",
    front: { kind: "sort", sort: normalSort(spec) },
    withLimit: (limit) => sorting(spec, context, most === undefined ? limit : Math.min(most, limit)),
    *run(source) {
      let order = 0;
      if (most !== undefined && most <= 100_000) {
        const top = new TopK<Doc>(most, compare, approximateBytes);
        for (const doc of source) {
          context.step();
          top.offer(keyed(doc, order++));
          if (top.bytes > stageLimitBytes) throw stageTooLarge("$sort");
        }
        yield* top.sorted();
        return;
      }
      const all: Keyed<Doc>[] = [];
      let bytes = 0;
      for (const doc of source) {
        context.step();
        bytes += approximateBytes(doc);
        if (bytes > stageLimitBytes) throw stageTooLarge("$sort");
        all.push(keyed(doc, order++));
      }
      all.sort(compare);
      let left = most ?? all.length;
      for (const each of all) {
        if (left-- <= 0) return;
        yield each.item;
      }
    },
  };
}

const sort: StageDefinition = {
  name: "$sort",
  summary: "Puts the documents in order.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) throw mongoError(15973, "the $sort key specification must be an object");
    return sorting(argument, context);
  },
};

const count: StageDefinition = {
  name: "$count",
  summary: "One document with the number of documents.",
  supported: true,
  compile: (argument, context) => {
    if (typeof argument !== "string") throw mongoError(40156, "the count field must be a non-empty string");
    if (argument === "") throw mongoError(40157, "the count field must be a non-empty string");
    if (argument.startsWith("$")) throw mongoError(40158, "the count field cannot be a $-prefixed path");
    if (argument.includes("\0")) throw mongoError(40159, "the count field cannot contain a null byte");
    if (argument.includes(".")) throw mongoError(40160, "the count field cannot contain '.'");
    if (argument === "_id") throw mongoError(9039800, "the count field cannot be '_id'");
    return {
      name: "$count",
      *run(source) {
        let found = 0;
        for (const _ of source) {
          context.step();
          found++;
        }
        if (found > 0) yield Doc.of([argument], [(found | 0) === found ? int32(found) : BigInt(found)]);
      },
    };
  },
};

const sample: StageDefinition = {
  name: "$sample",
  summary: "A number of documents by chance.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) throw mongoError(28745, "the $sample stage specification must be an object");
    let size: number | undefined;
    for (const [name, value] of argument) {
      if (name !== "size") throw mongoError(28748, `unrecognized option to $sample: ${name}`);
      if (!isNumber(value)) throw mongoError(28746, "size argument to $sample must be a number");
      size = Math.trunc(toDouble(value));
      if (!(size > 0)) throw mongoError(28747, "size argument to $sample must be a positive integer");
    }
    if (size === undefined) throw mongoError(28749, "$sample stage must specify a size");
    const wanted = size;
    return {
      name: "$sample",
      *run(source) {
        // Each document gets a random key; those with the smallest keys, in their order, are the sample.
        const byKey = (a: Keyed<Doc>, b: Keyed<Doc>): number => (a.keys[0] as number) - (b.keys[0] as number);
        const top = new TopK<Doc>(wanted, byKey, approximateBytes);
        for (const doc of source) {
          context.step();
          top.offer({ item: doc, keys: [context.variables.random()], order: 0 });
          if (top.bytes > stageLimitBytes) throw stageTooLarge("$sample");
        }
        yield* top.sorted();
      },
    };
  },
};

/** The stages that choose and order documents without changing them. */
export const flowStages: readonly StageDefinition[] = [count, limit, match, sample, skip, sort];
