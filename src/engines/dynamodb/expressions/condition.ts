import { validation } from "../errors.js";
import {
  binaryBytes,
  binarySize,
  compareValues,
  equalValues,
  type Item,
  isTypeName,
  type TypeName,
  textSize,
  typeOf,
  type Value,
} from "../values/attribute-value.js";
import type { Bindings } from "./bindings.js";
import { pathText, samePath, valueAt } from "./paths.js";
import type { ExpressionName } from "./reader.js";
import type { Comparator, Condition, Operand, Path } from "./syntax.js";

/** Whether an item fulfils a condition. */
export type Test = (item: Item) => boolean;

/** An operand with its placeholders replaced. */
export type Bound =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "size"; readonly of: Bound };

/** The value of an operand for an item. */
function evaluate(operand: Bound, item: Item): Value | undefined {
  switch (operand.kind) {
    case "path":
      return valueAt(item, operand.path);
    case "value":
      return operand.value;
    default: {
      const value = evaluate(operand.of, item);
      const size = value === undefined ? undefined : lengthOf(value);
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

/** What `size` says of a value; undefined for types that have none. */
function lengthOf(value: Value): number | undefined {
  const type = typeOf(value);
  switch (type) {
    case "S":
      return textSize(value.S as string);
    case "B":
      return binarySize(value.B as string);
    case "SS":
    case "NS":
    case "BS":
    case "L":
      return (value[type] as unknown[]).length;
    case "M":
      return Object.keys(value.M as Item).length;
    default:
      return undefined;
  }
}

/** How each comparison operator answers for two values. */
export function compares(operator: Comparator, left: Value | undefined, right: Value | undefined): boolean {
  if (operator === "=") return left !== undefined && right !== undefined && equalValues(left, right);
  if (operator === "<>") return left === undefined || right === undefined || !equalValues(left, right);
  if (left === undefined || right === undefined) return false;
  const order = compareValues(left, right);
  if (order === undefined) return false;
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    default:
      return order >= 0;
  }
}

/** Whether a text or binary begins with another of its type. */
export function beginsWith(value: Value | undefined, prefix: Value | undefined): boolean {
  if (value === undefined || prefix === undefined) return false;
  if (typeof value.S === "string" && typeof prefix.S === "string") return value.S.startsWith(prefix.S);
  if (typeof value.B === "string" && typeof prefix.B === "string") {
    return binaryBytes(value.B).startsWith(binaryBytes(prefix.B));
  }
  return false;
}

/** Whether a text holds another, or a set or list a member. */
export function contains(value: Value | undefined, part: Value | undefined): boolean {
  if (value === undefined || part === undefined) return false;
  const type = typeOf(value);
  switch (type) {
    case "S":
      return typeof part.S === "string" && (value.S as string).includes(part.S);
    case "B":
      return typeof part.B === "string" && binaryBytes(value.B as string).includes(binaryBytes(part.B));
    case "SS":
    case "NS":
    case "BS": {
      const member = part[type.charAt(0) as TypeName];
      return member !== undefined && (value[type] as unknown[]).includes(member);
    }
    case "L":
      return (value.L as Value[]).some((each) => equalValues(each, part));
    default:
      return false;
  }
}

export function between(value: Value | undefined, low: Value | undefined, high: Value | undefined): boolean {
  return compares(">=", value, low) && compares("<=", value, high);
}

/** How many arguments each function of a condition has. */
const functionArguments: Readonly<Record<string, number>> = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
  size: 1,
};
const updateFunctions: ReadonlySet<string> = new Set(["if_not_exists", "list_append"]);
const attributeTypes = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}";

/** A value as DynamoDB quotes it. */
function valueText(value: Value): string {
  const type = typeOf(value);
  return `AttributeValue: {${type}:${typeof value[type] === "object" ? JSON.stringify(value[type]) : value[type]}}`;
}

/** Turns what was parsed into a test, with the placeholders replaced; throws for what can never be right. */
export class ConditionCompiler {
  readonly #name: ExpressionName;
  readonly #bindings: Bindings;
  /** The top-level attributes that paths of the condition begin with. */
  readonly heads = new Set<string>();
  /** All paths of the condition. */
  readonly paths: Path[] = [];

  constructor(name: ExpressionName, bindings: Bindings) {
    this.#name = name;
    this.#bindings = bindings;
  }

  #error(message: string): Error {
    return validation(`Invalid ${this.#name}: ${message}`);
  }

  compile(condition: Condition): Test {
    switch (condition.kind) {
      case "and": {
        const left = this.compile(condition.left);
        const right = this.compile(condition.right);
        return (item) => left(item) && right(item);
      }
      case "or": {
        const left = this.compile(condition.left);
        const right = this.compile(condition.right);
        return (item) => left(item) || right(item);
      }
      case "not": {
        const operand = this.compile(condition.operand);
        return (item) => !operand(item);
      }
      case "compare":
        return this.#compare(condition.operator, condition.left, condition.right);
      case "between": {
        const [operand, low, high] = [condition.operand, condition.low, condition.high].map((each) =>
          this.bind(each),
        ) as [Bound, Bound, Bound];
        for (const each of [operand, low, high]) this.#checkOrdered("BETWEEN", each);
        this.#checkBounds(low, high);
        this.#checkDistinct("BETWEEN", operand, [low, high]);
        return (item) => between(evaluate(operand, item), evaluate(low, item), evaluate(high, item));
      }
      case "in": {
        const operand = this.bind(condition.operand);
        const list = condition.list.map((each) => this.bind(each));
        if (list.length > 100) {
          throw this.#error(`The IN operator is provided with too many operands; number of operands: ${list.length}`);
        }
        this.#checkDistinct("IN", operand, list);
        return (item) => {
          const value = evaluate(operand, item);
          return value !== undefined && list.some((each) => compares("=", value, evaluate(each, item)));
        };
      }
      default:
        return this.#call(condition.name, condition.args);
    }
  }

  #compare(operator: Comparator, one: Operand, other: Operand): Test {
    const left = this.bind(one);
    const right = this.bind(other);
    if (operator !== "=" && operator !== "<>") {
      this.#checkOrdered(operator, left);
      this.#checkOrdered(operator, right);
    }
    this.#checkDistinct(operator, left, [right]);
    return (item) => compares(operator, evaluate(left, item), evaluate(right, item));
  }

  /** Replaces the placeholders of an operand. */
  bind(operand: Operand): Bound {
    switch (operand.kind) {
      case "path": {
        const path = this.#bindings.path(this.#name, operand.path);
        this.heads.add(path[0] as string);
        this.paths.push(path);
        return { kind: "path", path };
      }
      case "value":
        return { kind: "value", value: this.#bindings.value(this.#name, operand.name) };
      case "call": {
        this.#checkCall(operand.name, operand.args.length);
        if (operand.name !== "size") {
          throw this.#error(
            `The function is not allowed to be used this way in an expression; function: ${operand.name}`,
          );
        }
        const of = this.bind(operand.args[0]!);
        if (of.kind === "size") throw this.#operandType("size", "N");
        if (of.kind === "value") {
          const type = typeOf(of.value);
          if (lengthOf(of.value) === undefined) throw this.#operandType("size", type);
        }
        return { kind: "size", of };
      }
      default:
        throw this.#error("Syntax error");
    }
  }

  #checkCall(name: string, count: number): void {
    const wanted = Object.hasOwn(functionArguments, name) ? functionArguments[name]! : undefined;
    if (wanted === undefined) {
      throw this.#error(
        updateFunctions.has(name)
          ? `The function is not allowed in a ${this.#name === "FilterExpression" ? "filter" : "condition"} expression; function: ${name}`
          : `Invalid function name; function: ${name}`,
      );
    }
    if (count !== wanted) {
      throw this.#error(
        `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${count}`,
      );
    }
  }

  #call(name: string, args: readonly Operand[]): Test {
    this.#checkCall(name, args.length);
    if (name === "size") {
      throw this.#error(`The function is not allowed to be used this way in an expression; function: ${name}`);
    }
    const first = this.bind(args[0]!);
    if (name === "attribute_exists" || name === "attribute_not_exists") {
      if (first.kind !== "path") {
        throw this.#error(`Operator or function requires a document path; operator or function: ${name}`);
      }
    }
    switch (name) {
      case "attribute_exists":
        return (item) => evaluate(first, item) !== undefined;
      case "attribute_not_exists":
        return (item) => evaluate(first, item) === undefined;
      case "attribute_type": {
        const second = this.bind(args[1]!);
        const type = second.kind === "value" ? second.value.S : undefined;
        if (typeof type !== "string") {
          throw this.#operandType(
            name,
            second.kind === "value" ? typeOf(second.value) : "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
          );
        }
        if (!isTypeName(type)) {
          throw this.#error(`Invalid attribute type name found; type: ${type}, valid types: ${attributeTypes}`);
        }
        return (item) => {
          const value = evaluate(first, item);
          return value !== undefined && typeOf(value) === type;
        };
      }
      case "begins_with": {
        const second = this.bind(args[1]!);
        for (const each of [first, second]) {
          if (each.kind === "size") throw this.#operandType(name, "N");
          if (each.kind === "value" && each.value.S === undefined && each.value.B === undefined) {
            throw this.#operandType(name, typeOf(each.value));
          }
        }
        this.#checkDistinct(name, first, [second]);
        return (item) => beginsWith(evaluate(first, item), evaluate(second, item));
      }
      default: {
        const second = this.bind(args[1]!);
        this.#checkDistinct(name, first, [second]);
        return (item) => contains(evaluate(first, item), evaluate(second, item));
      }
    }
  }

  #operandType(operator: string, type: string): Error {
    return this.#error(
      `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
    );
  }

  /** Throws for a value that has no order. */
  #checkOrdered(operator: string, operand: Bound): void {
    if (operand.kind !== "value") return;
    const type = typeOf(operand.value);
    if (type !== "S" && type !== "N" && type !== "B") throw this.#operandType(operator, type);
  }

  #checkBounds(low: Bound, high: Bound): void {
    if (low.kind !== "value" || high.kind !== "value") return;
    const bounds = `lower bound operand: ${valueText(low.value)}, upper bound operand: ${valueText(high.value)}`;
    if (typeOf(low.value) !== typeOf(high.value)) {
      throw this.#error(`The BETWEEN operator requires same data type for lower and upper bounds; ${bounds}`);
    }
    if (compareValues(low.value, high.value)! > 0) {
      throw this.#error(
        `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds}`,
      );
    }
  }

  #checkDistinct(operator: string, first: Bound, rest: readonly Bound[]): void {
    if (first.kind !== "path") return;
    if (rest.some((each) => each.kind === "path" && samePath(each.path, first.path))) {
      throw this.#error(
        `The first operand must be distinct from the remaining operands for this operator or function; operator: ${operator}, first operand: ${pathText(first.path)}`,
      );
    }
  }
}
