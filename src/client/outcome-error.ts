import type { RecordData } from "../adapters/port/adapter.js";
import type { NotApplied, WriteOutcome } from "../adapters/port/outcome.js";
import { KeyfoldError } from "../internal/errors.js";
import type { EntityData } from "../model/description.js";

/** A write's outcome as the error that its caller gets. */
export function errorOf(
  outcome: Exclude<WriteOutcome, { readonly kind: "applied" }>,
  entity: EntityData,
  record: RecordData,
  expected?: number,
): KeyfoldError {
  if (outcome.kind === "unknown") return outcome.error;
  const key = Object.fromEntries(entity.key.map((field) => [field, record[field]]));
  const data = { entity: entity.name, key };
  switch (outcome.reason) {
    case "conflict":
      return new KeyfoldError("CONFLICT", `A different ${entity.name} is stored under ${show(key)}.`, {
        fix: "Use put to replace it, update to change it, or another key.",
        data: { ...data, ...(outcome.version === undefined ? {} : { version: outcome.version }) },
      });
    case "unique":
      return uniqueError(outcome, entity, data);
    case "version":
      return new KeyfoldError(
        "VERSION_MISMATCH",
        `The ${entity.name} under ${show(key)} was changed by someone else.`,
        {
          fix: "Read it again with { version: true }, make the change anew, and write with that version.",
          data: { ...data, expected, ...(outcome.version === undefined ? {} : { found: outcome.version }) },
        },
      );
    case "failed":
      return outcome.error ?? new KeyfoldError("DRIVER_ERROR", "The write failed.");
    case "missing":
    case "condition":
    case "present":
      return new KeyfoldError("DRIVER_ERROR", `The write of a ${entity.name} was not applied (${outcome.reason}).`, {
        data,
      });
    default:
      return outcome.reason satisfies never;
  }
}

function uniqueError(outcome: NotApplied, entity: EntityData, data: object): KeyfoldError {
  const fields = outcome.unique ?? [];
  return new KeyfoldError(
    "CONFLICT",
    `Another ${entity.name} has the same ${fields.length === 0 ? "unique value" : fields.join(", ")}.`,
    {
      fix: "Choose another value: the model declares it unique.",
      data: { ...data, unique: fields },
    },
  );
}

function show(key: RecordData): string {
  return Object.entries(key)
    .map(([name, value]) => `${name} ${typeof value === "bigint" ? value : JSON.stringify(value)}`)
    .join(", ");
}
