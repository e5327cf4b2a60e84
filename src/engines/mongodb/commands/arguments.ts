import { Decimal128, Int32 } from "bson";
import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { bsonTypeName } from "../data/language.js";
import { mongoError, typeMismatch } from "../errors.js";
import type { CommandRequest } from "./command.js";

/** The arguments of a command, by name; a wrong type is MongoDB's error about the field. */

/** 14 with the text of MongoDB's argument parser. */
export function wrongType(command: string, field: string, value: Value, expected: string | readonly string[]): Error {
  const types = typeof expected === "string" ? `type '${expected}'` : `types '[${expected.join(", ")}]'`;
  return typeMismatch(`BSON field '${command}.${field}' is the wrong type '${bsonTypeName(value)}', expected ${types}`);
}

/** A number of any of the four types as a JavaScript number; `undefined` for other values. */
export function numeric(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Int32) return value.value;
  if (value instanceof Decimal128) return Number(value.toString());
  return undefined;
}

/** The command's first field: the collection's name. */
export function collectionArgument(request: CommandRequest): string {
  const value = request.body.get(request.command.name);
  if (typeof value !== "string") {
    throw mongoError(73, `collection name has invalid type ${value === undefined ? "missing" : bsonTypeName(value)}`);
  }
  return value;
}

/** A field that holds a document; null counts as missing. */
export function docArgument(request: CommandRequest, field: string): Doc | undefined {
  const value = request.body.get(field);
  if (value === undefined || value === null) return undefined;
  if (value instanceof Doc) return value;
  throw wrongType(request.command.name, field, value, "object");
}

export function boolArgument(request: CommandRequest, field: string): boolean | undefined {
  const value = request.body.get(field);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  const number = numeric(value);
  if (number === undefined) {
    throw wrongType(request.command.name, field, value, ["bool", "long", "int", "decimal", "double"]);
  }
  return number !== 0;
}

/** A whole number of at least `least`. */
export function countArgument(request: CommandRequest, field: string, least = 0): number | undefined {
  const value = request.body.get(field);
  if (value === undefined || value === null) return undefined;
  const number = numeric(value);
  if (number === undefined) {
    throw wrongType(request.command.name, field, value, ["long", "int", "decimal", "double"]);
  }
  const whole = Number.isNaN(number) ? 0 : Math.trunc(number);
  if (whole < least) {
    throw mongoError(51024, `BSON field '${field}' value must be >= ${least}, actual value '${whole}'`);
  }
  return whole;
}

/** Documents that come in the body or beside it. */
export function docsArgument(request: CommandRequest, field: string): readonly Doc[] {
  const beside = request.sequences?.get(field);
  if (beside !== undefined) return beside;
  const value = request.body.get(field);
  if (value === undefined) {
    throw mongoError(40414, `BSON field '${request.command.name}.${field}' is missing but a required field`);
  }
  if (!Array.isArray(value)) throw wrongType(request.command.name, field, value, "array");
  for (let i = 0; i < value.length; i++) {
    if (!(value[i] instanceof Doc)) throw wrongType(request.command.name, `${field}.${i}`, value[i]!, "object");
  }
  return value as Doc[];
}

/** Refuses collations other than the simple one. */
export function checkCollation(value: Value | undefined): void {
  if (value === undefined || value === null) return;
  if (!(value instanceof Doc))
    throw typeMismatch(`BSON field 'collation' is the wrong type '${bsonTypeName(value)}', expected type 'object'`);
  if (value.isEmpty) return;
  const locale = value.get("locale");
  if (locale === "simple") return;
  if (locale === undefined) throw mongoError(40414, "BSON field 'collation.locale' is missing but a required field");
  throw mongoError(2, `Field 'locale' is invalid in: { locale: "${String(locale)}" }`);
}
