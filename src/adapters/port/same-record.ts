import { sameBytes } from "../../internal/bytes.js";
import type { Field, Fields } from "../../model/field.js";

/** Whether two records of an entity hold the same: decimals by value, an absent field like an undefined one. */
export function sameRecord(
  fields: Fields,
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): boolean {
  for (const name of Object.keys(fields)) if (!sameValue(fields[name]!, a[name], b[name])) return false;
  return true;
}

function sameValue(field: Field, a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a === null || b === null) return false;
  switch (field.kind) {
    case "string":
    case "enum":
    case "boolean":
    case "int64":
      return false;
    case "int":
    case "double":
      return Number.isNaN(a) && Number.isNaN(b);
    case "uuid":
      return String(a).toLowerCase() === String(b).toLowerCase();
    case "decimal":
      return plainDecimal(a as string) === plainDecimal(b as string);
    case "date":
      return (a as Date).getTime() === (b as Date).getTime();
    case "bytes":
      return sameBytes(a as Uint8Array, b as Uint8Array);
    case "array": {
      const left = a as readonly unknown[];
      const right = b as readonly unknown[];
      return left.length === right.length && left.every((item, i) => sameValue(field.element, item, right[i]));
    }
    case "object":
      return sameRecord(field.fields, a as Record<string, unknown>, b as Record<string, unknown>);
    case "map":
      return sameEntries(a as object, b as object, (x, y) => sameValue(field.value, x, y));
    case "json":
      return sameJson(a, b);
    default:
      return field satisfies never;
  }
}

/** A decimal without needless zeros: "-007.50" is "-7.5". */
function plainDecimal(text: string): string {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)0*(\d*?)(?:\.(\d*?)0*)?$/.exec(text) ?? ["", "", text];
  const digits = fraction === "" ? whole : `${whole}.${fraction}`;
  return digits === "" ? "0" : `${sign}${digits}`;
}

function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  return sameEntries(a, b, sameJson);
}

function sameEntries(a: object, b: object, same: (x: unknown, y: unknown) => boolean): boolean {
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  return left.length === right.size && left.every(([name, value]) => right.has(name) && same(value, right.get(name)));
}
