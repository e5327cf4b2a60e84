import { normalizeDecimal } from "./decimal.js";
import type { Field } from "./field.js";

const int64Limit = 2n ** 63n;
const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a JavaScript value is one of the field's type. Null and undefined never are. */
export function fits(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case "string":
      return typeof value === "string";
    case "enum":
      return typeof value === "string" && field.values.includes(value);
    case "int":
      return Number.isSafeInteger(value);
    case "int64":
      return typeof value === "bigint" && value >= -int64Limit && value < int64Limit;
    case "double":
      return typeof value === "number" && Number.isFinite(value);
    case "decimal":
      return typeof value === "string" && normalizeDecimal(value, field.scale) !== undefined;
    case "boolean":
      return typeof value === "boolean";
    case "date":
      return value instanceof Date && !Number.isNaN(value.getTime());
    case "bytes":
      return value instanceof Uint8Array;
    case "uuid":
      return typeof value === "string" && uuidShape.test(value);
    case "array":
      return Array.isArray(value) && value.every((element) => fits(field.element, element));
    case "object":
      return (
        isPlainObject(value) &&
        Object.entries(field.fields).every(([name, inner]) => {
          const member = value[name];
          return member === undefined ? inner.optional : member === null ? inner.nullable : fits(inner, member);
        })
      );
    case "map":
      return isPlainObject(value) && Object.values(value).every((member) => fits(field.value, member));
    case "json":
      return isJsonValue(value);
    default:
      return field satisfies never;
  }
}

/** An object literal or a null-prototype object; of this or another realm. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isJsonValue(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      if (value === null) return true;
      if (Array.isArray(value)) return value.every(isJsonValue);
      return isPlainObject(value) && Object.values(value).every(isJsonValue);
    default:
      return false;
  }
}
