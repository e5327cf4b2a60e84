import { bucketStart } from "../model/bucket.js";
import type { Field, Fields } from "../model/field.js";

/** Why a value does not fit its field. `path` grows on the way out. */
export interface Problem {
  /** `range`: a number of the right kind, but too large for it; `type`: anything else. */
  readonly kind: "range" | "type";
  readonly message: string;
  readonly path: (string | number)[];
}

/** Checks a value against a field; undefined: it fits. */
export type Check = (value: unknown) => Problem | undefined;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DECIMAL = /^-?\d+(?:\.(\d+))?$/;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

function problem(message: string, kind: Problem["kind"] = "type"): Problem {
  return { kind, message, path: [] };
}

/** What a value is, for messages; never the value itself, which may be secret or long. */
function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Date) return "a Date";
  if (value instanceof Uint8Array) return "bytes";
  if (value === undefined) return "nothing";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Compiles the check of a field, so that well-formed records never pay for zod. */
export function compileCheck(field: Field): Check {
  const check = compileValueCheck(field);
  const { nullable, optional } = field;
  if (!nullable && !optional) return check;
  return (value) => {
    if (value === undefined && optional) return undefined;
    if (value === null && nullable) return undefined;
    return check(value);
  };
}

function compileValueCheck(field: Field): Check {
  switch (field.kind) {
    case "string": {
      const { maxLength = Number.POSITIVE_INFINITY } = field;
      return (value) => {
        if (typeof value !== "string") return problem(`expected a string, got ${typeName(value)}`);
        if (value.length > maxLength) return problem(`longer than ${maxLength} characters`);
        return wellFormed(value);
      };
    }
    case "enum": {
      const known = new Set<unknown>(field.values);
      const expected = field.values
        .slice(0, 10)
        .map((each) => JSON.stringify(each))
        .join(", ");
      return (value) => (known.has(value) ? undefined : problem(`expected one of ${expected}`));
    }
    case "int":
      return (value) => {
        if (Number.isSafeInteger(value)) return undefined;
        if (typeof value === "number" && Number.isInteger(value)) {
          return problem(
            "a whole number beyond ±(2^53 − 1) is not exact in JavaScript: declare the field as int64",
            "range",
          );
        }
        return problem(`expected a whole number, got ${typeof value === "number" ? String(value) : typeName(value)}`);
      };
    case "int64":
      return (value) => {
        if (typeof value !== "bigint") return problem(`expected a bigint, got ${typeName(value)}`);
        return value >= INT64_MIN && value <= INT64_MAX
          ? undefined
          : problem("outside the signed 64-bit range", "range");
      };
    case "double":
      return (value) => {
        if (Number.isFinite(value)) return undefined;
        return problem(`expected a finite number, got ${typeof value === "number" ? String(value) : typeName(value)}`);
      };
    case "decimal": {
      const { scale } = field;
      return (value) => {
        if (typeof value !== "string")
          return problem(`expected a decimal string such as "1.5", got ${typeName(value)}`);
        const match = DECIMAL.exec(value);
        if (match === null) return problem('not a plain decimal such as "-12.50"');
        if ((match[1]?.length ?? 0) > scale) {
          return problem(`more than ${scale} digits after the point`);
        }
        const digits = value.replace(/^-?0*/, "").replace(".", "").length - (match[1]?.length ?? 0) + scale;
        return digits > 34 ? problem("more than 34 digits", "range") : undefined;
      };
    }
    case "boolean":
      return (value) =>
        typeof value === "boolean" ? undefined : problem(`expected a boolean, got ${typeName(value)}`);
    case "date":
      return (value) => {
        if (!(value instanceof Date)) return problem(`expected a Date, got ${typeName(value)}`);
        return Number.isNaN(value.getTime()) ? problem("an invalid Date") : undefined;
      };
    case "bytes":
      return (value) =>
        value instanceof Uint8Array ? undefined : problem(`expected a Uint8Array, got ${typeName(value)}`);
    case "uuid":
      return (value) =>
        typeof value === "string" && UUID.test(value) ? undefined : problem("expected a UUID with hyphens");
    case "array": {
      const element = compileCheck(field.element);
      const { maxItems = Number.POSITIVE_INFINITY } = field;
      return (value) => {
        if (!Array.isArray(value)) return problem(`expected an array, got ${typeName(value)}`);
        if (value.length > maxItems) return problem(`more than ${maxItems} items`);
        for (let i = 0; i < value.length; i++) {
          const found = element(value[i]);
          if (found !== undefined) {
            found.path.unshift(i);
            return found;
          }
        }
        return undefined;
      };
    }
    case "object":
      return compileFieldsCheck(field.fields);
    case "map": {
      const inner = compileCheck(field.value);
      return (value) => {
        if (!isPlainObject(value)) return problem(`expected an object, got ${typeName(value)}`);
        for (const [name, item] of Object.entries(value)) {
          const found = wellFormed(name) ?? inner(item);
          if (found !== undefined) {
            found.path.unshift(name);
            return found;
          }
        }
        return undefined;
      };
    }
    case "json":
      return (value) => checkJson(value, 0);
    default:
      return field satisfies never;
  }
}

/** Compiles the check of an object's known fields; others are ignored, as zod strips them. */
export function compileFieldsCheck(fields: Fields): Check {
  const names = Object.keys(fields);
  const checks = names.map((name) => compileCheck(fields[name]!));
  return (value) => {
    if (!isPlainObject(value)) return problem(`expected an object, got ${typeName(value)}`);
    for (let i = 0; i < names.length; i++) {
      const found = checks[i]!(value[names[i]!]);
      if (found !== undefined) {
        found.path.unshift(names[i]!);
        return found;
      }
    }
    return undefined;
  };
}

/** Checks the name of a bucket ("2010-12-01"). */
export function bucketCheck(unit: Parameters<typeof bucketStart>[0]): Check {
  return (value) => {
    if (typeof value !== "string") return problem(`expected the name of a ${unit}, got ${typeName(value)}`);
    try {
      bucketStart(unit, value);
      return undefined;
    } catch (error) {
      return problem((error as Error).message);
    }
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array)
  );
}

/** A lone half of a surrogate pair cannot be stored as UTF-8: it would come back as another character. */
function wellFormed(text: string): Problem | undefined {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
    ? undefined
    : problem("holds half of a surrogate pair, which no database can store as text");
}

const MAX_JSON_DEPTH = 100;

function checkJson(value: unknown, depth: number): Problem | undefined {
  if (depth > MAX_JSON_DEPTH) return problem(`nested deeper than ${MAX_JSON_DEPTH} levels`);
  switch (typeof value) {
    case "string":
      return wellFormed(value);
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : problem(`JSON has no ${value}`);
    case "object":
      if (value === null) return undefined;
      if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) {
          const found = checkJson(value[i], depth + 1);
          if (found !== undefined) {
            found.path.unshift(i);
            return found;
          }
        }
        return undefined;
      }
      if (!isPlainObject(value)) return problem(`JSON has no ${typeName(value)}`);
      for (const [name, item] of Object.entries(value)) {
        const found = item === undefined ? undefined : (wellFormed(name) ?? checkJson(item, depth + 1));
        if (found !== undefined) {
          found.path.unshift(name);
          return found;
        }
      }
      return undefined;
    default:
      return problem(`JSON has no ${typeof value}`);
  }
}
