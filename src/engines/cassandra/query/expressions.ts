/** What a SELECT computes from rows. */

import type { Term } from "../cql/ast.js";
import { isLive } from "../data/cells.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import { fixedInteger } from "../types/native.js";
import {
  type CqlType,
  ListType,
  MapType,
  native,
  readFields,
  readParts,
  SetType,
  TupleType,
  UserType,
  type Value,
  writeFields,
  writeParts,
} from "../types/type.js";
import { columnValue, type RowContext, sortedCells } from "./column-values.js";
import type { Accumulator, AggregateFunction, CqlFunction, ScalarFunction } from "./functions/function.js";
import { negateFunction } from "./functions/numbers.js";
import { type Argument, castFunction, countRows, operatorFunction } from "./functions/resolve.js";
import {
  fitOf,
  isCompatible,
  knownType,
  type Preparing,
  preferredType,
  prepareTerm,
  sortedMap,
  sortedSet,
  termText,
  typeNameText,
} from "./terms.js";

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
      const type = receiver ?? (term.kind === "literal" && receiverOf(term) ? preferredType(term) : undefined);
      if (type === undefined)
        throw invalid(
          `Cannot infer type for term ${termText(term)} in selection clause (try using a cast to force a type)`,
        );
      return value(type);
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
      return element(term, recur, table, prepare);
    case "list":
    case "set":
    case "map":
    case "tuple":
    case "user":
      return collection(term, table, prepare, recur, receiver);
    default: {
      const never: never = term;
      throw new Error(`not a term: ${String(never)}`);
    }
  }
}

/** Literals without a receiver have no type in a SELECT, but for numbers within arithmetic. */
function receiverOf(_term: Term): boolean {
  return false;
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

/** writetime(), ttl(), maxwritetime() of a column, or of the cells of one in parts. */
function cellFacts(
  name: "writetime" | "ttl" | "maxwritetime",
  args: readonly Term[],
  table: Table,
  gathered: Gathered,
  recur: (term: Term, expected?: CqlType) => Expression,
): Expression {
  const [term] = args;
  let of = term;
  while (of !== undefined && (of.kind === "element" || of.kind === "field" || of.kind === "slice")) of = of.of;
  if (args.length !== 1 || of?.kind !== "column") throw invalid(`Invalid number of arguments in call to ${name}`);
  const column = table.columns.get(of.name);
  if (column === undefined) throw invalid(`Undefined column name ${of.name} in table ${table.fullName}`);
  const shown = name === "writetime" ? "writetime" : name === "ttl" ? "ttl" : "maxwritetime";
  if (column.kind === "partition_key" || column.kind === "clustering")
    throw invalid(`Cannot use selection function ${shown} on PRIMARY KEY part ${column.name}`);
  if (column.type.isCounter && name === "ttl")
    throw invalid(`Cannot use selection function ttl on counter column ${column.name}`);
  recur(term!);
  gathered.columns.add(column);
  const isTtl = name === "ttl";
  const one = isTtl ? native("int") : native("bigint");
  const view = (context: RowContext) => (column.kind === "static" ? context.statics : context.row);
  const show = (cell: import("../data/cells.js").Cell, now: number): Value => {
    if (!isTtl) return fixedInteger(BigInt(cell.timestamp), 8);
    return cell.ttl === 0 ? null : fixedInteger(cell.deletedAt - now, 4);
  };
  const missing = (context: RowContext) => column.kind === "regular" && !context.hasRow;
  if (!column.type.isMultiCell) {
    return {
      type: one,
      evaluate: (context) => {
        if (missing(context)) return null;
        const cell = view(context).cellOf(column.id);
        return cell === undefined ? null : show(cell, context.run.now);
      },
    };
  }
  const cellsOf = (context: RowContext) => {
    const at = missing(context) ? -1 : view(context).cell[column.id]!;
    if (at < 0) return undefined;
    const { cells } = view(context).partsAt(at);
    if (column.type instanceof UserType) {
      const fields: (import("../data/cells.js").Cell | undefined)[] = column.type.fields.names.map(() => undefined);
      for (const [path, cell] of cells)
        if (isLive(cell, context.run.now)) fields[(path.charCodeAt(0) << 8) | path.charCodeAt(1)] = cell;
      return fields;
    }
    const sorted = sortedCells(column.type, cells, context.run.now);
    return sorted.length === 0 ? undefined : sorted.map(({ cell }) => cell);
  };
  if (term!.kind === "element" && !(column.type instanceof UserType)) {
    const { type } = column;
    const keyType = type instanceof MapType ? type.keys : type instanceof SetType ? type.element : undefined;
    if (keyType === undefined)
      throw invalid(`Element selection is only allowed on sets and maps, but ${column.name} is a list`);
    const key = recur(term!.key, keyType);
    return {
      type: one,
      evaluate: (context) => {
        const at = missing(context) ? -1 : view(context).cell[column.id]!;
        const wanted = key.evaluate(context);
        if (at < 0 || wanted === null) return null;
        const cell = view(context).partsAt(at).cells.get(wanted.latin1Slice());
        return cell === undefined || !isLive(cell, context.run.now) ? null : show(cell, context.run.now);
      },
    };
  }
  if (term!.kind === "field" && column.type instanceof UserType) {
    const at = column.type.fields.names.indexOf(term!.name);
    return {
      type: one,
      evaluate: (context) => {
        const cell = cellsOf(context)?.[at];
        return cell === undefined ? null : show(cell, context.run.now);
      },
    };
  }
  if (name === "maxwritetime")
    return {
      type: one,
      evaluate: (context) => {
        const cells = cellsOf(context)?.filter((cell) => cell !== undefined);
        if (cells === undefined || cells.length === 0) return null;
        return show(
          cells.reduce((a, b) => (b.timestamp > a.timestamp ? b : a)),
          context.run.now,
        );
      },
    };
  return {
    type: new ListType(one, true),
    evaluate: (context) => {
      const cells = cellsOf(context);
      if (cells === undefined || cells.every((cell) => cell === undefined)) return null;
      return writeParts(
        cells.map((cell) => (cell === undefined ? null : show(cell, context.run.now))),
        1,
      );
    },
  };
}

function element(
  term: Extract<Term, { kind: "element" | "slice" }>,
  recur: (term: Term, expected?: CqlType) => Expression,
  _table: Table,
  _prepare: Preparing,
): Expression {
  const inner = recur(term.of);
  const { type } = inner;
  if (!(type instanceof MapType) && !(type instanceof SetType)) {
    if (type instanceof ListType)
      throw invalid(`Element selection is only allowed on sets and maps, but ${termText(term.of)} is a list`);
    throw invalid(`Invalid element selection: ${termText(term.of)} of type ${type.name} is not a collection`);
  }
  const keyType = type instanceof MapType ? type.keys : type.element;
  const perEntry = type instanceof MapType ? 2 : 1;
  const entries = (whole: Buffer): { key: Buffer; parts: Buffer[] }[] => {
    const parts = readParts(whole, perEntry) as Buffer[];
    const list: { key: Buffer; parts: Buffer[] }[] = [];
    for (let at = 0; at < parts.length; at += perEntry)
      list.push({ key: parts[at]!, parts: parts.slice(at, at + perEntry) });
    return list;
  };
  if (term.kind === "element") {
    const key = recur(term.key, keyType);
    return {
      type: type instanceof MapType ? type.values : type.element,
      evaluate: (context) => {
        const whole = inner.evaluate(context);
        const wanted = key.evaluate(context);
        if (wanted === null) throw invalid(`Invalid null value for element selection on ${termText(term.of)}`);
        if (whole === null) return null;
        return entries(whole).find((entry) => keyType.compare(entry.key, wanted) === 0)?.parts[perEntry - 1] ?? null;
      },
    };
  }
  const from = term.from === undefined ? undefined : recur(term.from, keyType);
  const to = term.to === undefined ? undefined : recur(term.to, keyType);
  return {
    type,
    evaluate: (context) => {
      const whole = inner.evaluate(context);
      const low = from?.evaluate(context);
      const high = to?.evaluate(context);
      if (low === null || high === null)
        throw invalid(`Invalid null value for slice selection on ${termText(term.of)}`);
      if (whole === null) return null;
      const kept = entries(whole).filter(
        ({ key }) =>
          (low === undefined || keyType.compare(key, low) >= 0) &&
          (high === undefined || keyType.compare(key, high) <= 0),
      );
      if (kept.length === 0 && type.isMultiCell) return null;
      return writeParts(
        kept.flatMap(({ parts }) => parts),
        perEntry,
      );
    },
  };
}

function collection(
  term: Extract<Term, { kind: "list" | "set" | "map" | "tuple" | "user" }>,
  table: Table,
  prepare: Preparing,
  recur: (term: Term, expected?: CqlType) => Expression,
  receiver: CqlType | undefined,
): Expression {
  const cannot = () =>
    invalid(`Cannot infer type for term ${termText(term)} in selection clause (try using a cast to force a type)`);
  const all = (items: readonly Term[], types: (at: number) => CqlType | undefined): Expression[] =>
    items.map((item, at) => recur(item, types(at)));
  const commonType = (items: readonly Term[]): CqlType | undefined =>
    items
      .map((item) => (item.kind === "literal" ? undefined : argumentOf(item, table, prepare).known))
      .find((type) => type !== undefined);
  switch (term.kind) {
    case "tuple": {
      if (term.items.length === 1) return recur(term.items[0]!, receiver);
      const given = receiver instanceof TupleType ? receiver : undefined;
      if (given === undefined && term.items.some((item) => item.kind === "literal")) throw cannot();
      const items = all(term.items, (at) => given?.types[at]);
      return {
        type: given ?? new TupleType(items.map((item) => item.type.freeze())),
        evaluate: (context) => writeFields(items.map((item) => item.evaluate(context))),
      };
    }
    case "list": {
      const elementType = receiver instanceof ListType ? receiver.element : commonType(term.items);
      if (elementType === undefined) throw cannot();
      const items = all(term.items, () => elementType);
      return {
        type: receiver ?? new ListType(elementType.freeze(), true),
        evaluate: (context) =>
          writeParts(
            items.map((item) => item.evaluate(context)),
            1,
          ),
      };
    }
    case "set": {
      if (receiver instanceof MapType && term.items.length === 0)
        return { type: receiver, evaluate: () => writeParts([], 2) };
      const elementType = receiver instanceof SetType ? receiver.element : commonType(term.items);
      if (elementType === undefined) throw cannot();
      const items = all(term.items, () => elementType);
      return {
        type: receiver ?? new SetType(elementType.freeze(), true),
        evaluate: (context) =>
          sortedSet(
            elementType,
            items.map((item) => item.evaluate(context)).filter((item) => item !== null),
          ),
      };
    }
    case "map": {
      const keyType = receiver instanceof MapType ? receiver.keys : commonType(term.entries.map(([key]) => key));
      const valueType =
        receiver instanceof MapType ? receiver.values : commonType(term.entries.map(([, item]) => item));
      if (keyType === undefined || valueType === undefined) throw cannot();
      const keys = all(
        term.entries.map(([key]) => key),
        () => keyType,
      );
      const values = all(
        term.entries.map(([, item]) => item),
        () => valueType,
      );
      return {
        type: receiver ?? new MapType(keyType.freeze(), valueType.freeze(), true),
        evaluate: (context) =>
          sortedMap(
            keyType,
            keys.map((key, at) => [key.evaluate(context)!, values[at]!.evaluate(context)!] as const),
          ),
      };
    }
    case "user": {
      if (!(receiver instanceof UserType)) {
        // {a: b} may be a map whose keys are columns.
        const entries = term.fields.map(([name, item]) => [{ kind: "column", name } as Term, item] as const);
        return collection({ kind: "map", entries }, table, prepare, recur, receiver);
      }
      const given = new Map(term.fields);
      for (const name of given.keys())
        if (!receiver.fields.names.includes(name))
          throw invalid(`Unknown field '${name}' in value of user defined type ${receiver.typeName}`);
      const fields = receiver.fields.names.map((name, at) => {
        const item = given.get(name);
        return item === undefined ? undefined : recur(item, receiver.fields.types[at]);
      });
      return {
        type: receiver,
        evaluate: (context) => writeFields(fields.map((field) => field?.evaluate(context) ?? null)),
      };
    }
    default: {
      const never: never = term;
      throw new Error(`not a collection: ${String(never)}`);
    }
  }
}

/** One side of an operator, in parentheses where the operator would else take a part of it. */
function operandName(term: Term, operator: string, isRight: boolean): string {
  const name = columnName(term);
  if (term.kind !== "arithmetic") return name;
  const binds = (each: string): number => (each === "+" || each === "-" ? 1 : 2);
  const holds = binds(term.operator) > binds(operator) || (!isRight && binds(term.operator) === binds(operator));
  return holds ? name : `(${name})`;
}

/** The name that a result's column has. */
export function columnName(term: Term): string {
  switch (term.kind) {
    case "column":
      return term.name;
    case "count":
      return "count";
    case "call": {
      if (term.keyspace === undefined && ["writetime", "ttl", "maxwritetime"].includes(term.name))
        return `${term.name}(${term.args.map(columnName).join(", ")})`;
      if (term.name === "count" && term.args.length === 1 && term.args[0]!.kind === "literal") return "count";
      return `${term.keyspace ?? "system"}.${term.name}(${term.args.map(columnName).join(", ")})`;
    }
    case "cast":
      return `cast(${columnName(term.term)} as ${typeNameText(term.type)})`;
    case "field":
      return `${columnName(term.of)}.${term.name}`;
    case "element":
      return `${columnName(term.of)}[${columnName(term.key)}]`;
    case "slice":
      return `${columnName(term.of)}[${term.from === undefined ? "" : columnName(term.from)}..${term.to === undefined ? "" : columnName(term.to)}]`;
    case "arithmetic":
      return `${operandName(term.left, term.operator, false)} ${term.operator} ${operandName(term.right, term.operator, true)}`;
    case "negate":
      return `-${operandName(term.term, "*", true)}`;
    case "hint":
      return `(${typeNameText(term.type)})${operandName(term.term, "*", true)}`;
    case "tuple":
      return term.items.length === 1 ? columnName(term.items[0]!) : `(${term.items.map(columnName).join(", ")})`;
    case "list":
      return `[${term.items.map(columnName).join(", ")}]`;
    case "set":
      return `{${term.items.map(columnName).join(", ")}}`;
    case "map":
      return `{${term.entries.map(([key, item]) => `${columnName(key)}: ${columnName(item)}`).join(", ")}}`;
    case "user":
      return `{${term.fields.map(([name, item]) => `${name}: ${columnName(item)}`).join(", ")}}`;
    default:
      return termText(term);
  }
}
