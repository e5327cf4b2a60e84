import { invalid } from "../errors.js";
import { type CqlType, keyPart, MapType, readParts } from "../types/type.js";
import { columnValue, type RowContext } from "./column-values.js";
import type { Restriction, Side } from "./relations.js";
import { type Run, unset } from "./run.js";
import type { BoundTerm } from "./terms.js";

/** Whether a row answers what the clustering does not. */
export type Filter = (context: RowContext) => boolean;

function equal(type: CqlType, a: Buffer, b: Buffer): boolean {
  return a.equals(b) || type.compare(a, b) === 0;
}

/** A restriction as a test of a row. */
export function filterOf(restriction: Restriction, run: Run): Filter {
  const { columns } = restriction;
  switch (restriction.kind) {
    case "eq": {
      const wanted = restriction.values(run);
      return (context) =>
        columns.every((column, at) => {
          const value = columnValue(column, context);
          return value !== null && equal(column.type, value, wanted[at]!);
        });
    }
    case "in": {
      const wanted = new Set(
        restriction.items(run).map((values) => values.map((value, at) => keyPart(columns[at]!.type, value)).join("\0")),
      );
      return (context) => {
        let text = "";
        for (let at = 0; at < columns.length; at++) {
          const value = columnValue(columns[at]!, context);
          if (value === null) return false;
          text += (at === 0 ? "" : "\0") + keyPart(columns[at]!.type, value);
        }
        return wanted.has(text);
      };
    }
    case "slice": {
      const lower = restriction.lower === undefined ? undefined : sideTest(restriction.lower, true, run);
      const upper = restriction.upper === undefined ? undefined : sideTest(restriction.upper, false, run);
      return (context) => (lower === undefined || lower(context)) && (upper === undefined || upper(context));
    }
    case "contains":
      return containsFilter(restriction, run);
    case "not null":
      return (context) => columnValue(columns[0]!, context) !== null;
    default: {
      const never: never = restriction;
      throw new Error(`not a restriction: ${String(never)}`);
    }
  }
}

function sideTest({ columns, values, inclusive }: Side, isLower: boolean, run: Run): Filter {
  const wanted = values(run);
  return (context) => {
    for (let at = 0; at < wanted.length; at++) {
      const column = columns[at]!;
      const value = columnValue(column, context);
      if (value === null) return false;
      // An empty value is none, where one compares.
      if (value.length === 0 && column.kind === "regular" && !["text", "ascii", "blob"].includes(column.type.name))
        return false;
      const order = column.type.compare(value, wanted[at]!);
      if (order !== 0) return order > 0 === isLower;
    }
    return inclusive;
  };
}

function containsFilter(restriction: Extract<Restriction, { kind: "contains" }>, run: Run): Filter {
  const [column] = restriction.columns;
  const { type } = column;
  const value = (term: BoundTerm, what = "value"): Buffer => {
    const bound = term.evaluate(run);
    if (bound === null) throw invalid(`Unsupported null ${what} for column ${column.name}`);
    if (bound === unset) throw invalid(`Unsupported unset ${what} for column ${column.name}`);
    return bound;
  };
  const values = restriction.values.map((term) => value(term));
  const keys = restriction.keys.map((term) => value(term));
  const entries = restriction.entries.map(([key, item]) => [value(key, "map key"), value(item, "map value")] as const);
  return (context) => {
    const whole = columnValue(column, context);
    if (whole === null) return false;
    if (type instanceof MapType) {
      const parts = readParts(whole, 2) as Buffer[];
      const has = (test: (key: Buffer, item: Buffer) => boolean): boolean => {
        for (let at = 0; at < parts.length; at += 2) if (test(parts[at]!, parts[at + 1]!)) return true;
        return false;
      };
      return (
        values.every((wanted) => has((_, item) => equal(type.values, item, wanted))) &&
        keys.every((wanted) => has((key) => equal(type.keys, key, wanted))) &&
        entries.every(([k, v]) => has((key, item) => equal(type.keys, key, k) && equal(type.values, item, v)))
      );
    }
    const { element } = type as unknown as { element: CqlType };
    const parts = readParts(whole, 1) as Buffer[];
    return values.every((wanted) => parts.some((part) => equal(element, part, wanted)));
  };
}
