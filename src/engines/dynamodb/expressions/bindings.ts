import { DynamoError, validation } from "../errors.js";
import { checkValue, type Item, type Value } from "../values/attribute-value.js";
import type { ExpressionName } from "./reader.js";
import type { Path } from "./syntax.js";

const namePlaceholder = /^#[0-9a-zA-Z_]+$/;
const valuePlaceholder = /^:[0-9a-zA-Z_]+$/;

/** What a request gives for the placeholders of its expressions; each has to be used by one of them. */
export class Bindings {
  readonly #names: Readonly<Record<string, string>> | undefined;
  readonly #values: Item | undefined;
  readonly #unusedNames = new Set<string>();
  readonly #unusedValues = new Set<string>();

  /** Throws for placeholders that are none, and for values that are none. */
  constructor(names: unknown, values: unknown) {
    this.#names = names as Record<string, string> | undefined;
    this.#values = values as Item | undefined;
    if (this.#names !== undefined) {
      const keys = Object.keys(this.#names);
      if (keys.length === 0) throw validation("ExpressionAttributeNames must not be empty");
      for (const key of keys) {
        if (!namePlaceholder.test(key)) {
          throw validation(`ExpressionAttributeNames contains invalid key: Syntax error; key: "${key}"`);
        }
        this.#unusedNames.add(key);
      }
    }
    if (this.#values !== undefined) {
      const keys = Object.keys(this.#values);
      if (keys.length === 0) throw validation("ExpressionAttributeValues must not be empty");
      for (const key of keys) {
        if (!valuePlaceholder.test(key)) {
          throw validation(`ExpressionAttributeValues contains invalid key: Syntax error; key: "${key}"`);
        }
        this.#unusedValues.add(key);
      }
      for (const key of keys) {
        try {
          checkValue(this.#values[key]);
        } catch (error) {
          if (!(error instanceof DynamoError) || error.name !== "ValidationException") throw error;
          throw validation(`ExpressionAttributeValues contains invalid value: ${error.message} for key ${key}`);
        }
      }
    }
  }

  /** The path with its placeholders replaced. */
  path(name: ExpressionName, path: Path): Path {
    if (!path.some((part) => typeof part === "string" && part.charCodeAt(0) === 35)) return path;
    return path.map((part) => {
      if (typeof part === "number" || part.charCodeAt(0) !== 35) return part;
      if (this.#names === undefined || !Object.hasOwn(this.#names, part)) {
        throw validation(
          `Invalid ${name}: An expression attribute name used in the document path is not defined; attribute name: ${part}`,
        );
      }
      this.#unusedNames.delete(part);
      return this.#names[part]!;
    });
  }

  value(name: ExpressionName, placeholder: string): Value {
    if (this.#values === undefined || !Object.hasOwn(this.#values, placeholder)) {
      throw validation(
        `Invalid ${name}: An expression attribute value used in expression is not defined; attribute value: ${placeholder}`,
      );
    }
    this.#unusedValues.delete(placeholder);
    return this.#values[placeholder]!;
  }

  /** Throws when a placeholder was used by no expression. */
  checkUsed(): void {
    if (this.#unusedNames.size > 0) {
      throw validation(
        `Value provided in ExpressionAttributeNames unused in expressions: keys: {${[...this.#unusedNames].join(", ")}}`,
      );
    }
    if (this.#unusedValues.size > 0) {
      throw validation(
        `Value provided in ExpressionAttributeValues unused in expressions: keys: {${[...this.#unusedValues].join(", ")}}`,
      );
    }
  }
}
