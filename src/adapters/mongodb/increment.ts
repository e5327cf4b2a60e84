import { KeyfoldError } from "../../internal/errors.js";
import type { Field } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { Doc } from "./driver.js";
import type { Encode } from "./encode.js";
import type { StoredEntity } from "./write.js";

/** Where a field that may change is stored; the key's fields may not. */
export function pathOf(name: string, collection: MongoCollection): string {
  const stored = collection.fields.find((each) => each.field === name);
  if (stored === undefined) throw new KeyfoldError("INPUT_INVALID", `${collection.entity} has no field ${name}.`);
  if (stored.path === "_id" || stored.path.startsWith("_id.")) {
    throw new KeyfoldError("INPUT_INVALID", `${name} is part of the key of ${collection.entity} and cannot change.`, {
      fix: "Delete the record and insert it under its new key.",
    });
  }
  return stored.path;
}

/** The encoder of a field that may change. */
export function encoderOf(name: string, { collection, codec }: StoredEntity): Encode {
  pathOf(name, collection);
  return codec.encoder(name)!;
}

/** A condition that the sum still fits the field: MongoDB would go over to doubles, or round, in silence. */
export function roomFor(name: string, amount: unknown, entity: StoredEntity): Doc {
  const { values } = entity;
  const field = entity.fields[name]!;
  const path = pathOf(name, entity.collection);
  const beyond = (limit: unknown, up: boolean): Doc => ({ [path]: { $not: { [up ? "$gt" : "$lt"]: limit } } });
  switch (field.kind) {
    case "int": {
      const by = amount as number;
      const limit = by >= 0 ? Number.MAX_SAFE_INTEGER - by : Number.MIN_SAFE_INTEGER - by;
      return beyond(values.longOfNumber(limit), by >= 0);
    }
    case "int64": {
      const by = amount as bigint;
      const limit = by >= 0n ? 2n ** 63n - 1n - by : -(2n ** 63n) - by;
      return beyond(values.longOfBigInt(limit), by >= 0n);
    }
    case "decimal": {
      const by = BigInt(String(scaled(amount as string, field)));
      const most = 10n ** 34n - 1n;
      const limit = by >= 0n ? most - by : -most - by;
      return beyond(encoderOf(name, entity)(unscaled(limit, field.scale)), by >= 0n);
    }
    case "double":
      return {};
    default:
      throw new KeyfoldError(
        "INPUT_INVALID",
        `${name} of ${entity.collection.entity} is no number and cannot be incremented.`,
      );
  }
}

function scaled(text: string, field: Extract<Field, { kind: "decimal" }>): bigint {
  const [whole = "0", fraction = ""] = text.split(".");
  return (
    BigInt(whole.replace("-", "") + fraction.padEnd(field.scale, "0").slice(0, field.scale)) *
    (text.startsWith("-") ? -1n : 1n)
  );
}

function unscaled(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale === 0 ? "" : `.${digits.slice(point)}`}`;
}
