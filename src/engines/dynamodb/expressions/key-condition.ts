import { invalidValue, validation } from "../errors.js";
import type { Value } from "../values/attribute-value.js";
import { afterPrefix, type KeySchema, keyBytes } from "../values/key-encoding.js";
import type { Bindings } from "./bindings.js";
import { beginsWith, between, compares } from "./condition.js";
import type { LegacyCondition } from "./legacy.js";
import { parseCondition } from "./parser.js";
import type { Comparator, Condition, Operand } from "./syntax.js";

/** What a query asks of a key: one value of the partition key, and a range of the sort key. */

const name = "KeyConditionExpression";

/** How one key attribute is limited. */
export interface KeyTest {
  readonly operator: Comparator | "BETWEEN" | "BEGINS_WITH";
  readonly values: readonly Value[];
}

export type KeyTests = ReadonlyMap<string, KeyTest>;

const mirrored: Readonly<Partial<Record<Comparator, Comparator>>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
const legacyOperators: Readonly<Partial<Record<string, KeyTest["operator"]>>> = {
  EQ: "=",
  LT: "<",
  LE: "<=",
  GT: ">",
  GE: ">=",
  BETWEEN: "BETWEEN",
  BEGINS_WITH: "BEGINS_WITH",
};

/** The key conditions of an expression. */
export function parseKeyTests(text: string, bindings: Bindings): KeyTests {
  const tests = new Map<string, KeyTest>();
  collect(parseCondition(name, text), bindings, tests);
  return tests;
}

/** The key conditions of the old kind. */
export function legacyKeyTests(conditions: Readonly<Record<string, LegacyCondition>>): KeyTests {
  const tests = new Map<string, KeyTest>();
  for (const [attribute, { ComparisonOperator: word, AttributeValueList: values = [] }] of Object.entries(conditions)) {
    const operator = legacyOperators[word];
    if (operator === undefined) {
      throw validation("Attempted conditional constraint is not an indexable operation");
    }
    tests.set(attribute, { operator, values });
  }
  return tests;
}

function badOperator(operator: string): Error {
  return validation(`Invalid operator used in KeyConditionExpression: ${operator}`);
}

function collect(condition: Condition, bindings: Bindings, tests: Map<string, KeyTest>): void {
  switch (condition.kind) {
    case "and":
      collect(condition.left, bindings, tests);
      collect(condition.right, bindings, tests);
      return;
    case "or":
    case "not":
    case "in":
      throw badOperator(condition.kind.toUpperCase());
    case "compare": {
      if (condition.operator === "<>") throw badOperator("<>");
      const { left, right } = condition;
      const flipped = left.kind !== "path";
      const operator = flipped ? (mirrored[condition.operator] ?? condition.operator) : condition.operator;
      note(tests, bindings, operator, flipped ? right : left, [flipped ? left : right]);
      return;
    }
    case "between":
      note(tests, bindings, "BETWEEN", condition.operand, [condition.low, condition.high]);
      return;
    default: {
      if (condition.name !== "begins_with") {
        const known = ["attribute_exists", "attribute_not_exists", "attribute_type", "contains"];
        if (known.includes(condition.name)) throw badOperator(condition.name);
        throw validation(
          condition.name === "size"
            ? "KeyConditionExpressions cannot contain nested operations"
            : `Invalid KeyConditionExpression: Invalid function name; function: ${condition.name}`,
        );
      }
      const [first, second] = condition.args;
      if (first === undefined || second === undefined || condition.args.length > 2) {
        throw validation(
          `Invalid KeyConditionExpression: Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: ${condition.args.length}`,
        );
      }
      note(tests, bindings, "BEGINS_WITH", first, [second]);
    }
  }
}

function note(
  tests: Map<string, KeyTest>,
  bindings: Bindings,
  operator: KeyTest["operator"],
  key: Operand,
  operands: readonly Operand[],
): void {
  if ([key, ...operands].some(({ kind }) => kind === "call" || kind === "sum")) {
    throw validation("KeyConditionExpressions cannot contain nested operations");
  }
  if (key.kind !== "path") {
    if (operator === "BETWEEN" || operator === "BEGINS_WITH") {
      throw validation(
        `Invalid condition in KeyConditionExpression: ${operator === "BETWEEN" ? operator : "begins_with"} operator must have the key attribute as its first operand`,
      );
    }
    throw validation("Invalid condition in KeyConditionExpression: No key attribute specified");
  }
  const path = bindings.path(name, key.path);
  const values = operands.map((operand) => {
    if (operand.kind !== "value") {
      if (operand.kind === "path") bindings.path(name, operand.path);
      throw validation("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition");
    }
    return bindings.value(name, operand.name);
  });
  if (path.length > 1) throw validation("KeyConditionExpressions cannot have conditions on nested attributes");
  const attribute = path[0] as string;
  if (tests.has(attribute)) throw validation("KeyConditionExpressions must only contain one condition per key");
  if (operator === "BEGINS_WITH" && values[0]!.S === undefined && values[0]!.B === undefined) {
    throw validation(
      `Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: ${Object.keys(values[0]!)[0]}`,
    );
  }
  if (operator === "BETWEEN") {
    const [low, high] = values as [Value, Value];
    if (compares(">", low, high)) {
      const shown = (value: Value): string => `AttributeValue: {${Object.keys(value)[0]}:${Object.values(value)[0]}}`;
      throw validation(
        `Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: ${shown(low)}, upper bound operand: ${shown(high)}`,
      );
    }
  }
  tests.set(attribute, { operator, values });
}

/** Sort keys from `from` on, below `to`, as bytes; a missing bound is open. */
export interface SortRange {
  readonly from: string;
  readonly to: string | undefined;
}

export interface KeyRange {
  readonly partition: Value;
  readonly sort: KeyTest | undefined;
}

/** Throws when the conditions are not those that the key can answer. */
export function keyRange(tests: KeyTests, schema: KeySchema): KeyRange {
  if (tests.size !== 1 && tests.size !== 2) throw validation("Conditions can be of length 1 or 2 only");
  const { partition, sort } = schema;
  if (sort === undefined && tests.size > 1 && tests.has(partition.name)) {
    throw validation("Query key condition not supported");
  }
  const first = tests.get(partition.name);
  if (first === undefined) throw validation(`Query condition missed key schema element: ${partition.name}`);
  checkType(first, partition.type);
  if (first.operator !== "=") throw validation("Query key condition not supported");
  const second = sort === undefined ? undefined : tests.get(sort.name);
  if (sort !== undefined && tests.size > 1) {
    if (second === undefined) throw validation(`Query condition missed key schema element: ${sort.name}`);
    checkType(second, sort.type);
  }
  for (const test of [first, second]) {
    for (const value of test?.values ?? []) {
      if (value.S === "" || value.B === "") {
        const key = test === first ? partition.name : sort!.name;
        throw validation(
          `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${value.S === "" ? "string" : "binary"} value. Key: ${key}`,
        );
      }
    }
  }
  return { partition: first.values[0]!, sort: second };
}

function checkType(test: KeyTest, type: string): void {
  if (test.values.some((value) => value[type as "S"] === undefined)) {
    throw invalidValue("Condition parameter type does not match schema type");
  }
}

/** Whether a value is one that a condition on the sort key lets through. */
export function fulfils({ operator, values }: KeyTest, value: Value | undefined): boolean {
  if (operator === "BETWEEN") return between(value, values[0], values[1]);
  if (operator === "BEGINS_WITH") return beginsWith(value, values[0]);
  return compares(operator, value, values[0]);
}

/** The range of sort keys that a condition lets through. */
export function sortRange({ operator, values }: KeyTest): SortRange {
  const low = keyBytes(values[0]!);
  // The bytes right behind those of a value are the value's with a zero.
  switch (operator) {
    case "=":
      return { from: low, to: `${low}\x00` };
    case "<":
      return { from: "", to: low };
    case "<=":
      return { from: "", to: `${low}\x00` };
    case ">":
      return { from: `${low}\x00`, to: undefined };
    case ">=":
      return { from: low, to: undefined };
    case "BETWEEN":
      return { from: low, to: `${keyBytes(values[1]!)}\x00` };
    default:
      return { from: low, to: afterPrefix(low) };
  }
}
