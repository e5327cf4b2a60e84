import type { Condition } from "../../model/description.js";
import { type Field, type Fields, fieldAt } from "../../model/field.js";
import type { RecordData } from "./adapter.js";

/** Tests a record against fixed conditions, as an engine would, where keyfold decides itself what an engine stores. */
export type Meets = (record: RecordData) => boolean;

/** Compiles conditions; all must hold. */
export function compileConditions(conditions: readonly Condition[], fields: Fields): Meets {
  const tests = conditions.map((condition) => compileOne(condition, fieldAt(fields, condition.field)));
  return (record) => tests.every((test) => test(record));
}

function compileOne({ field, operator, value }: Condition, type: Field | undefined): Meets {
  if (type === undefined) throw new TypeError(`there is no field "${field}"`);
  const read = compilePath(field);
  const compare = (stored: unknown, given: unknown): number => compareValues(type, stored, given);
  const test =
    (holds: (stored: unknown) => boolean): Meets =>
    (record) => {
      const stored = read(record);
      return stored !== undefined && stored !== null && holds(stored);
    };
  switch (operator) {
    case "eq":
      return test((stored) => compare(stored, value) === 0);
    case "ne": {
      const equal = test((stored) => compare(stored, value) === 0);
      return (record) => !equal(record);
    }
    case "gt":
      return test((stored) => compare(stored, value) > 0);
    case "gte":
      return test((stored) => compare(stored, value) >= 0);
    case "lt":
      return test((stored) => compare(stored, value) < 0);
    case "lte":
      return test((stored) => compare(stored, value) <= 0);
    case "in":
      return test((stored) => (value as readonly unknown[]).some((one) => compare(stored, one) === 0));
    case "exists": {
      const there = test(() => true);
      return value === true ? there : (record) => !there(record);
    }
    default:
      return operator satisfies never;
  }
}

/** Reads a field by its path ("address.city"); undefined where a step is missing. */
export function compilePath(path: string): (record: RecordData) => unknown {
  if (!path.includes(".")) return (record) => record[path];
  const steps = path.split(".");
  return (record) => {
    let value: unknown = record;
    for (const step of steps) value = (value as RecordData | null | undefined)?.[step];
    return value;
  };
}

/** Orders two values of a field: numbers by size, text by code points, dates by time. */
export function compareValues(type: Field, a: unknown, b: unknown): number {
  switch (type.kind) {
    case "decimal": {
      const [x, y] = [scaledInteger(a as string, type.scale), scaledInteger(b as string, type.scale)];
      return x < y ? -1 : x > y ? 1 : 0;
    }
    case "date":
      return (a as Date).getTime() - (b as Date).getTime();
    case "uuid":
      return compareText((a as string).toLowerCase(), (b as string).toLowerCase());
    case "string":
    case "enum":
      return compareText(a as string, b as string);
    default:
      return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
  }
}

/** Text by code points, which is the order of its UTF-8 bytes; JavaScript compares UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all others.
    const high = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
    if (high(x) !== high(y)) return high(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** "-2.5" at scale 3 is -2500n. */
export function scaledInteger(text: string, scale: number): bigint {
  const negative = text.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const digits = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  return negative ? -digits : digits;
}

/** -2500n at scale 3 is "-2.500". */
export function scaledText(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const sign = value < 0n ? "-" : "";
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
