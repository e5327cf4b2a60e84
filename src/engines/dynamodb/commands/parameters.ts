import type { CapacityDetail, Consumption, ConsumptionByTable } from "../data/capacity.js";
import { tableArn } from "../data/definition.js";
import type { Index, Table } from "../data/table.js";
import { invalidValue, resourceNotFound, tableNotFound, validation } from "../errors.js";
import { Bindings } from "../expressions/bindings.js";
import { ConditionCompiler, type Test } from "../expressions/condition.js";
import { parseCondition, parseProjection } from "../expressions/parser.js";
import { checkDistinct } from "../expressions/paths.js";
import type { ExpressionName } from "../expressions/reader.js";
import type { Path } from "../expressions/syntax.js";
import { type Shape, string } from "../protocol/shapes.js";
import { attribute, type Item, typeOf, type Value } from "../values/attribute-value.js";
import { type KeyAttribute, type KeySchema, keyBytes } from "../values/key-encoding.js";
import type { Call, Engine } from "./operation.js";

/** What several operations take and check in the same way. */

export const namePattern = /^[a-zA-Z0-9_.-]+$/;
const arnTable = /^arn:[^:]*:dynamodb:[^:]*:[^:]*:table\/([a-zA-Z0-9_.-]+)$/;
const nameOrArn = /^(?:[a-zA-Z0-9_.-]+|arn:[^:]*:dynamodb:[^:]*:[^:]*:table\/[a-zA-Z0-9_.-]+)$/;

/** A table's name or ARN. The pattern that AWS quotes is the name's. */
export const tableNameShape: Shape = {
  kind: "string",
  required: true,
  min: 1,
  max: 255,
  pattern: nameOrArn,
  shownPattern: namePattern.source.slice(1, -1),
};
/** Names of tables as keys of a batch. */
export const tableKeyPattern: RegExp = nameOrArn;
export const indexNameShape: Shape = { kind: "string", min: 3, max: 255, pattern: namePattern };
export const capacityShape: Shape = { kind: "string", values: ["INDEXES", "TOTAL", "NONE"] };
export const metricsShape: Shape = { kind: "string", values: ["SIZE", "NONE"] };
export const onFailureShape: Shape = { kind: "string", values: ["ALL_OLD", "NONE"] };
export const selectShape: Shape = {
  kind: "string",
  values: ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"],
};
export const operatorShape: Shape = { kind: "string", values: ["OR", "AND"] };
export const attributesToGetShape: Shape = { kind: "list", of: string, min: 1, max: 255 };
export const namesShape: Shape = { kind: "map", of: string };

/** Bytes that an item may have. */
export const largestItem = 400 * 1024;

/** The table of a name or ARN. */
export function findTable(engine: Engine, name: unknown): Table | undefined {
  const text = name as string;
  if (!text.startsWith("arn:")) return engine.catalog.table(text);
  const table = engine.catalog.table(arnTable.exec(text)?.[1] ?? "");
  return table === undefined || tableArn(table.definition) !== text ? undefined : table;
}

/** The table that a request for items names. */
export function tableOf(engine: Engine, name: unknown): Table {
  if ((name as string).length < 3) {
    throw validation("TableName must be at least 3 characters long and at most 255 characters long");
  }
  const table = findTable(engine, name);
  if (table === undefined) throw resourceNotFound();
  return table;
}

/** The table that a request about tables names. */
export function namedTable({ engine, input }: Call): Table {
  const name = input["TableName"] as string;
  const table = findTable(engine, name);
  if (table === undefined) throw tableNotFound(name);
  return table;
}

export function indexOf(table: Table, name: string): Index {
  const index = table.index(name);
  if (index === undefined) throw validation(`The table does not have the specified index: ${name}`);
  return index;
}

/** Throws when parameters of both ways to say something are given, or placeholders without an expression. */
export function checkParameters(
  input: Readonly<Record<string, unknown>>,
  expressions: readonly ExpressionName[],
  legacy: readonly string[],
): void {
  const given = expressions.filter((name) => input[name] !== undefined);
  if (given.length > 0) {
    const others = legacy.filter((name) => input[name] !== undefined);
    // Conditions on keys may be of the old kind beside a new filter.
    const mixed = others.filter((name) => name !== "KeyConditions" || input["KeyConditionExpression"] !== undefined);
    if (mixed.length > 0) {
      throw validation(
        `Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {${mixed.join(", ")}} Expression parameters: {${given.join(", ")}}`,
      );
    }
  }
  if (input["ExpressionAttributeNames"] !== undefined && given.length === 0) {
    throw validation("ExpressionAttributeNames can only be specified when using expressions");
  }
  if (input["ExpressionAttributeValues"] !== undefined) {
    const takers = expressions.filter((name) => name !== "ProjectionExpression");
    if (takers.every((name) => input[name] === undefined)) {
      throw validation(
        takers.length === 0
          ? "ExpressionAttributeValues can only be specified when using expressions"
          : `ExpressionAttributeValues can only be specified when using expressions: ${takers.join(" and ")} ${takers.length > 1 ? "are" : "is"} null`,
      );
    }
  }
}

export function bindingsOf(input: Readonly<Record<string, unknown>>): Bindings {
  return new Bindings(input["ExpressionAttributeNames"], input["ExpressionAttributeValues"]);
}

/** The test of a condition that the request has under this name. */
export function conditionOf(
  input: Readonly<Record<string, unknown>>,
  name: ExpressionName,
  bindings: Bindings,
): { readonly test: Test; readonly compiler: ConditionCompiler } | undefined {
  const text = input[name];
  if (text === undefined) return undefined;
  const compiler = new ConditionCompiler(name, bindings);
  return { test: compiler.compile(parseCondition(name, text as string)), compiler };
}

/** The paths of a request's projection. */
export function projectionOf(
  input: Readonly<Record<string, unknown>>,
  bindings: Bindings,
): readonly Path[] | undefined {
  const name = "ProjectionExpression";
  const text = input[name];
  if (text === undefined) return undefined;
  const paths = parseProjection(name, text as string).map((path) => bindings.path(name, path));
  checkDistinct(name, paths);
  return paths;
}

/** The paths of `AttributesToGet`: whole attributes. */
export function attributesToGet(input: Readonly<Record<string, unknown>>): readonly Path[] | undefined {
  const names = input["AttributesToGet"] as string[] | undefined;
  if (names === undefined) return undefined;
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalidValue(`Duplicate value in attribute name: ${name}`);
    seen.add(name);
  }
  return names.map((name) => [name]);
}

const longestKeys = { partition: 2048, sort: 1024 } as const;

function checkKeyLength(value: Value, role: "partition" | "sort"): void {
  const size = keyBytes(value).length;
  if (size > longestKeys[role]) {
    throw invalidValue(
      role === "partition"
        ? "Size of hashkey has exceeded the maximum size limit of2048 bytes"
        : "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
    );
  }
}

function emptyKey({ name, type }: KeyAttribute): Error {
  return validation(
    `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${type === "S" ? "string" : "binary"} value. Key: ${name}`,
  );
}

function* parts(schema: KeySchema): Iterable<readonly ["partition" | "sort", KeyAttribute]> {
  yield ["partition", schema.partition];
  if (schema.sort !== undefined) yield ["sort", schema.sort];
}

/** Throws when `key` is not exactly a key of the table. */
export function checkKey(schema: KeySchema, key: Item): void {
  const mismatch = "The provided key element does not match the schema";
  if (Object.keys(key).length !== (schema.sort === undefined ? 1 : 2)) throw validation(mismatch);
  for (const [role, part] of parts(schema)) {
    const value = attribute(key, part.name);
    if (value === undefined || value[part.type] === undefined) throw validation(mismatch);
    if (value[part.type] === "") throw emptyKey(part);
    checkKeyLength(value, role);
  }
}

/** Throws when an item lacks its key, or has a value that a key of the table or of an index cannot have. */
export function checkItemKeys(table: Table, item: Item): void {
  for (const [role, part] of parts(table.schema)) {
    const value = attribute(item, part.name);
    if (value === undefined) throw invalidValue(`Missing the key ${part.name} in the item`);
    if (value[part.type] === undefined) {
      throw invalidValue(`Type mismatch for key ${part.name} expected: ${part.type} actual: ${typeOf(value)}`);
    }
    if (value[part.type] === "") throw emptyKey(part);
    checkKeyLength(value, role);
  }
  checkIndexKeys(table, item);
}

/** Throws when an attribute that an index is made of has another type than the index wants. */
export function checkIndexKeys(table: Table, item: Item): void {
  for (const { definition } of table.indexes) {
    for (const [role, part] of parts(definition.schema)) {
      const value = attribute(item, part.name);
      if (value === undefined) continue;
      if (value[part.type] === undefined) {
        throw invalidValue(
          `Type mismatch for Index Key ${part.name} Expected: ${part.type} Actual: ${typeOf(value)} IndexName: ${definition.name}`,
        );
      }
      if (value[part.type] === "") {
        throw validation(
          `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty ${part.type === "S" ? "string" : "binary"} value. IndexName: ${definition.name}, IndexKey: ${part.name}`,
        );
      }
      checkKeyLength(value, role);
    }
  }
}

/** What a reply tells of the units it took, under `ConsumedCapacity`. */
export function consumed(call: Call, used: Consumption): { ConsumedCapacity?: object } {
  const detail = call.input["ReturnConsumedCapacity"] as CapacityDetail | undefined;
  return detail === undefined || detail === "NONE" ? {} : { ConsumedCapacity: used.report(detail) };
}

/** The same for a request of several tables; `kind` as {@link Consumption.report} takes it. */
export function consumedByTable(
  call: Call,
  used: ConsumptionByTable,
  kind?: "ReadCapacityUnits" | "WriteCapacityUnits",
): { ConsumedCapacity?: object[] } {
  const detail = call.input["ReturnConsumedCapacity"] as CapacityDetail | undefined;
  return detail === undefined || detail === "NONE" ? {} : { ConsumedCapacity: used.report(detail, kind) };
}
