import type { Condition } from "../../model/description.js";
import type { Field, Fields } from "../../model/field.js";
import { fieldAt } from "../../model/field.js";
import type { AttributeValue, Doc } from "../../patterns/dynamodb/driver.js";
import { compileEncoder } from "./attribute-values.js";
import { Kept, keyOfNames } from "./kept.js";

const texts = new Kept<string>();
const nameObjects = new Kept<Doc>();

/** The same text for the same expression. */
export function keptText(expression: string): string {
  return texts.get(expression, () => expression);
}

/** Placeholders by their number, made once. */
function numbered(prefix: string): (number: number) => string {
  const made: string[] = [];
  return (number) => {
    for (let next = made.length; next <= number; next++) made.push(`${prefix}${next}`);
    return made[number] as string;
  };
}
const nameAt = numbered("#n");
const valueAt = numbered(":v");

/** Names with their placeholders, and the same as a request's member. */
export interface Names {
  readonly names: Map<string, string>;
  readonly member: Doc;
}

/** Collects the names and values of a request's expressions; every name is a placeholder, so that no word is reserved. */
export class Placeholders {
  /** The names; those of `begun` until there are more. */
  #names: Map<string, string>;
  readonly #values: Record<string, AttributeValue> = {};
  #count = 0;
  readonly #begun: Names | undefined;

  /** @param begun names that a text has already */
  constructor(begun?: Names) {
    this.#begun = begun;
    this.#names = begun?.names ?? new Map();
  }

  /** The names so far. */
  get names(): Names {
    return { names: this.#names, member: this.#member() };
  }

  /** The placeholder of an attribute's path. */
  name(path: string): string {
    if (!path.includes(".")) return this.#step(path);
    return path
      .split(".")
      .map((step) => this.#step(step))
      .join(".");
  }

  /** The attribute of a key: those with keyfold's own names are no reserved words, and stand for themselves. */
  key(attribute: string): string {
    return /^([gl]si\d+)?[ps]k$/.test(attribute) ? attribute : this.#step(attribute);
  }

  #step(name: string): string {
    let placeholder = this.#names.get(name);
    if (placeholder === undefined) {
      placeholder = nameAt(this.#names.size);
      if (this.#names === this.#begun?.names) this.#names = new Map(this.#names);
      this.#names.set(name, placeholder);
    }
    return placeholder;
  }

  value(value: AttributeValue): string {
    const placeholder = valueAt(this.#count++);
    this.#values[placeholder] = value;
    return placeholder;
  }

  #member(): Doc {
    if (this.#names === this.#begun?.names) return this.#begun.member;
    return nameObjects.get(keyOfNames(this.#names.keys()), () =>
      Object.freeze(Object.fromEntries([...this.#names].map(([name, placeholder]) => [placeholder, name]))),
    );
  }

  /** The members of the request; what is empty is left out, as DynamoDB demands. */
  members(): Doc {
    const members: Doc = {};
    if (this.#names.size > 0) members["ExpressionAttributeNames"] = this.#member();
    if (this.#count > 0) members["ExpressionAttributeValues"] = this.#values;
    return members;
  }
}

/** Conditions of a pattern or a write as a condition expression; all must hold. */
export function conditionExpressions(
  conditions: readonly Condition[],
  fields: Fields,
  attribute: (field: string) => string,
  to: Placeholders,
): string[] {
  return conditions.map((condition) => {
    const type = fieldAt(fields, condition.field) as Field;
    const [top = "", ...rest] = condition.field.split(".");
    const name = to.name([attribute(top), ...rest].join("."));
    const encode = compileEncoder(type);
    const value = (given: unknown): string => to.value(encode(given));
    const missing = (): string =>
      `(attribute_not_exists(${name}) OR attribute_type(${name}, ${to.value({ S: "NULL" })}))`;
    switch (condition.operator) {
      case "eq":
        return `${name} = ${value(condition.value)}`;
      case "ne":
        return `NOT ${name} = ${value(condition.value)}`;
      case "gt":
        return `${name} > ${value(condition.value)}`;
      case "gte":
        return `${name} >= ${value(condition.value)}`;
      case "lt":
        return `${name} < ${value(condition.value)}`;
      case "lte":
        return `${name} <= ${value(condition.value)}`;
      case "in":
        return oneOf(name, (condition.value as readonly unknown[]).map(value));
      case "exists":
        return condition.value === true ? `NOT ${missing()}` : missing();
      default:
        return condition.operator satisfies never;
    }
  });
}

/** IN takes a hundred values: longer lists are several. */
function oneOf(name: string, values: readonly string[]): string {
  // Nothing is in an empty list.
  if (values.length === 0) return `(attribute_exists(${name}) AND attribute_not_exists(${name}))`;
  const parts: string[] = [];
  for (let from = 0; from < values.length; from += 100)
    parts.push(`${name} IN (${values.slice(from, from + 100).join(", ")})`);
  return `(${parts.join(" OR ")})`;
}
