import type { RecordData } from "../adapters/port/adapter.js";
import { type Issue, KeyfoldError } from "../internal/errors.js";
import type { EntityData } from "../model/description.js";
import type { Field } from "../model/field.js";
import { type Check, compileCheck, compileFieldsCheck, type Problem } from "./check.js";

/** What comes in, checked against one entity. */
export interface RecordChecks {
  /** The record as it is stored; throws INPUT_INVALID or OUT_OF_RANGE. */
  record(input: unknown): RecordData;
  /** A key's fields; throws INPUT_INVALID. */
  key(input: unknown): RecordData;
  /** New values by field, undefined for those to remove. */
  changes(input: unknown): { readonly set: RecordData; readonly unset: readonly string[] };
  /** Amounts by field. */
  amounts(input: unknown): RecordData;
}

/** Compiles the checks of an entity. zod decides only where the fields alone do not say everything, or say no. */
export function compileRecords(entity: EntityData): RecordChecks {
  const whole = compileFieldsCheck(entity.fields);
  const keyFields = Object.fromEntries(entity.key.map((name) => [name, entity.fields[name]!]));
  const keyCheck = compileFieldsCheck(keyFields);
  const checks = new Map<string, Check>(
    Object.entries(entity.fields).map(([name, field]) => [name, compileCheck(field)]),
  );
  const trusting = entity.validation === "fields";

  const parse = (input: unknown, found: Problem | undefined): RecordData => {
    const parsed = entity.parse(input);
    if (parsed.ok) {
      // The schema may have changed it (a default, a transform), or may admit what no engine can store.
      const again = whole(parsed.record);
      if (again !== undefined) throw refused(entity.name, again);
      return parsed.record;
    }
    const issues = parsed.issues.map(
      ({ path, message }): Issue => ({
        code: "does-not-fit",
        path,
        message,
        fix: `Correct ${path.length === 0 ? "the record" : path.join(".")}.`,
      }),
    );
    const range = found?.kind === "range";
    throw new KeyfoldError(
      range ? "OUT_OF_RANGE" : "INPUT_INVALID",
      range
        ? `${entity.name}.${found.path.join(".")}: ${found.message}`
        : `This is no ${entity.name}: ${issues.map(sentence).join("; ")}`,
      { issues, fix: "Correct the record; issues lists everything that is wrong with it." },
    );
  };

  return {
    record(input) {
      if (!trusting) return parse(input, whole(input));
      const found = whole(input);
      return found === undefined ? (input as RecordData) : parse(input, found);
    },
    key(input) {
      const found = keyCheck(input);
      if (found !== undefined) throw refused(`the key of ${entity.name}`, found);
      for (const name of Object.keys(input as object)) {
        if (!Object.hasOwn(keyFields, name)) {
          throw new KeyfoldError(
            "INPUT_INVALID",
            `${name} is not part of the key of ${entity.name} (${entity.key.join(", ")}).`,
          );
        }
      }
      return input as RecordData;
    },
    changes(input) {
      const set: Record<string, unknown> = {};
      const unset: string[] = [];
      for (const [name, value] of entries(input, "changes")) {
        const field = fieldOf(name);
        if (entity.key.includes(name)) throw keyField(name);
        if (value === undefined) {
          if (!field.optional)
            throw refused(entity.name, { kind: "type", message: "is required and cannot be removed", path: [name] });
          unset.push(name);
          continue;
        }
        const found = checks.get(name)!(value);
        if (found !== undefined) throw refused(entity.name, { ...found, path: [name, ...found.path] });
        set[name] = value;
      }
      return { set, unset };
    },
    amounts(input) {
      const amounts: Record<string, unknown> = {};
      for (const [name, value] of entries(input, "amounts")) {
        const field = fieldOf(name);
        if (entity.key.includes(name)) throw keyField(name);
        if (!["int", "int64", "double", "decimal"].includes(field.kind)) {
          throw new KeyfoldError("INPUT_INVALID", `${entity.name}.${name} is no number and cannot be incremented.`);
        }
        if (value === undefined) continue;
        const found = compileCheck({ ...field, optional: false, nullable: false } as Field)(value);
        if (found !== undefined) throw refused(entity.name, { ...found, path: [name, ...found.path] });
        amounts[name] = value;
      }
      return amounts;
    },
  };

  function fieldOf(name: string): Field {
    const field = Object.hasOwn(entity.fields, name) ? entity.fields[name] : undefined;
    if (field === undefined) {
      throw new KeyfoldError("INPUT_INVALID", `${entity.name} has no field ${name}.`, {
        fix: `Its fields are ${Object.keys(entity.fields).join(", ")}.`,
      });
    }
    return field;
  }

  function keyField(name: string): KeyfoldError {
    return new KeyfoldError("INPUT_INVALID", `${name} is part of the key of ${entity.name} and cannot change.`, {
      fix: "Delete the record and insert it under its new key.",
    });
  }
}

function entries(input: unknown, what: string): [string, unknown][] {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new KeyfoldError("INPUT_INVALID", `The ${what} must be an object with a value for each field.`);
  }
  const found = Object.entries(input);
  if (found.length === 0) throw new KeyfoldError("INPUT_INVALID", `The ${what} are empty.`);
  return found;
}

function sentence({ path, message }: Issue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

/** A problem as the error that callers get. */
export function refused(what: string, found: Problem): KeyfoldError {
  const at = found.path.join(".");
  return new KeyfoldError(
    found.kind === "range" ? "OUT_OF_RANGE" : "INPUT_INVALID",
    `${what}${at === "" ? "" : `, ${at}`}: ${found.message}.`,
    {
      issues: [
        {
          code: "does-not-fit",
          path: found.path,
          message: found.message,
          fix: at === "" ? "Correct the value." : `Correct ${at}.`,
        },
      ],
    },
  );
}
