/** A pattern's parameters: from the model's description, and from `name=value` words of a command line. */

import { bucketExample, bucketStart } from "../../model/bucket.js";
import type { By, EntityData, ModelData, PatternData, Range } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import { UsageError } from "../errors.js";
import { textReader, ValueError } from "../load/values.js";
import { didYouMean } from "../suggest.js";

export interface Param {
  readonly name: string;
  readonly required: boolean;
  /** What to write, for a person. */
  readonly expects: string;
  readonly read: (text: string) => unknown;
}

/** The parameters of a pattern, in the order in which they are asked. */
export function paramsOf(model: ModelData, pattern: PatternData): Param[] {
  const entity = model.entities[pattern.entity] as EntityData;
  switch (pattern.kind) {
    case "get":
    case "together":
      return pattern.by.map((by) => byParam(entity, by));
    case "rank":
      return entity.key.map((field) => fieldParam(entity, field, field));
    case "list":
    case "listByKey":
      return [...pattern.by.map((by) => byParam(entity, by)), ...rangeParams(entity, pattern.range)];
    case "top":
      return rangeParams(entity, pattern.range);
    case "search":
      return [
        { name: "text", required: true, expects: "words", read: (text) => text },
        ...pattern.filter.map((field) => ({ ...fieldParam(entity, field, field), required: false })),
      ];
    default:
      return pattern satisfies never;
  }
}

function byParam(entity: EntityData, by: By): Param {
  if (by.kind === "bucket") return { ...bucketParam(by.param, by.unit), required: true };
  return fieldParam(entity, by.field, by.param);
}

function rangeParams(entity: EntityData, range: Range | undefined): Param[] {
  if (range === undefined) return [];
  return ["from", "to"].map((name) => {
    const param = range.unit === undefined ? fieldParam(entity, range.field, name) : bucketParam(name, range.unit);
    return { ...param, required: false, expects: `${param.expects}, ${name === "from" ? "inclusive" : "exclusive"}` };
  });
}

function bucketParam(name: string, unit: Parameters<typeof bucketStart>[0]): Param {
  return {
    name,
    required: true,
    expects: `a${unit === "hour" ? "n" : ""} ${unit} in UTC, such as ${bucketExample(unit)}`,
    read(text) {
      bucketStart(unit, text);
      return text;
    },
  };
}

const wording: Readonly<Record<Field["kind"], string>> = {
  string: "text",
  enum: "one of its values",
  int: "a whole number",
  int64: "a whole number",
  double: "a number",
  decimal: "a decimal such as 2.5",
  boolean: "true or false",
  date: "a date such as 2010-12-01T08:26:00Z",
  bytes: "base64",
  uuid: "a UUID",
  array: "a JSON array",
  object: "a JSON object",
  map: "a JSON object",
  json: "JSON",
};

function fieldParam(entity: EntityData, path: string, name: string): Param {
  const field = fieldAt(entity.fields, path) as Field;
  return {
    name,
    required: true,
    expects: field.kind === "enum" ? `one of ${field.values.join(", ")}` : wording[field.kind],
    read: textReader(field),
  };
}

/** Reads `name=value` words; every mistake is told with what would be right. */
export function readParams(model: ModelData, pattern: PatternData, words: readonly string[]): Record<string, unknown> {
  const params = paramsOf(model, pattern);
  const usage = `${pattern.name} takes ${params.length === 0 ? "no parameters" : params.map(describe).join(", ")}.`;
  const result: Record<string, unknown> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new UsageError(`${word} is not of the form name=value`, usage);
    const name = word.slice(0, at);
    const text = word.slice(at + 1);
    const param = params.find((one) => one.name === name);
    if (param === undefined) {
      throw new UsageError(
        `${pattern.name} has no parameter ${name}`,
        params.length === 0
          ? usage
          : didYouMean(
              name,
              params.map((one) => one.name),
            ),
      );
    }
    if (Object.hasOwn(result, name)) throw new UsageError(`the parameter ${name} is given twice`, usage);
    try {
      result[name] = param.read(text);
    } catch (error) {
      if (!(error instanceof ValueError) && (error as Error).name !== "KeyfoldError") throw error;
      throw new UsageError(`${name}: ${(error as Error).message}`, `Expected is ${param.expects}.`);
    }
  }
  const missing = params.filter((param) => param.required && !Object.hasOwn(result, param.name));
  if (missing.length > 0) throw new UsageError(`${pattern.name} needs ${missing.map(describe).join(", ")}`, usage);
  return result;
}

function describe(param: Param): string {
  return `${param.name}=… (${param.expects}${param.required ? "" : "; may be left out"})`;
}

/** The pattern with this name. */
export function patternOf(model: ModelData, name: string): PatternData {
  const pattern = Object.hasOwn(model.patterns, name) ? model.patterns[name] : undefined;
  if (pattern === undefined)
    throw new UsageError(`the model has no pattern ${name}`, didYouMean(name, Object.keys(model.patterns)));
  return pattern;
}
