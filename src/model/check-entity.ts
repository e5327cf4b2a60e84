import { safeParse } from "zod";
import type { EntityData, Parsed } from "./description.js";
import type { EntityDraft } from "./entity.js";
import { type Field, type FieldKind, type Fields, fieldAt } from "./field.js";
import { type Issues, quoted } from "./issues.js";
import { SchemaReader } from "./schema.js";

/** Kinds that identify: exact, ordered and comparable on every engine. */
const keyKinds: ReadonlySet<FieldKind> = new Set(["string", "enum", "int", "int64", "boolean", "date", "uuid"]);

/** Reads an entity's schema and checks its key and unique constraints. Undefined when it cannot be used further. */
export function checkEntity(draft: EntityDraft, path: readonly string[], issues: Issues): EntityData | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,47}$/.test(draft.name)) {
    issues.add(
      "entity-name",
      path,
      `${JSON.stringify(draft.name)} cannot be an entity's name`,
      "Use a letter, then letters, digits and underscores, 48 at most.",
    );
  }
  if (draft.storedAs !== undefined && !/^[^\0$]{1,200}$/.test(draft.storedAs)) {
    issues.add(
      "stored-as",
      [...path, "storedAs"],
      `${JSON.stringify(draft.storedAs)} cannot be the name of a table or collection`,
      "Give the existing name, without $.",
    );
  }
  const read = new SchemaReader(issues.list).record(draft.schema, [...path, "schema"]);
  if (read === undefined) return undefined;

  checkKey(draft, read.fields, path, issues);
  for (const [index, fields] of draft.unique.entries()) {
    checkUnique(fields, draft, read.fields, [...path, "unique", index], issues);
  }
  checkExpires(draft, read.fields, [...path, "expires"], issues);
  checkEmbeds(read.fields, [...path, "schema"], issues);
  return {
    kind: "entity",
    name: draft.name,
    storedAs: draft.storedAs ?? draft.name,
    key: [...draft.key],
    fields: read.fields,
    unique: draft.unique.map((fields) => [...fields]),
    expires: draft.expires,
    appendOnly: draft.appendOnly,
    validation: read.plain ? "fields" : "schema",
    parse: parser(draft.schema),
  };
}

function checkKey(draft: EntityDraft, fields: Fields, path: readonly string[], issues: Issues): void {
  if (!Array.isArray(draft.key) || draft.key.length === 0) {
    issues.add(
      "key-empty",
      [...path, "key"],
      `entity "${draft.name}" has no key`,
      "Name the fields that identify a record.",
    );
    return;
  }
  const seen = new Set<string>();
  for (const [index, name] of draft.key.entries()) {
    const at = [...path, "key", index];
    if (seen.has(name)) issues.add("key-repeats", at, `"${name}" is in the key twice`, "Name it once.");
    seen.add(name);
    const field = fieldAt(fields, name);
    if (field === undefined) {
      issues.add("key-unknown", at, `the schema has no field "${name}"`, `Use one of ${quoted(Object.keys(fields))}.`);
    } else if (name.includes(".")) {
      issues.add(
        "key-nested",
        at,
        `"${name}" lies inside an object`,
        "Use fields at the top of the record as the key.",
      );
    } else if (field.optional || field.nullable) {
      issues.add("key-optional", at, `"${name}" may be missing`, "Use fields that every record has.");
    } else if (!keyKinds.has(field.kind)) {
      issues.add(
        "key-type",
        at,
        `"${name}" is of type ${field.kind}`,
        `A key's field is of type ${[...keyKinds].join(", ")}.`,
      );
    }
  }
}

function checkUnique(
  names: readonly string[],
  draft: EntityDraft,
  fields: Fields,
  path: readonly (string | number)[],
  issues: Issues,
): void {
  if (names.length === 0) {
    issues.add("unique-empty", path, "a unique constraint names no field", "Name at least one field.");
  }
  if (names.length === draft.key.length && names.every((name) => draft.key.includes(name))) {
    issues.add("unique-is-key", path, "the key is unique already", "Remove this constraint.");
  }
  if (new Set(names).size !== names.length) {
    issues.add("unique-repeats", path, "a unique constraint names a field twice", "Name it once.");
  }
  for (const name of names) {
    const field = fieldAt(fields, name);
    if (field === undefined) {
      issues.add(
        "unique-unknown",
        path,
        `the schema has no field "${name}"`,
        `Use one of ${quoted(Object.keys(fields))}.`,
      );
    } else if (field.nullable) {
      issues.add(
        "unique-nullable",
        path,
        `"${name}" may be null, and two nulls would be equal`,
        "Make it .optional() instead of .nullable().",
      );
    } else if (!keyKinds.has(field.kind) && field.kind !== "decimal") {
      issues.add(
        "unique-type",
        path,
        `"${name}" is of type ${field.kind}`,
        `A unique field is of type ${[...keyKinds].join(", ")} or decimal.`,
      );
    }
  }
}

function checkExpires(draft: EntityDraft, fields: Fields, path: readonly string[], issues: Issues): void {
  const name = draft.expires;
  if (name === undefined) return;
  const dates = Object.keys(fields).filter((each) => fields[each]!.kind === "date");
  const fix =
    dates.length === 0
      ? "Add a field of z.date(), .optional() where some records stay."
      : `Use one of ${quoted(dates)}, or add a field of z.date().`;
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined) {
    issues.add("expires-unknown", path, `the schema has no field "${name}" at the top of the record`, fix);
  } else if (field.kind !== "date") {
    issues.add("expires-type", path, `"${name}" is of type ${field.kind} and names no moment`, fix);
  } else if (draft.key.includes(name)) {
    issues.add(
      "expires-of-key",
      path,
      `"${name}" is part of the key, which cannot change`,
      "Say when the record ends in a field beside the key.",
    );
  }
}

/** The key of an embedded child must be there in each child. */
function checkEmbeds(fields: Fields, path: readonly (string | number)[], issues: Issues): void {
  const visit = (field: Field, at: readonly (string | number)[]): void => {
    if (field.kind === "object") checkEmbeds(field.fields, at, issues);
    if (field.kind === "map") visit(field.value, at);
    if (field.kind !== "array") return;
    visit(field.element, [...at, 0]);
    for (const name of field.embeds?.key ?? []) {
      const child = field.element.kind === "object" ? field.element.fields[name] : undefined;
      if (child === undefined || child.optional || child.nullable) {
        issues.add(
          "embed-key",
          at,
          `the embedded entity "${field.embeds?.entity}" has no field "${name}" that is always there`,
          "Make its key fields that every child has.",
        );
      }
    }
  };
  for (const [name, field] of Object.entries(fields)) visit(field, [...path, name]);
}

function parser(schema: unknown): (input: unknown) => Parsed {
  return (input) => {
    const result = safeParse(schema as Parameters<typeof safeParse>[0], input);
    if (result.success) return { ok: true, record: result.data as Record<string, unknown> };
    return {
      ok: false,
      issues: result.error.issues.map((issue) => ({
        path: issue.path.map((step) => (typeof step === "symbol" ? String(step) : step)),
        message: issue.message,
      })),
    };
  };
}
