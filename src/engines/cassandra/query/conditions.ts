/** IF of lightweight transactions. */

import type { Condition } from "../cql/ast.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import {
  type CqlType,
  keyPart,
  ListType,
  MapType,
  native,
  readFields,
  readParts,
  SetType,
  UserType,
  type Value,
} from "../types/type.js";
import { columnValue, type RowContext } from "./column-values.js";
import { type Bound, type Run, unset } from "./run.js";
import { type BoundTerm, marker, type Preparing, prepareTerm, type Receiver } from "./terms.js";

/** A condition on one column. */
export interface PreparedCondition {
  readonly column: Column;
  /** Whether the row answers it. */
  readonly holds: (context: RowContext) => boolean;
}

function compared(operator: Condition["operator"], type: CqlType, value: Value, wanted: Value): boolean {
  if (wanted === null) {
    if (operator === "=") return value === null;
    if (operator === "!=") return value !== null;
    throw invalid(`Invalid comparison with null for operator "${operator}"`);
  }
  if (value === null) return operator === "!=";
  if (operator === "=" || operator === "!=") {
    const same = value.equals(wanted) || type.compare(value, wanted) === 0;
    return operator === "=" ? same : !same;
  }
  const order = type.compare(value, wanted);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    default:
      throw invalid(`Unsupported operator ${operator}`);
  }
}

function settled(value: Bound): Value {
  if (value === unset) throw invalid("Invalid 'unset' value in condition");
  return value;
}

type Test = (run: Run) => (value: Value) => boolean;

/** The right side of a condition, for values of this type. */
function testOf(condition: Condition, type: CqlType, receiver: Receiver, prepare: Preparing): Test {
  const { operator, value } = condition;
  if (type.references((each) => each.name === "duration") && ["<", "<=", ">", ">="].includes(operator)) {
    if (type instanceof ListType || type instanceof SetType || type instanceof MapType)
      throw invalid("Slice conditions are not supported on collections containing durations");
    if (type instanceof UserType) throw invalid("Slice conditions are not supported on UDTs containing durations");
    if (type.name !== "duration") throw invalid("Slice conditions are not supported on tuples containing durations");
    throw invalid(`Slice conditions ( ${operator} ) are not supported on durations`);
  }
  if (operator === "IN") {
    const items: (run: Run) => Value[] = (() => {
      if (value.kind === "tuple") {
        const terms: BoundTerm[] = value.items.map((item) => prepareTerm(item, receiver, prepare));
        return (run: Run) =>
          terms.flatMap((term) => {
            const bound = term.evaluate(run);
            return bound === unset ? [] : [bound];
          });
      }
      const list = { ...receiver, name: `in(${receiver.name})`, type: new ListType(type.freeze(), true) };
      const term = value.kind === "marker" ? marker(value.index, list, prepare) : prepareTerm(value, list, prepare);
      return (run: Run) => {
        const bound = settled(term.evaluate(run));
        if (bound === null) throw invalid(`Invalid null list in IN condition`);
        return readParts(bound, 1);
      };
    })();
    return (run) => {
      const wanted = items(run);
      return (found) => wanted.some((each) => compared("=", type, found, each));
    };
  }
  if (operator === "CONTAINS" || operator === "CONTAINS KEY") {
    const isMap = type instanceof MapType;
    if (!isMap && !(type instanceof ListType) && !(type instanceof SetType))
      throw invalid(`Cannot use ${operator} on non-collection column ${receiver.name}`);
    if (operator === "CONTAINS KEY" && !isMap)
      throw invalid(`Cannot use CONTAINS KEY on non-map column ${receiver.name}`);
    const element = isMap ? (operator === "CONTAINS KEY" ? type.keys : type.values) : (type as ListType).element;
    const term = prepareTerm(value, { ...receiver, name: `value(${receiver.name})`, type: element }, prepare);
    return (run) => {
      const wanted = settled(term.evaluate(run));
      if (wanted === null) throw invalid(`Invalid comparison with null for operator "${operator}"`);
      return (found) => {
        if (found === null) return false;
        const parts = readParts(found, isMap ? 2 : 1) as Buffer[];
        const offset = operator === "CONTAINS" && isMap ? 1 : 0;
        for (let at = offset; at < parts.length; at += isMap ? 2 : 1)
          if (element.compare(parts[at]!, wanted) === 0) return true;
        return false;
      };
    };
  }
  const term = prepareTerm(value, receiver, prepare);
  return (run) => {
    const wanted = settled(term.evaluate(run));
    // An empty collection is none.
    const isCollection = type.isMultiCell && !(type instanceof UserType);
    const shown =
      isCollection && wanted !== null && readParts(wanted, type instanceof MapType ? 2 : 1).length === 0
        ? null
        : wanted;
    if (isCollection && wanted !== null && shown === null && !["=", "!="].includes(operator)) {
      return (found) => compared(operator, type.freeze(), found ?? wanted, wanted);
    }
    return (found) => compared(operator, type.freeze(), found, shown);
  };
}

/** A condition, named and typed. */
export function prepareCondition(condition: Condition, table: Table, prepare: Preparing): PreparedCondition {
  const column = table.columns.get(condition.column);
  if (column === undefined) throw invalid(`Undefined column name ${condition.column} in table ${table.fullName}`);
  if (column.kind === "partition_key" || column.kind === "clustering")
    throw invalid(`PRIMARY KEY column '${column.name}' cannot have IF conditions`);
  const { type } = column;
  if (type.isCounter) throw invalid("Conditions on counters are not supported");
  const receiver = (name: string, of: CqlType): Receiver => ({
    keyspace: table.keyspace,
    table: table.name,
    name,
    type: of,
  });
  if (condition.kind === "column") {
    const test = testOf(condition, type, receiver(column.name, type), prepare);
    return { column, holds: (context) => test(context.run)(columnValue(column, context)) };
  }
  if (condition.kind === "field") {
    if (!(type instanceof UserType)) throw invalid(`Invalid field access for non-UDT column ${column.name}`);
    const at = type.fields.names.indexOf(condition.field);
    if (at < 0) throw invalid(`Unknown field ${condition.field} for column ${column.name}`);
    const fieldType = type.fields.types[at]!;
    const test = testOf(condition, fieldType, receiver(`${column.name}.${condition.field}`, fieldType), prepare);
    return {
      column,
      holds: (context) => {
        const whole = columnValue(column, context);
        return test(context.run)(whole === null ? null : (readFields(whole, type.fields.types.length)[at] ?? null));
      },
    };
  }
  if (type instanceof SetType) throw invalid(`Invalid element access syntax for set column ${column.name}`);
  if (!(type instanceof ListType) && !(type instanceof MapType))
    throw invalid(`Invalid element access syntax for non-collection column ${column.name}`);
  const isMap = type instanceof MapType;
  const keyType = isMap ? type.keys : native("int");
  const element = isMap ? type.values : type.element;
  const key = prepareTerm(
    condition.key,
    receiver(isMap ? `key(${column.name})` : `idx(${column.name})`, keyType),
    prepare,
  );
  const test = testOf(condition, element, receiver(`value(${column.name})`, element), prepare);
  return {
    column,
    holds: (context) => {
      const at = key.evaluate(context.run);
      if (at === null) throw invalid(`Invalid null value for ${isMap ? "map" : "list"} element access`);
      if (at === unset) throw invalid(`Invalid 'unset' value in ${isMap ? "map" : "list"} element access`);
      const whole = columnValue(column, context);
      const check = test(context.run);
      if (isMap) {
        const parts = whole === null ? [] : (readParts(whole, 2) as Buffer[]);
        const wanted = keyPart(keyType, at);
        for (let i = 0; i < parts.length; i += 2)
          if (keyPart(keyType, parts[i]!) === wanted) return check(parts[i + 1]!);
        return check(null);
      }
      const index = at.readInt32BE(0);
      if (index < 0) throw invalid(`Invalid negative list index ${index}`);
      const parts = whole === null ? [] : readParts(whole, 1);
      return check(parts[index] ?? null);
    },
  };
}
