/** Relations of WHERE, named and typed, put together per column. */
import type { Operator, Relation, Term } from "../cql/ast.js";
import { invalid } from "../errors.js";
import type { Column, Index, Table } from "../schema/table.js";
import {
  type CqlType,
  ListType,
  MapType,
  native,
  quoted,
  readFields,
  readParts,
  SetType,
  TupleType,
  UserType,
  type Value,
} from "../types/type.js";
import { type Bound, type Run, unset } from "./run.js";
import { termText } from "./term-text.js";
import { type BoundTerm, marker, type Preparing, prepareTerm, type Receiver } from "./terms.js";

/** Values, one for each column of a restriction. */
export type Tuple = (run: Run) => Value[];

export interface Side {
  readonly columns: readonly Column[];
  readonly values: Tuple;
  readonly inclusive: boolean;
}

export type Restriction =
  | { readonly kind: "eq"; readonly columns: readonly Column[]; readonly values: Tuple; readonly isMulti: boolean }
  | {
      readonly kind: "in";
      readonly columns: readonly Column[];
      readonly items: (run: Run) => Value[][];
      readonly isMulti: boolean;
    }
  | {
      readonly kind: "slice";
      readonly columns: readonly Column[];
      readonly lower: Side | undefined;
      readonly upper: Side | undefined;
      readonly isMulti: boolean;
    }
  | {
      readonly kind: "contains";
      readonly columns: readonly [Column];
      readonly values: readonly BoundTerm[];
      readonly keys: readonly BoundTerm[];
      readonly entries: readonly (readonly [BoundTerm, BoundTerm])[];
    }
  | { readonly kind: "not null"; readonly columns: readonly [Column] };

export interface TokenRestriction {
  readonly columns: readonly Column[];
  readonly lower: { readonly term: BoundTerm; readonly inclusive: boolean } | undefined;
  readonly upper: { readonly term: BoundTerm; readonly inclusive: boolean } | undefined;
}

function receiverOf(table: Table, column: Column, name = column.name, type = column.type): Receiver {
  return { keyspace: table.keyspace, table: table.name, name, type };
}

export function relationText(relation: Relation): string {
  const value = (term: Term) => termText(term);
  switch (relation.kind) {
    case "single":
      return `${quoted(relation.column)} ${relation.operator} ${value(relation.value)}`;
    case "entry":
      return `${quoted(relation.column)}[${value(relation.key)}] ${relation.operator} ${value(relation.value)}`;
    case "multi":
      return `(${relation.columns.map(quoted).join(", ")}) ${relation.operator} ${value(relation.value)}`;
    case "token":
      return `token(${relation.columns.map(quoted).join(", ")}) ${relation.operator} ${value(relation.value)}`;
    default: {
      const never: never = relation;
      throw new Error(`not a relation: ${String(never)}`);
    }
  }
}

/** A bound value that a restriction can use. */
function usable(value: Bound, column: Column): Buffer {
  const isKey = column.kind === "partition_key" || column.kind === "clustering";
  if (value === null && column.type.isCounter) throw invalid("Invalid null value for counter increment/decrement");
  if (value === null)
    throw invalid(
      isKey
        ? `Invalid null value in condition for column ${column.name}`
        : `Unsupported null value for column ${column.name}`,
    );
  if (value === unset)
    throw invalid(
      isKey ? `Invalid unset value for column ${column.name}` : `Unsupported unset value for column ${column.name}`,
    );
  return value;
}

function find(table: Table, name: string): Column {
  const column = table.columns.get(name);
  if (column === undefined) throw invalid(`Undefined column name ${name} in table ${table.fullName}`);
  return column;
}

function single(table: Table, column: Column, term: Term, prepare: Preparing): Tuple {
  const bound = prepareTerm(term, receiverOf(table, column, column.name, column.type.freeze()), prepare);
  return (run) => [usable(bound.evaluate(run), column)];
}

function inItems(table: Table, column: Column, value: Term, prepare: Preparing): (run: Run) => Value[][] {
  const type = column.type.freeze();
  if (value.kind === "tuple") {
    const terms = value.items.map((item) => prepareTerm(item, receiverOf(table, column, column.name, type), prepare));
    return (run) =>
      terms.flatMap((term) => {
        const bound = term.evaluate(run);
        if (bound === unset) throw invalid(`Invalid unset value for column ${column.name}`);
        return [[usable(bound, column)]];
      });
  }
  const list = new ListType(type, true);
  const receiver = receiverOf(table, column, `in(${column.name})`, list);
  const bound =
    value.kind === "marker" ? marker(value.index, receiver, prepare) : prepareTerm(value, receiver, prepare);
  return (run) => {
    const whole = bound.evaluate(run);
    if (whole === null) throw invalid(`Invalid null value for column ${column.name}`);
    if (whole === unset) throw invalid(`Invalid unset value for column ${column.name}`);
    return readParts(whole, 1).map((item) => [usable(item, column)]);
  };
}

/** `(1, 2)` or a marker for several columns. */
function tuple(table: Table, columns: readonly Column[], value: Term, prepare: Preparing, name?: string): Tuple {
  if (value.kind === "tuple") {
    if (value.items.length !== columns.length)
      throw invalid(
        `Expected ${columns.length} elements in value tuple, but got ${value.items.length}: ${termText(value)}`,
      );
    const terms = value.items.map((item, at) => prepareTerm(item, receiverOf(table, columns[at]!), prepare));
    return (run) => terms.map((term, at) => usable(term.evaluate(run), columns[at]!));
  }
  const type = new TupleType(columns.map((column) => column.type));
  const receiver = receiverOf(table, columns[0]!, name ?? `(${columns.map((column) => column.name).join(",")})`, type);
  const bound = prepareTerm(value, receiver, prepare);
  return (run) => {
    const whole = bound.evaluate(run);
    const names = columns.map((column) => column.name).join(", ");
    if (whole === null) throw invalid(`Invalid null value for (${names})`);
    if (whole === unset) throw invalid(`Invalid unset value for tuple (${names})`);
    return fieldsOf(whole, columns);
  };
}

function fieldsOf(whole: Buffer, columns: readonly Column[]): Value[] {
  const fields = readFields(whole, columns.length);
  return columns.map((column, at) => usable(fields[at] ?? null, column));
}

function tuples(table: Table, columns: readonly Column[], value: Term, prepare: Preparing): (run: Run) => Value[][] {
  if (value.kind === "tuple") {
    const each = value.items.map((item) => tuple(table, columns, item, prepare));
    return (run) => each.map((make) => make(run));
  }
  const type = new ListType(new TupleType(columns.map((column) => column.type)), true);
  const receiver = receiverOf(table, columns[0]!, `in(${columns.map((column) => column.name).join(",")})`, type);
  const bound = prepareTerm(value, receiver, prepare);
  return (run) => {
    const whole = bound.evaluate(run);
    const names = columns.map((column) => column.name).join(", ");
    if (whole === null) throw invalid(`Invalid null value for (${names})`);
    if (whole === unset) throw invalid(`Invalid unset value for tuple (${names})`);
    return readParts(whole, 1).map((item) => fieldsOf(item!, columns));
  };
}

function isSlice(operator: Operator): operator is "<" | "<=" | ">" | ">=" {
  return operator === "<" || operator === "<=" || operator === ">" || operator === ">=";
}

function checkSingle(column: Column, operator: Operator, relation: Relation): void {
  const { type } = column;
  const isCollection = type instanceof ListType || type instanceof SetType || type instanceof MapType;
  if (operator === "!=") throw invalid(`Unsupported "!=" relation: ${relationText(relation)}`);
  if (operator === "LIKE")
    throw invalid(
      `LIKE restriction is only supported on properly indexed columns. ${relationText(relation)} is not valid.`,
    );
  if (operator === "CONTAINS" || operator === "CONTAINS KEY") {
    if (!isCollection) throw invalid(`Cannot use ${operator} on non-collection column ${column.name}`);
    if (operator === "CONTAINS KEY" && !(type instanceof MapType))
      throw invalid(`Cannot use CONTAINS KEY on non-map column ${column.name}`);
    return;
  }
  if (operator === "IS NOT") return;
  if (isSlice(operator) && type.references((each) => each.name === "duration")) {
    const what = isCollection
      ? "collections containing"
      : type instanceof TupleType
        ? "tuples containing"
        : type instanceof UserType
          ? "UDTs containing"
          : "";
    throw invalid(`Slice restrictions are not supported on ${what === "" ? "duration columns" : `${what} durations`}`);
  }
  if (type.isMultiCell) {
    if (type instanceof UserType)
      throw invalid(`Non-frozen UDT column '${column.name}' (${type.name}) cannot be restricted by any relation`);
    throw invalid(`Collection column '${column.name}' (${type.name}) cannot be restricted by a '${operator}' relation`);
  }
}

/** One relation as a restriction. */
export function restrictionOf(
  relation: Exclude<Relation, { kind: "token" }>,
  table: Table,
  prepare: Preparing,
): Restriction {
  if (relation.kind === "multi") return multiRestriction(relation, table, prepare);
  const column = find(table, relation.column);
  if (relation.kind === "entry") {
    const { type } = column;
    if (!(type instanceof MapType)) throw invalid(`Column ${column.name} cannot be used as a map`);
    if (relation.operator !== "=") throw invalid(`Only EQ relations are supported on map entries`);
    if (type.frozen)
      throw invalid(`Map-entry equality predicates on frozen map column ${column.name} are not supported`);
    const key = prepareTerm(relation.key, receiverOf(table, column, `key(${column.name})`, type.keys), prepare);
    const value = prepareTerm(relation.value, receiverOf(table, column, `value(${column.name})`, type.values), prepare);
    return { kind: "contains", columns: [column], values: [], keys: [], entries: [[key, value]] };
  }
  const { operator, value } = relation;
  checkSingle(column, operator, relation);
  switch (operator) {
    case "=":
      return { kind: "eq", columns: [column], values: single(table, column, value, prepare), isMulti: false };
    case "IN":
      // Of one value it is an equality.
      if (value.kind === "tuple" && value.items.length === 1)
        return {
          kind: "eq",
          columns: [column],
          values: single(table, column, value.items[0]!, prepare),
          isMulti: false,
        };
      return {
        kind: "in",
        columns: [column],
        items: inItems(table, column, value, prepare),
        isMulti: false,
      };
    case "IS NOT":
      throw invalid(`Unsupported restriction: ${relationText(relation)}`);
    case "CONTAINS": {
      const { type } = column;
      const element = type instanceof MapType ? type.values : (type as ListType).element;
      const term = prepareTerm(value, receiverOf(table, column, `value(${column.name})`, element), prepare);
      return { kind: "contains", columns: [column], values: [term], keys: [], entries: [] };
    }
    case "CONTAINS KEY": {
      const term = prepareTerm(
        value,
        receiverOf(table, column, `key(${column.name})`, (column.type as MapType).keys),
        prepare,
      );
      return { kind: "contains", columns: [column], values: [], keys: [term], entries: [] };
    }
    default: {
      if (!isSlice(operator)) throw invalid(`Unsupported "${operator}" relation: ${relationText(relation)}`);
      return slice([column], operator, single(table, column, value, prepare), false);
    }
  }
}

function slice(columns: readonly Column[], operator: Operator, values: Tuple, isMulti: boolean): Restriction {
  const side: Side = { columns, values, inclusive: operator === "<=" || operator === ">=" };
  const isLower = operator === ">" || operator === ">=";
  return { kind: "slice", columns, lower: isLower ? side : undefined, upper: isLower ? undefined : side, isMulti };
}

function multiRestriction(
  relation: Extract<Relation, { kind: "multi" }>,
  table: Table,
  prepare: Preparing,
): Restriction {
  if (relation.operator === "!=") throw invalid(`Unsupported "!=" relation: ${relationText(relation)}`);
  let previous = -1;
  const columns: Column[] = [];
  for (const name of relation.columns) {
    const column = find(table, name);
    if (column.kind !== "clustering")
      throw invalid(
        `Multi-column relations can only be applied to clustering columns but was applied to: ${column.name}`,
      );
    if (columns.includes(column))
      throw invalid(`Column "${column.name}" appeared twice in a relation: ${relationText(relation)}`);
    if (previous !== -1 && column.position !== previous + 1)
      throw invalid(
        `Clustering columns must appear in the PRIMARY KEY order in multi-column relations: ${relationText(relation)}`,
      );
    previous = column.position;
    columns.push(column);
  }
  const { operator, value } = relation;
  if (operator === "IN" && value.kind === "tuple" && value.items.length === 1)
    return { kind: "eq", columns, values: tuple(table, columns, value.items[0]!, prepare), isMulti: true };
  if (operator === "IN")
    return {
      kind: "in",
      columns,
      items: tuples(table, columns, value, prepare),
      isMulti: true,
    };
  if (operator === "=") return { kind: "eq", columns, values: tuple(table, columns, value, prepare), isMulti: true };
  if (isSlice(operator)) return slice(columns, operator, tuple(table, columns, value, prepare), true);
  throw invalid(`${operator} cannot be used for multi-column relations`);
}

/** A relation over token(…). */
export function tokenRestriction(
  relation: Extract<Relation, { kind: "token" }>,
  table: Table,
  prepare: Preparing,
): TokenRestriction {
  if (relation.operator === "!=") throw invalid(`Unsupported "!=" relation: ${relationText(relation)}`);
  const columns = relation.columns.map((name) => find(table, name));
  if (new Set(columns).size !== columns.length)
    throw invalid("The token() function contains duplicate partition key components");
  if (columns.length === table.partitionKey.length && columns.every((column) => column.kind !== "partition_key"))
    throw invalid("The token() function must be applied to all partition key components or none of them");
  if (columns.some((column) => column.kind !== "partition_key"))
    throw invalid("The token() function must contains only partition key components");
  if (columns.length < table.partitionKey.length)
    throw invalid("The token() function must be applied to all partition key components or none of them");
  if (columns.length !== table.partitionKey.length || columns.some((column, at) => column !== table.partitionKey[at]))
    throw invalid(
      `The token function arguments must be in the partition key order: ${table.partitionKey.map((column) => column.name).join(", ")}`,
    );
  const receiver: Receiver = {
    keyspace: table.keyspace,
    table: table.name,
    name: "partition key token",
    type: native("bigint"),
  };
  const term = prepareTerm(relation.value, receiver, prepare);
  const { operator } = relation;
  if (operator === "=") return { columns, lower: { term, inclusive: true }, upper: { term, inclusive: true } };
  if (!isSlice(operator)) throw invalid(`${operator} cannot be used with the token function`);
  const side = { term, inclusive: operator === "<=" || operator === ">=" };
  const isLower = operator === ">" || operator === ">=";
  return { columns, lower: isLower ? side : undefined, upper: isLower ? undefined : side };
}

/** Two restrictions of the same columns as one. */
export function mergeRestrictions(a: Restriction, b: Restriction): Restriction {
  const names = [
    ...new Set(
      [...a.columns, ...b.columns].filter((column) => a.columns.includes(column) && b.columns.includes(column)),
    ),
  ]
    .map((column) => column.name)
    .join(", ");
  for (const [one] of [[a], [b]] as const) {
    if (one.kind === "eq") {
      if (one.isMulti) throw invalid(`${names} cannot be restricted by more than one relation if it includes an Equal`);
      throw invalid(`${one.columns[0]!.name} cannot be restricted by more than one relation if it includes an Equal`);
    }
  }
  for (const [one] of [[a], [b]] as const) {
    if (one.kind === "in") throw invalid(`${names} cannot be restricted by more than one relation if it includes a IN`);
  }
  if (a.kind === "contains" && b.kind === "contains")
    return {
      kind: "contains",
      columns: a.columns,
      values: [...a.values, ...b.values],
      keys: [...a.keys, ...b.keys],
      entries: [...a.entries, ...b.entries],
    };
  if (a.kind === "slice" && b.kind === "slice") {
    if (a.isMulti !== b.isMulti) {
      if (a.columns[0] !== b.columns[0])
        throw invalid(
          `Column "${[...a.columns, ...b.columns].find((column) => a.columns.includes(column) && b.columns.includes(column))!.name}" cannot be restricted by two inequalities not starting with the same column`,
        );
    } else if (a.columns[0] !== b.columns[0])
      throw invalid(
        `Column "${[...a.columns].find((column) => b.columns.includes(column))!.name}" cannot be restricted by two inequalities not starting with the same column`,
      );
    if (a.lower !== undefined && b.lower !== undefined)
      throw invalid(`More than one restriction was found for the start bound on ${names}`);
    if (a.upper !== undefined && b.upper !== undefined)
      throw invalid(`More than one restriction was found for the end bound on ${names}`);
    return {
      kind: "slice",
      columns: a.columns.length >= b.columns.length ? a.columns : b.columns,
      lower: a.lower ?? b.lower,
      upper: a.upper ?? b.upper,
      isMulti: a.isMulti || b.isMulti,
    };
  }
  throw invalid(`Collection column ${names} can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality`);
}

/** Whether an index can answer a restriction. */
export function indexSupports(index: Index, restriction: Restriction): boolean {
  const { of, isSai } = index;
  if (restriction.columns.length > 1) return false;
  switch (restriction.kind) {
    case "eq":
      return of === "simple" || of === "full";
    case "slice":
      return isSai && of === "simple" && !isLiteral(restriction.columns[0]!.type);
    case "contains":
      return (
        (of === "values" && restriction.values.length > 0) ||
        (of === "keys" && restriction.keys.length > 0) ||
        (of === "entries" && restriction.entries.length > 0)
      );
    default:
      return false;
  }
}

/** SAI compares texts and the like for equality alone. */
function isLiteral(type: CqlType): boolean {
  return type.name === "text" || type.name === "ascii" || type.name === "boolean";
}
