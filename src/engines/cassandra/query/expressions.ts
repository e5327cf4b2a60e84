/** What a SELECT computes from rows. */

import type { Term } from "../cql/ast.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import { type CqlType, readFields, UserType, type Value } from "../types/type.js";
import { cellFacts } from "./cell-facts.js";
import { collection, element } from "./collections.js";
import { columnValue, type RowContext } from "./column-values.js";
import type { Accumulator, AggregateFunction, CqlFunction, ScalarFunction } from "./functions/function.js";
import { negateFunction } from "./functions/numbers.js";
import { type Argument, castFunction, countRows, operatorFunction } from "./functions/resolve.js";
import { termText, typeNameText } from "./term-text.js";
import { fitOf, isCompatible, knownType, preferredType } from "./term-types.js";
import { type Preparing, prepareTerm } from "./terms.js";

/** An expression of rows. */
export interface Expression {
  readonly type: CqlType;
  readonly evaluate: (context: RowContext) => Value;
  /** The column where it is nothing but one. */
  readonly column?: Column;
}

/** An aggregate that a SELECT needs. */
export interface AggregateUse {
  readonly fn: AggregateFunction;
  readonly args: readonly Expression[];
  readonly start: () => Accumulator;
}

/** What {@link prepareExpression} gathers. */
export interface Gathered {
  readonly aggregates: AggregateUse[];
  /** Columns that are used. */
  readonly columns: Set<Column>;
}

function columnExpression(column: Column): Expression {
  return { type: column.type, column, evaluate: (context) => columnValue(column, context) };
}

/** Names and types for an expression of a SELECT. Throws where they do not fit. */
export function prepareExpression(
  term: Term,
  table: Table,
  prepare: Preparing,
  gathered: Gathered,
  receiver?: CqlType,
): Expression {
  const recur = (each: Term, expected?: CqlType): Expression =>
    prepareExpression(each, table, prepare, gathered, expected);
  const value = (type: CqlType): Expression => {
    const bound = prepareTerm(
      term,
      { keyspace: table.keyspace, table: table.name, name: termText(term), type },
      prepare,
    );
    return { type, evaluate: (context) => bound.evaluate(context.run) as Value };
  };
  switch (term.kind) {
    case "column": {
      const column = table.columns.get(term.name);
      if (column === undefined) throw invalid(`Undefined column name ${term.name} in table ${table.fullName}`);
      gathered.columns.add(column);
      return columnExpression(column);
    }
    case "literal":
    case "null":
    case "marker": {
      // Without a receiver they have no type in a SELECT, but for numbers within arithmetic.
      if (receiver === undefined)
        throw invalid(
          `Cannot infer type for term ${termText(term)} in selection clause (try using a cast to force a type)`,
        );
      return value(receiver);
    }
    case "count": {
      const use: AggregateUse = { fn: countRows, args: [], start: countRows.start };
      return aggregate(use, gathered);
    }
    case "call":
      return call(term, table, prepare, gathered, recur, receiver);
    case "cast": {
      const inner = recur(term.term);
      const type = prepare.resolveType(term.type, prepare.keyspace);
      if (type.equals(inner.type)) return inner;
      const fn = castFunction(inner.type, type);
      if (fn === undefined) throw invalid(`${inner.type.name} cannot be cast to ${type.name}`);
      return applied(fn, [inner]);
    }
    case "hint": {
      const type = prepare.resolveType(term.type, prepare.keyspace ?? table.keyspace);
      const inner = recur(term.term, type);
      if (!isCompatible(type.freeze(), inner.type.freeze()))
        throw invalid(
          `Cannot assign value ${termText(term.term)} to (${typeNameText(term.type)}) of type ${type.name}`,
        );
      return { type, evaluate: inner.evaluate };
    }
    case "arithmetic": {
      const [left, right] = [argumentOf(term.left, table, prepare), argumentOf(term.right, table, prepare)];
      const fn = operatorFunction(term.operator, left, right, receiver);
      if (fn === undefined)
        throw invalid(
          `the '${term.operator}' operation is not supported between ${termText(term.left)} and ${termText(term.right)}`,
        );
      return applied(fn, [recur(term.left, fn.args[0]), recur(term.right, fn.args[1])]);
    }
    case "negate": {
      const known = argumentOf(term.term, table, prepare).known ?? receiver;
      const fn = known === undefined ? undefined : negateFunction(known);
      if (fn === undefined) throw invalid(`the '-' operation is not supported for ${termText(term.term)}`);
      return applied(fn, [recur(term.term, fn.args[0])]);
    }
    case "field": {
      const inner = recur(term.of);
      const { type } = inner;
      if (!(type instanceof UserType))
        throw invalid(`Invalid field selection: ${termText(term.of)} of type ${type.name} is not a user type`);
      const at = type.fields.names.indexOf(term.name);
      if (at < 0) throw invalid(`${termText(term.of)} of type ${type.name} has no field ${term.name}`);
      return {
        type: type.fields.types[at]!,
        evaluate: (context) => {
          const whole = inner.evaluate(context);
          return whole === null ? null : (readFields(whole, type.fields.types.length)[at] ?? null);
        },
      };
    }
    case "element":
    case "slice":
      return element(term, recur);
    case "list":
    case "set":
    case "map":
    case "tuple":
    case "user":
      return collection(term, (each) => argumentOf(each, table, prepare).known, recur, receiver);
    default: {
      const never: never = term;
      throw new Error(`not a term: ${String(never)}`);
    }
  }
}

function aggregate(use: AggregateUse, gathered: Gathered): Expression {
  const at = gathered.aggregates.push(use) - 1;
  return { type: use.fn.returns, evaluate: (context) => context.aggregates[at] ?? null };
}

function applied(fn: ScalarFunction, args: readonly Expression[]): Expression {
  if (args.length === 1) {
    const [only] = args;
    return { type: fn.returns, evaluate: (context) => fn.run([only!.evaluate(context)], context.run) };
  }
  return {
    type: fn.returns,
    evaluate: (context) =>
      fn.run(
        args.map((argument) => argument.evaluate(context)),
        context.run,
      ),
  };
}

/** What is known of an expression as an argument. */
function argumentOf(term: Term, table: Table, prepare: Preparing): Argument {
  const text = termText(term);
  const isValue = isPlainValue(term);
  if (isValue) {
    return {
      text,
      isLiteral: term.kind === "literal",
      isMarker: term.kind === "marker",
      known: knownType(term, prepare) ?? (term.kind === "literal" ? preferredType(term) : undefined),
      fits: (type) => fitOf(term, type, prepare),
    };
  }
  const { type } = prepareExpression(term, table, { ...prepare, markers: [] }, { aggregates: [], columns: new Set() });
  return {
    text,
    isLiteral: false,
    isMarker: false,
    known: type,
    fits: (other) =>
      other.equals(type) || other.freeze().equals(type.freeze())
        ? "exact"
        : isCompatible(other.freeze(), type.freeze())
          ? "weak"
          : "no",
  };
}

/** Whether no column is within. */
function isPlainValue(term: Term): boolean {
  switch (term.kind) {
    case "literal":
    case "null":
    case "marker":
      return true;
    case "hint":
      return isPlainValue(term.term);
    case "call":
      return term.args.length > 0 && term.args.every(isPlainValue);
    case "arithmetic":
      return isPlainValue(term.left) && isPlainValue(term.right);
    case "negate":
      return isPlainValue(term.term);
    case "list":
    case "set":
    case "tuple":
      return term.items.every(isPlainValue);
    case "map":
      return term.entries.every(([key, item]) => isPlainValue(key) && isPlainValue(item));
    case "user":
      return term.fields.every(([, item]) => isPlainValue(item));
    default:
      return false;
  }
}

function call(
  term: Extract<Term, { kind: "call" }>,
  table: Table,
  prepare: Preparing,
  gathered: Gathered,
  recur: (term: Term, expected?: CqlType) => Expression,
  receiver: CqlType | undefined,
): Expression {
  const { name } = term;
  if (term.keyspace === undefined && (name === "writetime" || name === "ttl" || name === "maxwritetime"))
    return cellFacts(name, term.args, table, gathered, recur);
  if (term.keyspace === undefined && name === "count" && term.args.length === 1) {
    const [only] = term.args;
    if (only!.kind === "literal" && only!.literal === "INTEGER")
      return aggregate({ fn: countRows, args: [], start: countRows.start }, gathered);
  }
  const args = term.args.map((each) => argumentOf(each, table, prepare));
  const fn: CqlFunction | undefined = prepare.functions.resolve(
    term,
    args,
    table.partitionKey.map((column) => column.type),
    receiver,
  );
  if (fn === undefined)
    throw invalid(`Unknown function '${term.keyspace === undefined ? "" : `${term.keyspace}.`}${name}'`);
  const before = gathered.aggregates.length;
  const expressions = term.args.map((each, at) => recur(each, fn.args[at]));
  if (fn.kind === "scalar") return applied(fn, expressions);
  if (gathered.aggregates.length > before)
    throw invalid("aggregate functions cannot be used as arguments of aggregate functions");
  return aggregate({ fn, args: expressions, start: fn.start }, gathered);
}
