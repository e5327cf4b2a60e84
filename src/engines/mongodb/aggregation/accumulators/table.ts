import { bsonTypeName, compareValues } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError, typeMismatch } from "../../errors.js";
import { countAndInput, readCount } from "../expressions/array-order.js";
import { memoryLimitBytes } from "../expressions/arrays.js";
import { type Expression, isNullish, namedArguments, type Result, type Scope } from "../expressions/expression.js";
import { mergeInto } from "../expressions/objects.js";
import { percentileArguments, percentileResult } from "../expressions/percentile.js";
import { showValue } from "../show.js";
import { approximateBytes } from "../size.js";
import { type Keyed, type StableOrder, stableOrder, TopK } from "../sort-keys.js";
import { Deviation } from "../statistics.js";
import { Summation } from "../summation.js";
import { ValueSet } from "../value-set.js";
import type { Accumulation, AccumulatorOperator, CompiledAccumulator } from "./accumulator.js";

interface Gathering {
  add(value: Result): void;
  result(): Value;
}

/** An accumulator of one operand. */
function simple(name: string, summary: string, begin: () => Gathering): AccumulatorOperator {
  return {
    name,
    summary,
    supported: true,
    compile: (argument, scope) => {
      const input = scope.compile(singleOperand(name, argument));
      return { begin: () => over(input, begin()) };
    },
  };
}

function over(input: Expression, gathering: Gathering): Accumulation {
  return {
    add: (root, vars) => gathering.add(input.evaluate(root, vars)),
    result: () => gathering.result(),
  };
}

function singleOperand(name: string, argument: Value): Value {
  if (Array.isArray(argument)) throw mongoError(40237, `The ${name} accumulator is a unary operator`);
  return argument;
}

function summed(name: "$sum" | "$avg", summary: string, read: "sum" | "average"): AccumulatorOperator {
  return {
    name,
    summary,
    supported: true,
    compile: (argument, scope) => {
      const input = scope.compile(singleOperand(name, argument));
      return {
        sums: { input, read },
        begin: () => {
          const sum = new Summation();
          return {
            add: (root, vars) => sum.add(input.evaluate(root, vars)),
            result: () => (read === "sum" ? sum.sum() : sum.average()),
          };
        },
      };
    },
  };
}

const count: AccumulatorOperator = {
  name: "$count",
  summary: "The number of documents.",
  supported: true,
  compile: (argument, scope) => {
    if (!(argument instanceof Doc) || !argument.isEmpty) {
      throw typeMismatch("$count takes no arguments, i.e. $count:{}");
    }
    return summed("$sum", "", "sum").compile(int32(1), scope);
  },
};

function extreme(sign: 1 | -1): () => Gathering {
  return () => {
    let found: Value | undefined;
    return {
      add: (value) => {
        if (isNullish(value)) return;
        if (found === undefined || compareValues(value, found) * sign > 0) found = value;
      },
      result: () => found ?? null,
    };
  };
}

function tooLarge(name: string): MongoError {
  return mongoError(
    146,
    `${name} used too much memory and cannot spill to disk. Memory limit: ${memoryLimitBytes} bytes`,
  );
}

function pushed(): Gathering {
  const values: Value[] = [];
  let bytes = 0;
  return {
    add: (value) => {
      if (value === undefined) return;
      bytes += approximateBytes(value);
      if (bytes > memoryLimitBytes) throw tooLarge("$push");
      values.push(value);
    },
    result: () => values,
  };
}

function distinct(): Gathering {
  const values = new ValueSet();
  let bytes = 0;
  return {
    add: (value) => {
      if (value === undefined || !values.add(value)) return;
      bytes += approximateBytes(value);
      if (bytes > memoryLimitBytes) throw tooLarge("$addToSet");
    },
    result: () => values.values(),
  };
}

function first(): Gathering {
  let found: Value | undefined;
  let any = false;
  return {
    add: (value) => {
      if (any) return;
      any = true;
      found = value;
    },
    result: () => found ?? null,
  };
}

function last(): Gathering {
  let found: Value | undefined;
  return {
    add: (value) => {
      found = value;
    },
    result: () => found ?? null,
  };
}

function merged(): Gathering {
  const all = new Doc();
  return {
    add: (value) => {
      if (isNullish(value)) return;
      if (!(value instanceof Doc)) {
        throw mongoError(
          40400,
          `$mergeObjects requires object inputs, but input ${showValue(value)} is of type ${bsonTypeName(value)}`,
        );
      }
      mergeInto(all, value);
    },
    result: () => all,
  };
}

function deviation(read: (all: Deviation) => Value): () => Gathering {
  return () => {
    const all = new Deviation();
    return { add: (value) => all.add(value), result: () => read(all) };
  };
}

/** `$firstN` and its kind: `{ n, input }`, where n is read once for each group. */
function several(name: string, summary: string, begin: (n: number) => Gathering): AccumulatorOperator {
  return {
    name,
    summary,
    supported: true,
    compile: (argument, scope) => {
      const given = countAndInput(name, argument);
      const n = scope.compile(given.n);
      const input = scope.compile(given.input);
      return { begin: (id, vars) => over(input, begin(readCount(n.evaluate(id, vars)))) };
    },
  };
}

function firstSeveral(n: number): Gathering {
  const values: Value[] = [];
  let bytes = 0;
  return {
    add: (value) => {
      if (values.length >= n) return;
      bytes += approximateBytes(value);
      if (bytes > memoryLimitBytes) throw tooLarge("$firstN");
      values.push(value ?? null);
    },
    result: () => values,
  };
}

function lastSeveral(n: number): Gathering {
  let values: Value[] = [];
  let bytes = 0;
  return {
    add: (value) => {
      values.push(value ?? null);
      bytes += approximateBytes(value);
      // Cut rarely, so that each value moves once or twice at most.
      if (values.length >= n * 2 + 16) {
        values = values.slice(-n);
        bytes = 0;
        for (const each of values) bytes += approximateBytes(each);
      }
      if (bytes > memoryLimitBytes * 2) throw tooLarge("$lastN");
    },
    result: () => values.slice(-n),
  };
}

function extremeSeveral(sign: 1 | -1): (n: number) => Gathering {
  return (n) => {
    // Of equal values the later ones are kept.
    const byValue = (a: Keyed<Value>, b: Keyed<Value>): number =>
      compareValues(a.keys[0], b.keys[0]) * -sign || b.order - a.order;
    const top = new TopK<Value>(n, byValue, approximateBytes);
    let order = 0;
    return {
      add: (value) => {
        if (isNullish(value)) return;
        top.offer({ item: value, keys: [value], order: order++ });
        if (top.bytes > memoryLimitBytes) throw tooLarge(sign === 1 ? "$maxN" : "$minN");
      },
      result: () => top.sorted(),
    };
  };
}

/** `$top` and its kind: `{ sortBy, output, n? }`. */
function ordered(name: "$top" | "$bottom" | "$topN" | "$bottomN", summary: string): AccumulatorOperator {
  const many = name.endsWith("N");
  const bottom = name.startsWith("$bottom");
  return {
    name,
    summary,
    supported: true,
    compile: (argument, scope) => {
      const given = namedArguments(
        argument,
        {
          notAnObject: (value) =>
            mongoError(5788001, `specification must be an object; found ${name}: ${showValue(value)}`),
          unknown: (each) => mongoError(5788002, `Unknown argument to ${name} '${each}'`),
        },
        many ? ["n", "sortBy", "output"] : ["sortBy", "output"],
      );
      const sortBy = given.get("sortBy");
      if (sortBy !== undefined && !(sortBy instanceof Doc)) {
        throw mongoError(10065, "invalid parameter: expected an object (sortBy)");
      }
      if (many && !given.has("n")) throw mongoError(5788003, "Missing value for 'n'");
      if (!given.has("output")) throw mongoError(5788004, "Missing value for 'output'");
      if (sortBy === undefined) throw mongoError(5788005, "Missing value for 'sortBy'");
      if (sortBy.isEmpty) throw mongoError(9657900, "Value for 'sortBy' must be a non-empty object");
      const order = stableOrder(sortBy);
      const output = scope.compile(given.get("output")!);
      const n = many ? scope.compile(given.get("n")!) : undefined;
      return {
        begin: (id, vars) => {
          const limit = n === undefined ? 1 : readCount(n.evaluate(id, vars));
          const top = new OrderedGathering(name, order, limit, bottom);
          return {
            add: (root, variables) => top.add(root, output.evaluate(root, variables) ?? null),
            result: () => (many ? top.values() : (top.values()[0] ?? null)),
          };
        },
      };
    },
  };
}

/** Keeps the first or last documents of a sort order, and answers them in that order. */
class OrderedGathering {
  readonly #name: string;
  readonly #by: StableOrder;
  readonly #top: TopK<Value>;
  readonly #reversed: boolean;
  #order = 0;

  constructor(name: string, by: StableOrder, limit: number, bottom: boolean) {
    this.#by = by;
    this.#reversed = bottom;
    this.#name = name;
    const compare = bottom ? (a: Keyed<Value>, b: Keyed<Value>) => by.compare(b, a) : by.compare;
    this.#top = new TopK<Value>(limit, compare, approximateBytes);
  }

  add(root: Doc, output: Value): void {
    this.#top.offer({ item: output, keys: this.#by.keyOf(root), order: this.#order++ });
    if (this.#top.bytes > memoryLimitBytes) throw tooLarge(this.#name);
  }

  values(): Value[] {
    const sorted = this.#top.sorted();
    return this.#reversed ? sorted.reverse() : sorted;
  }
}

function percentile(name: "$median" | "$percentile", summary: string): AccumulatorOperator {
  return {
    name,
    summary,
    supported: true,
    compile: (argument, scope): CompiledAccumulator => {
      const given = percentileArguments(name, argument, scope);
      const input = scope.compile(given.input);
      return {
        begin: () => {
          const values: number[] = [];
          return over(input, {
            add: (value) => {
              if (isNumber(value)) values.push(toDouble(value));
            },
            result: () => percentileResult(values, given.p),
          });
        },
      };
    },
  };
}

function unsupported(name: string, summary: string): AccumulatorOperator {
  return {
    name,
    summary,
    supported: false,
    compile: () => {
      throw mongoError(15952, `unknown group operator '${name}'`);
    },
  };
}

/** Every accumulator of `$group`, `$bucket` and `$bucketAuto`, sorted by name. */
export const accumulatorOperators: readonly AccumulatorOperator[] = [
  unsupported("$accumulator", "An accumulator written in JavaScript."),
  simple("$addToSet", "The distinct values.", distinct),
  summed("$avg", "The mean of numbers.", "average"),
  ordered("$bottom", "The output of the last document in an order."),
  ordered("$bottomN", "The outputs of the last n documents in an order."),
  count,
  simple("$first", "The value of the first document.", first),
  several("$firstN", "The values of the first n documents.", firstSeveral),
  simple("$last", "The value of the last document.", last),
  several("$lastN", "The values of the last n documents.", lastSeveral),
  simple("$max", "The largest value.", extreme(1)),
  several("$maxN", "The n largest values.", extremeSeveral(1)),
  percentile("$median", "The median of numbers."),
  simple("$mergeObjects", "The documents merged into one.", merged),
  simple("$min", "The smallest value.", extreme(-1)),
  several("$minN", "The n smallest values.", extremeSeveral(-1)),
  percentile("$percentile", "Percentiles of numbers."),
  simple("$push", "All values.", pushed),
  simple(
    "$stdDevPop",
    "The standard deviation of a population.",
    deviation((all) => all.population()),
  ),
  simple(
    "$stdDevSamp",
    "The standard deviation of a sample.",
    deviation((all) => all.sample()),
  ),
  summed("$sum", "The sum of numbers.", "sum"),
  ordered("$top", "The output of the first document in an order."),
  ordered("$topN", "The outputs of the first n documents in an order."),
];

const byName = new Map(accumulatorOperators.map((each) => [each.name, each]));

/** Compiles the fields of a `$group` or of a bucket's `output`. */
export function compileAccumulators(
  fields: Iterable<readonly [string, Value]>,
  scope: Scope,
): { names: string[]; accumulators: CompiledAccumulator[] } {
  const names: string[] = [];
  const accumulators: CompiledAccumulator[] = [];
  for (const [name, spec] of fields) {
    if (name.startsWith("$")) throw mongoError(40236, `The field name '${name}' cannot be an operator name`);
    if (name.includes(".")) throw mongoError(40235, `The field name '${name}' cannot contain '.'`);
    if (name === "") throw mongoError(12116300, "The field name '' cannot be an empty string");
    if (!(spec instanceof Doc) || spec.isEmpty) {
      throw mongoError(40234, `The field '${name}' must be an accumulator object`);
    }
    if (spec.size !== 1) {
      throw mongoError(40238, `The field '${name}' must specify one accumulator: ${name}: ${showValue(spec)}`);
    }
    const [operator, argument] = spec.first()!;
    if (!operator.startsWith("$")) {
      throw mongoError(40234, `The field '${name}' must be an accumulator object`);
    }
    const found = byName.get(operator);
    if (found === undefined) throw mongoError(15952, `unknown group operator '${operator}'`);
    const compiled = found.compile(argument, scope);
    const at = names.indexOf(name);
    if (at >= 0) throw mongoError(15948, `duplicate field: ${name}`);
    names.push(name);
    accumulators.push(compiled);
  }
  return { names, accumulators };
}
