import type { Condition } from "../../model/description.js";
import type { Field, Fields } from "../../model/field.js";
import { fieldAt } from "../../model/field.js";
import type { AttributeValue, Doc } from "../../patterns/dynamodb/driver.js";
import { compileEncoder } from "./attribute-values.js";

/** Collects the names and values of a request's expressions; every name is a placeholder, so that no word is reserved. */
export class Placeholders {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, AttributeValue> = {};
  #count = 0;

  /** The placeholder of an attribute's path. */
  name(path: string): string {
    return path
      .split(".")
      .map((step) => {
        let placeholder = this.#names.get(step);
        if (placeholder === undefined) {
          placeholder = `#n${this.#names.size}`;
          this.#names.set(step, placeholder);
        }
        return placeholder;
      })
      .join(".");
  }

  value(value: AttributeValue): string {
    const placeholder = `:v${this.#count++}`;
    this.#values[placeholder] = value;
    return placeholder;
  }

  /** The members of the request; what is empty is left out, as DynamoDB demands. */
  members(): Doc {
    const members: Doc = {};
    if (this.#names.size > 0) {
      members["ExpressionAttributeNames"] = Object.fromEntries([...this.#names].map(([name, key]) => [key, name]));
    }
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
