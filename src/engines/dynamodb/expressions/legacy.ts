import { invalidValue, validation } from "../errors.js";
import {
  attribute,
  checkValue,
  compareValues,
  type Item,
  setAttribute,
  type TypeName,
  typeOf,
  type Value,
} from "../values/attribute-value.js";
import { addNumbers } from "../values/number.js";
import { beginsWith, between, compares, contains, type Test } from "./condition.js";
import type { Update } from "./update.js";

/**
 * The parameters that conditions and updates had before there were expressions.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
 */

export const comparisonOperators = [
  "IN",
  "NULL",
  "BETWEEN",
  "LT",
  "NOT_CONTAINS",
  "EQ",
  "GT",
  "NOT_NULL",
  "NE",
  "LE",
  "BEGINS_WITH",
  "GE",
  "CONTAINS",
] as const;

export type ComparisonOperator = (typeof comparisonOperators)[number];

/** A condition on one attribute, as `QueryFilter`, `ScanFilter` and `KeyConditions` have it. */
export interface LegacyCondition {
  readonly ComparisonOperator: ComparisonOperator;
  readonly AttributeValueList?: Value[];
}

interface Expected extends Partial<LegacyCondition> {
  readonly Value?: Value;
  readonly Exists?: boolean;
}

const scalars: readonly TypeName[] = ["S", "N", "B"];
const comparable: readonly TypeName[] = ["S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M"];
const operandTypes: Readonly<Partial<Record<ComparisonOperator, readonly TypeName[]>>> = {
  EQ: comparable,
  NE: comparable,
  LE: scalars,
  LT: scalars,
  GE: scalars,
  GT: scalars,
  CONTAINS: [...scalars, "BOOL", "NULL"],
  NOT_CONTAINS: [...scalars, "BOOL", "NULL"],
  BEGINS_WITH: ["S", "B"],
  IN: scalars,
  BETWEEN: scalars,
};

function countFits(operator: ComparisonOperator, count: number): boolean {
  if (operator === "NULL" || operator === "NOT_NULL") return count === 0;
  if (operator === "IN") return count > 0;
  return count === (operator === "BETWEEN" ? 2 : 1);
}

/** Throws when an operator's values are too many, too few or of a wrong type. */
function checkOperands(operator: ComparisonOperator, values: readonly Value[]): void {
  for (const value of values) checkValue(value);
  if (!countFits(operator, values.length)) {
    throw invalidValue(`Invalid number of argument(s) for the ${operator} ComparisonOperator`);
  }
  if (values.length === 0) return;
  const type = typeOf(values[0]!);
  if (values.some((value) => typeOf(value) !== type)) {
    throw invalidValue("AttributeValues inside AttributeValueList must be of same type");
  }
  const types = operandTypes[operator];
  if (types !== undefined && !types.includes(type)) {
    throw invalidValue(`ComparisonOperator ${operator} is not valid for ${type} AttributeValue type`);
  }
  if (operator === "BETWEEN" && compareValues(values[0]!, values[1]!)! > 0) {
    throw validation(
      "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    );
  }
}

const orders = { LE: "<=", LT: "<", GE: ">=", GT: ">", EQ: "=" } as const;

function testOf(name: string, operator: ComparisonOperator, values: readonly Value[]): Test {
  const [first, second] = values;
  switch (operator) {
    case "NULL":
      return (item) => attribute(item, name) === undefined;
    case "NOT_NULL":
      return (item) => attribute(item, name) !== undefined;
    case "NE":
      return (item) => compares("<>", attribute(item, name), first);
    case "IN":
      return (item) => values.some((each) => compares("=", attribute(item, name), each));
    case "BETWEEN":
      return (item) => between(attribute(item, name), first, second);
    case "BEGINS_WITH":
      return (item) => beginsWith(attribute(item, name), first);
    case "CONTAINS":
      return (item) => contains(attribute(item, name), first);
    case "NOT_CONTAINS":
      return (item) => {
        const value = attribute(item, name);
        return value !== undefined && !contains(value, first);
      };
    default:
      return (item) => compares(orders[operator], attribute(item, name), first);
  }
}

function joined(tests: readonly Test[], operator: unknown): Test {
  return operator === "OR" ? (item) => tests.some((test) => test(item)) : (item) => tests.every((test) => test(item));
}

function checkOperator(
  operator: unknown,
  conditions: Readonly<Record<string, unknown>> | undefined,
  name: string,
): void {
  if (operator === undefined) return;
  if (conditions === undefined || Object.keys(conditions).length === 0) {
    throw invalidValue("ConditionalOperator cannot be used without Filter or Expected");
  }
  if (Object.keys(conditions).length === 1) {
    throw invalidValue(`ConditionalOperator can only be used when Filter or Expected has two or more elements`);
  }
  void name;
}

/** Checks the conditions of a filter or of keys. */
export function checkConditions(conditions: Readonly<Record<string, LegacyCondition>> | undefined): void {
  for (const condition of Object.values(conditions ?? {})) {
    checkOperands(condition.ComparisonOperator, condition.AttributeValueList ?? []);
  }
}

/** The test of `QueryFilter` or `ScanFilter`. */
export function legacyFilter(
  conditions: Readonly<Record<string, LegacyCondition>> | undefined,
  operator: unknown,
): Test | undefined {
  checkOperator(operator, conditions, "Filter");
  if (conditions === undefined) return undefined;
  checkConditions(conditions);
  const tests = Object.entries(conditions).map(([name, condition]) =>
    testOf(name, condition.ComparisonOperator, condition.AttributeValueList ?? []),
  );
  return joined(tests, operator);
}

/** The test of `Expected`. */
export function legacyExpected(
  expected: Readonly<Record<string, Expected>> | undefined,
  operator: unknown,
): Test | undefined {
  checkOperator(operator, expected, "Expected");
  if (expected === undefined) return undefined;
  return joined(
    Object.entries(expected).map(([name, condition]) => expectedTest(name, condition)),
    operator,
  );
}

function expectedTest(name: string, condition: Expected): Test {
  const { ComparisonOperator: operator, AttributeValueList: list, Value: value, Exists: exists } = condition;
  if (list !== undefined && value !== undefined) {
    throw invalidValue(`Value and AttributeValueList cannot be used together for Attribute: ${name}`);
  }
  if (operator !== undefined) {
    if (exists !== undefined) {
      throw invalidValue(`Exists and ComparisonOperator cannot be used together for Attribute: ${name}`);
    }
    if (operator !== "NULL" && operator !== "NOT_NULL" && list === undefined && value === undefined) {
      throw invalidValue(
        `Value or AttributeValueList must be used with ComparisonOperator: ${operator} for Attribute: ${name}`,
      );
    }
    const values = list ?? (value === undefined ? [] : [value]);
    checkOperands(operator, values);
    return testOf(name, operator, values);
  }
  if (list !== undefined) {
    throw invalidValue(`AttributeValueList can only be used with a ComparisonOperator for Attribute: ${name}`);
  }
  if (exists === false) {
    if (value !== undefined) {
      throw invalidValue(`Value cannot be used when Exists is false for Attribute: ${name}`);
    }
    return testOf(name, "NULL", []);
  }
  if (value === undefined) {
    throw invalidValue(`Value must be provided when Exists is ${exists ?? "null"} for Attribute: ${name}`);
  }
  checkValue(value);
  return testOf(name, "EQ", [value]);
}

interface AttributeUpdate {
  readonly Action?: string;
  readonly Value?: Value;
}

/** The update of `AttributeUpdates`. */
export function legacyUpdate(updates: Readonly<Record<string, AttributeUpdate>>): Update {
  for (const { Action: action = "PUT", Value: value } of Object.values(updates)) {
    if (value !== undefined) checkValue(value);
    if (value === undefined) {
      if (action !== "DELETE") {
        throw invalidValue("Only DELETE action is allowed when no attribute value is specified");
      }
      continue;
    }
    const type = typeOf(value);
    const isSet = type === "SS" || type === "NS" || type === "BS";
    if (action === "DELETE" && !isSet) {
      throw invalidValue(`DELETE action with value is not supported for the type ${type}`);
    }
    if (action === "ADD" && !isSet && type !== "N" && type !== "L") {
      throw invalidValue(`ADD action is not supported for the type ${type}`);
    }
  }
  return {
    paths: Object.keys(updates).map((name) => [name]),
    onlyTakes:
      Object.keys(updates).length > 0 && Object.values(updates).every(({ Action: action }) => action === "DELETE"),
    apply(before) {
      const item: Item = { ...before };
      for (const [name, update] of Object.entries(updates)) {
        const value = changed(attribute(before, name), update);
        if (value === undefined) delete item[name];
        else setAttribute(item, name, value);
      }
      return item;
    },
  };
}

function changed(
  before: Value | undefined,
  { Action: action = "PUT", Value: value }: AttributeUpdate,
): Value | undefined {
  if (value === undefined) return undefined;
  if (action === "PUT") return value;
  const type = typeOf(value);
  if (before === undefined) return action === "ADD" ? value : undefined;
  if (before[type] === undefined) {
    throw validation("Type mismatch for attribute to update");
  }
  if (action === "ADD") {
    if (type === "N") return { N: addNumbers(before.N as string, value.N as string) };
    if (type === "L") return { L: [...(before.L as Value[]), ...(value.L as Value[])] };
    return { [type]: [...new Set([...(before[type] as string[]), ...(value[type] as string[])])] };
  }
  const gone = new Set(value[type] as string[]);
  const left = (before[type] as string[]).filter((each) => !gone.has(each));
  return left.length === 0 ? undefined : { [type]: left };
}
