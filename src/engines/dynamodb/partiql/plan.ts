import { checkUpdatesNoKey } from "../commands/items.js";
import { checkItemKeys, checkKey, largestItem } from "../commands/parameters.js";
import type { ItemWrite } from "../commands/write-item.js";
import type { Table } from "../data/table.js";
import { invalidValue, validation } from "../errors.js";
import { Bindings } from "../expressions/bindings.js";
import { ConditionCompiler, type Test } from "../expressions/condition.js";
import type { KeyTest, KeyTests } from "../expressions/key-condition.js";
import type { Comparator, Condition, Operand } from "../expressions/syntax.js";
import { bindUpdate } from "../expressions/update.js";
import { attribute, checkItem, type Item, setAttribute, type Value } from "../values/attribute-value.js";
import { type KeySchema, tableKey } from "../values/key-encoding.js";
import type { Delete, Exists, Insert, Statement, UpdateStatement } from "./statement.js";

/** From statements to what the other operations do: key conditions, tests, writes. */

function bindings({ values }: Statement): Bindings {
  return new Bindings(undefined, Object.keys(values).length === 0 ? undefined : values);
}

/** The test of a whole WHERE. */
export function whereTest(statement: Statement & { where: Condition | undefined }): Test | undefined {
  if (statement.where === undefined) return undefined;
  return new ConditionCompiler("ConditionExpression", bindings(statement)).compile(statement.where);
}

/** The parts of a WHERE that have to be true together. */
function conjuncts(condition: Condition | undefined): Condition[] {
  if (condition === undefined) return [];
  return condition.kind === "and" ? [...conjuncts(condition.left), ...conjuncts(condition.right)] : [condition];
}

const flipped: Readonly<Record<string, Comparator>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=" };

function nameOf(operand: Operand | undefined): string | undefined {
  return operand?.kind === "path" && operand.path.length === 1 ? (operand.path[0] as string) : undefined;
}

/** The condition on one attribute that a part of a WHERE is, where a key could answer it. */
function keyTest(condition: Condition, values: Item): { name: string; test: KeyTest } | undefined {
  const valueIn = (operand: Operand | undefined): Value | undefined =>
    operand?.kind === "value" ? values[operand.name] : undefined;
  switch (condition.kind) {
    case "compare": {
      if (condition.operator === "<>") return undefined;
      const turned = nameOf(condition.left) === undefined;
      const name = nameOf(turned ? condition.right : condition.left);
      const value = valueIn(turned ? condition.left : condition.right);
      if (name === undefined || value === undefined) return undefined;
      const operator = turned ? flipped[condition.operator]! : condition.operator;
      return { name, test: { operator, values: [value] } };
    }
    case "between": {
      const name = nameOf(condition.operand);
      const low = valueIn(condition.low);
      const high = valueIn(condition.high);
      if (name === undefined || low === undefined || high === undefined) return undefined;
      return { name, test: { operator: "BETWEEN", values: [low, high] } };
    }
    case "call": {
      const name = nameOf(condition.args[0]);
      const value = valueIn(condition.args[1]);
      if (condition.name !== "begins_with" || name === undefined || value === undefined) return undefined;
      return { name, test: { operator: "BEGINS_WITH", values: [value] } };
    }
    default:
      return undefined;
  }
}

/** What of a WHERE a key can answer: one partition and a range of it, several partitions, or nothing. */
export interface Access {
  /** One set of conditions for each partition; undefined when all has to be looked at. */
  readonly partitions: readonly KeyTests[] | undefined;
}

/** Finds how a WHERE can be answered by a key. */
export function accessOf(where: Condition | undefined, values: Item, schema: KeySchema): Access {
  const parts = conjuncts(where);
  const { partition, sort } = schema;
  let range: KeyTest | undefined;
  let one: Value | undefined;
  let several: Value[] | undefined;
  for (const part of parts) {
    const found = keyTest(part, values);
    if (
      found?.name === partition.name &&
      found.test.operator === "=" &&
      found.test.values[0]![partition.type] !== undefined
    ) {
      one ??= found.test.values[0]!;
    } else if (found !== undefined && found.name === sort?.name) {
      if (found.test.values.every((value) => value[sort.type] !== undefined)) range ??= found.test;
    } else if (part.kind === "in" && nameOf(part.operand) === partition.name) {
      const list = part.list.map((each) => (each.kind === "value" ? values[each.name]! : undefined));
      if (list.every((value) => value?.[partition.type] !== undefined)) several ??= list as Value[];
    }
  }
  const wanted = one !== undefined ? [one] : several;
  if (wanted === undefined) return { partitions: undefined };
  return {
    partitions: wanted.map((value) => {
      const tests = new Map<string, KeyTest>([[partition.name, { operator: "=", values: [value] }]]);
      if (range !== undefined) tests.set(sort!.name, range);
      return tests;
    }),
  };
}

/** The one item that a WHERE names by its whole key, and the test of what else it says. */
export function keyOfWhere(
  statement: { readonly where: Condition | undefined; readonly values: Item },
  schema: KeySchema,
): { readonly key: Item; readonly rest: Condition | undefined } {
  const key: Item = {};
  const rest: Condition[] = [];
  const names = schema.sort === undefined ? [schema.partition.name] : [schema.partition.name, schema.sort.name];
  for (const part of conjuncts(statement.where)) {
    const found = keyTest(part, statement.values);
    if (found?.test.operator === "=" && names.includes(found.name) && attribute(key, found.name) === undefined) {
      setAttribute(key, found.name, found.test.values[0]!);
    } else rest.push(part);
  }
  if (names.some((name) => attribute(key, name) === undefined)) {
    throw validation("Where clause does not contain a mandatory equality on all key attributes");
  }
  return {
    key,
    rest: rest.reduceRight<Condition | undefined>(
      (right, left) => (right === undefined ? left : { kind: "and", left, right }),
      undefined,
    ),
  };
}

/** The write that a statement is, for its table. */
export function writeOfStatement(
  statement: Insert | UpdateStatement | Delete | Exists,
  table: Table,
  returnOnFailure = false,
): ItemWrite {
  if (statement.kind === "insert") {
    const item = statement.item.M as Item | undefined;
    if (item === undefined) throw validation("Unexpected from source: INSERT needs an item");
    const size = checkItem(item);
    checkItemKeys(table, item);
    if (size > largestItem) throw validation("Item size has exceeded the maximum allowed size");
    return {
      table,
      key: table.keyOf(item),
      keyItem: table.keyItem(item),
      change: { kind: "put", item },
      condition: undefined,
      returnOnFailure,
      wantsBefore: true,
    };
  }
  const { key, rest } = keyOfWhere(statement, table.schema);
  checkItem(key);
  checkKey(table.schema, key);
  const placeholders = bindings(statement);
  const further =
    rest === undefined ? undefined : new ConditionCompiler("ConditionExpression", placeholders).compile(rest);
  const base = { table, key: tableKey(table.schema, key), keyItem: key, returnOnFailure, wantsBefore: true };
  if (statement.kind === "update") {
    const update = bindUpdate(statement.actions, placeholders);
    checkUpdatesNoKey(table, update);
    const { partition } = table.schema;
    // An item that is not there is not made.
    const exists: Test = (item) => attribute(item, partition.name) !== undefined;
    return {
      ...base,
      change: { kind: "update", update },
      condition: further === undefined ? exists : (item) => exists(item) && further(item),
    };
  }
  if (statement.kind === "exists") {
    const { partition } = table.schema;
    return {
      ...base,
      change: { kind: "check" },
      condition: (item) => attribute(item, partition.name) !== undefined && (further === undefined || further(item)),
    };
  }
  return { ...base, change: { kind: "delete" }, condition: further };
}

/** Throws when a statement names an index that does not fit. */
export function checkOrder(order: { readonly name: string } | undefined, schema: KeySchema): void {
  if (order === undefined) return;
  if (order.name !== schema.sort?.name && order.name !== schema.partition.name) {
    throw invalidValue(`Variable reference ${order.name} in ORDER BY clause must be part of the primary key`);
  }
}
