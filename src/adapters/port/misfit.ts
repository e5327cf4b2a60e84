import { KeyfoldError } from "../../internal/errors.js";
import type { RecordData } from "./adapter.js";

/** What is stored does not fit the field. `path` grows on the way out. */
export class Misfit extends Error {
  readonly path: (string | number)[] = [];
  readonly expected: string;
  readonly found: string;

  constructor(expected: string, found: string) {
    super("misfit");
    this.expected = expected;
    this.found = found;
  }

  at(step: string | number): this {
    this.path.unshift(step);
    return this;
  }
}

/** Says where a misfit was found. */
export function within<T>(step: string | number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Misfit ? error.at(step) : error;
  }
}

/** A value's type in a message. */
export function typeName(raw: unknown): string {
  if (raw === null) return "null";
  return Array.isArray(raw) ? "array" : typeof raw;
}

/** The error of a stored record that does not fit its schema; `record` has what could be read of it. */
export function mismatch(
  entity: { readonly entity: string; readonly key: readonly string[] },
  record: RecordData,
  misfit: Misfit,
): KeyfoldError {
  const { path, expected, found } = misfit;
  const key = Object.fromEntries(
    entity.key.filter((name) => record[name] !== undefined).map((name) => [name, record[name]]),
  );
  const shown = entity.key
    .map(
      (name) =>
        `${name} ${key[name] === undefined ? "unknown" : typeof key[name] === "bigint" ? key[name] : JSON.stringify(key[name])}`,
    )
    .join(", ");
  return new KeyfoldError(
    "SCHEMA_MISMATCH",
    `A stored record of ${entity.entity} (${shown}) does not fit the schema at ${path.join(".")}: expected ${expected}, found ${found}.`,
    {
      fix: "Correct the stored record, or make the schema admit what is stored.",
      issues: [
        {
          code: "stored-mismatch",
          path,
          message: `expected ${expected}, found ${found}`,
          fix: "Correct the stored record.",
        },
      ],
      data: { entity: entity.entity, key, path },
    },
  );
}
