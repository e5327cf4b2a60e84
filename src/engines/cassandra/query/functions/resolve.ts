/** Which function a call means: by its name, its arguments, and what its result is for. */
import type { Term } from "../../cql/ast.js";
import { composeKey } from "../../data/keys.js";
import { tokenOf } from "../../data/murmur3.js";
import { invalid } from "../../errors.js";
import { fixedInteger } from "../../types/native.js";
import { type CqlType, native } from "../../types/type.js";
import { type Bound, type Run, unset } from "../run.js";
import { termText } from "../term-text.js";
import { type Fit, fitOf, isCompatible, knownType, preferredType } from "../term-types.js";
import { type BoundTerm, type Preparing, prepareTerm, type Receiver, withName } from "../terms.js";
import {
  type AggregateFunction,
  aggregateOf,
  type CqlFunction,
  type ScalarFunction,
  scalar,
  signature,
} from "./function.js";
import { arithmeticFunction, averageFunction, mathFunction, negateFunction, sumFunction } from "./numbers.js";
import { castFunction, collectionFunction, collectionNames, scalarFunctions } from "./scalars.js";

/** What is known of an argument. */
export interface Argument {
  readonly text: string;
  /** Its type where it has one; for literals the one they prefer. */
  readonly known: CqlType | undefined;
  /** Whether {@link known} is only a preference. */
  readonly isLiteral: boolean;
  /** Whether it is a marker alone, which has the type of what it is for. */
  readonly isMarker: boolean;
  readonly fits: (type: CqlType) => Fit;
}

type CallTerm = Extract<Term, { kind: "call" }>;

function extremeFunction(name: "min" | "max", type: CqlType): AggregateFunction {
  const sign = name === "min" ? -1 : 1;
  const result = type.freeze();
  return aggregateOf(name, [type], result, () => {
    let best: Buffer | null = null;
    return {
      add: ([value]) => {
        if (value !== null && (best === null || type.compare(value!, best) * sign > 0)) best = value!;
      },
      result: () => best,
    };
  });
}

export const countRows: AggregateFunction = aggregateOf("countRows", [], native("bigint"), () => {
  let count = 0n;
  return {
    add: () => {
      count++;
    },
    result: () => fixedInteger(count, 8),
  };
});

function countFunction(type: CqlType): AggregateFunction {
  return aggregateOf("count", [type], native("bigint"), () => {
    let count = 0n;
    return {
      add: ([value]) => {
        if (value !== null) count++;
      },
      result: () => fixedInteger(count, 8),
    };
  });
}

/** token(…) of a table. */
export function tokenFunction(types: readonly CqlType[]): ScalarFunction {
  return scalar("token", types, native("bigint"), (args) => {
    if (args.some((value) => value === null)) return null;
    return fixedInteger(tokenOf(composeKey(args as Buffer[])), 8);
  });
}

const aggregates = new Set(["count", "min", "max", "sum", "avg"]);
const math = new Set(["abs", "exp", "log", "log10", "round"]);

export class FunctionResolver {
  /** The function that a call means; undefined where nothing has that name. Throws where the arguments do not fit. */
  resolve(
    term: CallTerm,
    args: readonly Argument[],
    partitionKey: readonly CqlType[] | undefined,
    receiver?: CqlType,
  ): CqlFunction | undefined {
    const { name, keyspace } = term;
    if (keyspace !== undefined && keyspace !== "system") return undefined;
    const lower = name;
    if (lower === "token") {
      if (partitionKey === undefined) throw invalid("Function system.token requires a table");
      const fn = tokenFunction(partitionKey);
      this.#check(fn, args, "system.token");
      return fn;
    }
    const one = (make: (type: CqlType) => CqlFunction | undefined): CqlFunction => {
      if (args.length !== 1)
        throw invalid(`Invalid number of arguments for function system.${lower}(${describeShape(lower)})`);
      const [argument] = args;
      const type = argument!.known ?? receiver;
      if (type === undefined)
        throw invalid(
          `Cannot infer type of argument ${argument!.text} in call to function system.${lower}: use type casts to disambiguate`,
        );
      const fn = make(type);
      if (fn === undefined)
        throw invalid(
          `Function system.${lower} requires a ${describeShape(lower)} argument, but found argument ${argument!.text} of type ${type.name}`,
        );
      return fn;
    };
    if (aggregates.has(lower)) {
      if (lower === "count") return one(countFunction);
      if (lower === "min" || lower === "max") return one((type) => extremeFunction(lower, type));
      const [argument] = args;
      const make = lower === "sum" ? sumFunction : averageFunction;
      if (args.length === 1 && argument!.known !== undefined) {
        const fn = make(argument!.known);
        if (fn !== undefined) return fn;
      }
      throw invalid(
        `Invalid call to function ${lower}, none of its type signatures match (known type signatures: ${["tinyint", "smallint", "int", "bigint", "float", "double", "varint", "decimal", "counter"].map((type) => `system.${signature(make(native(type))!)}`).join(", ")})`,
      );
    }
    if (collectionNames.includes(lower)) return one((type) => collectionFunction(lower, type));
    if (math.has(lower)) return one((type) => mathFunction(lower, type));
    const candidates = scalarFunctions(lower);
    if (candidates.length === 0) return undefined;
    return this.#choose(lower, candidates, args);
  }

  #check(fn: CqlFunction, args: readonly Argument[], name: string): void {
    if (args.length !== fn.args.length)
      throw invalid(
        `Invalid number of arguments in call to function ${name}: ${fn.args.length} required but ${args.length} provided`,
      );
    args.forEach((argument, at) => {
      const type = fn.args[at]!;
      if (argument.fits(type) === "no")
        throw invalid(
          `Type error: ${argument.text} cannot be passed as argument ${at} of function ${name} of type ${type.name}`,
        );
    });
  }

  #choose(name: string, candidates: readonly ScalarFunction[], args: readonly Argument[]): ScalarFunction {
    if (candidates.length === 1) {
      this.#check(candidates[0]!, args, `system.${name}`);
      return candidates[0]!;
    }
    const fitting: ScalarFunction[] = [];
    for (const candidate of candidates) {
      if (candidate.args.length !== args.length) continue;
      const fits = args.map((argument, at) => argument.fits(candidate.args[at]!));
      if (fits.includes("no")) continue;
      if (!fits.includes("weak")) return candidate;
      fitting.push(candidate);
    }
    const signatures = (list: readonly ScalarFunction[]) => list.map((fn) => `system.${signature(fn)}`).join(", ");
    if (fitting.length === 0)
      throw invalid(
        `Invalid call to function ${name}, none of its type signatures match (known type signatures: ${signatures(candidates)})`,
      );
    if (fitting.length > 1)
      throw invalid(
        `Ambiguous call to function ${name} (can be matched by following signatures: ${signatures(fitting)}): use type casts to disambiguate`,
      );
    return fitting[0]!;
  }

  #arguments(terms: readonly Term[], prepare: Preparing): Argument[] {
    return terms.map((term) => ({
      text: termText(term),
      known: knownType(term, prepare) ?? (term.kind === "literal" ? preferredType(term) : undefined),
      isLiteral: term.kind === "literal",
      isMarker: term.kind === "marker",
      fits: (type) => fitOf(term, type, prepare),
    }));
  }

  /** The function of a call among values. */
  find(term: CallTerm, prepare: Preparing, receiver?: CqlType): CqlFunction | undefined {
    return this.resolve(term, this.#arguments(term.args, prepare), prepare.partitionKey, receiver);
  }

  /** The function of an operator between values. */
  arithmetic(
    term: Extract<Term, { kind: "arithmetic" | "negate" }>,
    prepare: Preparing,
    receiver?: CqlType,
  ): ScalarFunction | undefined {
    if (term.kind === "negate") {
      const [argument] = this.#arguments([term.term], prepare);
      const type = argument!.known ?? receiver;
      return type === undefined ? undefined : negateFunction(type);
    }
    const [left, right] = this.#arguments([term.left, term.right], prepare);
    return operatorFunction(term.operator, left!, right!, receiver);
  }

  /** A call as a value. */
  prepareCall(
    term: Extract<Term, { kind: "call" | "arithmetic" | "negate" }>,
    receiver: Receiver,
    prepare: Preparing,
  ): BoundTerm {
    const { type } = receiver;
    let fn: CqlFunction | undefined;
    let terms: readonly Term[];
    if (term.kind === "call") {
      fn = this.find(term, prepare, type);
      terms = term.args;
      if (fn === undefined) {
        const name = `${term.keyspace === undefined ? "" : `${term.keyspace}.`}${term.name}`;
        throw invalid(`Unknown function ${name} called`);
      }
    } else {
      fn = this.arithmetic(term, prepare, type);
      terms = term.kind === "negate" ? [term.term] : [term.left, term.right];
      if (fn === undefined) {
        throw invalid(
          term.kind === "negate"
            ? `the '-' operation is not supported for ${termText(term.term)}`
            : `the '${term.operator}' operation is not supported between ${termText(term.left)} and ${termText(term.right)}`,
        );
      }
    }
    if (fn.kind === "aggregate") throw invalid("Aggregation function are not supported in the where clause");
    const { returns } = fn;
    if (!isCompatible(type, returns) && !isCompatible(type.freeze(), returns.freeze())) {
      if (term.kind !== "call")
        throw invalid(
          `Type error: cannot assign result of operation ${termText(term)} (type ${returns.name}) to ${receiver.name} (type ${type.name})`,
        );
      throw invalid(
        `Type error: cannot assign result of function system.${fn.name} (type ${returns.name}) to ${receiver.name} (type ${type.name})`,
      );
    }
    const shown = fn;
    const args = terms.map((each, at) =>
      prepareTerm(each, withName(receiver, `arg${at}(system.${shown.name})`, shown.args[at]!), prepare),
    );
    const run = shown.kind === "scalar" ? shown.run : () => null;
    const evaluate = (at: Run): Bound => {
      const values = args.map((argument) => {
        const value = argument.evaluate(at);
        if (value === unset) throw invalid(`Invalid unset value for argument in call to function ${shown.name}`);
        return value;
      });
      return run(values, at);
    };
    if (!fn.isPure || !args.every((argument) => argument.isConstant)) return { type, isConstant: false, evaluate };
    let made: Bound | undefined;
    return {
      type,
      isConstant: true,
      evaluate: (at) => {
        if (made === undefined) made = evaluate(at);
        return made;
      },
    };
  }
}

function describeShape(name: string): string {
  if (name.startsWith("map_")) return "map";
  if (name === "collection_sum" || name === "collection_avg") return "numeric_set_or_list";
  if (name.startsWith("collection_")) return "collection";
  if (math.has(name)) return "numeric";
  return "any";
}

/** Types that have operators among themselves. */
const operands: readonly CqlType[] = [
  "tinyint",
  "smallint",
  "int",
  "bigint",
  "float",
  "double",
  "varint",
  "decimal",
  "text",
  "ascii",
].map(native);
const moments: readonly CqlType[] = ["timestamp", "date"].map(native);

/**
 * The function of an operator. Where a side has no type of its own, all functions are looked at that give what is wanted:
 * one that fits exactly, the only one that fits, or, without markers, the one of the wanted type itself
 * (Cassandra's FunctionResolver).
 */
export function operatorFunction(
  operator: "+" | "-" | "*" | "/" | "%",
  left: Argument,
  right: Argument,
  receiver?: CqlType,
): ScalarFunction | undefined {
  const { known: a } = left;
  const { known: b } = right;
  const isOpen = left.isMarker || right.isMarker || ((left.isLiteral || right.isLiteral) && receiver !== undefined);
  if (!isOpen) return a === undefined || b === undefined ? undefined : arithmeticFunction(operator, a, b);
  const fitting: ScalarFunction[] = [];
  const pairs = operands.flatMap((one) => operands.map((other) => [one, other] as const));
  for (const [one, other] of [...pairs, ...moments.map((moment) => [moment, native("duration")] as const)]) {
    const fn = arithmeticFunction(operator, one, other);
    if (fn === undefined || (receiver !== undefined && !isCompatible(receiver.freeze(), fn.returns))) continue;
    const fits = [left.fits(one), right.fits(other)];
    if (fits.includes("no")) continue;
    if (!fits.includes("weak")) return fn;
    fitting.push(fn);
  }
  if (fitting.length < 2) {
    // What fits nothing that is wanted has a type all the same, and the error names it.
    return fitting[0] ?? (a === undefined || b === undefined ? undefined : arithmeticFunction(operator, a, b));
  }
  const wanted = fitting.find((fn) => receiver !== undefined && fn.args.every((type) => type.equals(receiver)));
  if (wanted !== undefined && !left.isMarker && !right.isMarker) return wanted;
  throw invalid(
    `Ambiguous '${operator}' operation with args ${left.text} and ${right.text}: use type hint to disambiguate, example '(int) ?'`,
  );
}

export { castFunction };
