/** Secondary indexes: the built-in ones and SAI. */
import type { SchemaStatement } from "../cql/ast.js";
import { invalid } from "../errors.js";
import { ListType, MapType, SetType, UserType } from "../types/type.js";
import type { SchemaChange } from "./catalog.js";
import { forbidSystem, keyspaceOf, type SchemaContext } from "./context.js";
import type { Index } from "./table.js";

const saiNames = ["sai", "storageattachedindex", "org.apache.cassandra.index.sai.storageattachedindex"];
const sasiName = "org.apache.cassandra.index.sasi.sasiindex";

export function createIndex(
  statement: Extract<SchemaStatement, { kind: "create index" }>,
  context: SchemaContext,
): SchemaChange | undefined {
  const keyspace = keyspaceOf(statement.table, context);
  forbidSystem(keyspace);
  const { catalog } = context;
  if (statement.nameKeyspace !== undefined && statement.nameKeyspace !== keyspace)
    throw invalid(`Keyspace name '${statement.nameKeyspace}' doesn't match table keyspace '${keyspace}'`);
  const table = catalog.keyspace(keyspace)?.tables.get(statement.table.name);
  if (table === undefined) {
    if (catalog.keyspace(keyspace) === undefined) throw invalid(`Keyspace '${keyspace}' doesn't exist`);
    throw invalid(`Table '${keyspace}.${statement.table.name}' doesn't exist`);
  }
  if (statement.name !== undefined && catalog.tableOfIndex(keyspace, statement.name) !== undefined) {
    if (statement.ifNotExists) return undefined;
    throw invalid(`Index '${statement.name}' already exists`);
  }
  if (table.isCounter) throw invalid("Secondary indexes on counter tables aren't supported");
  const using = statement.using?.toLowerCase();
  const isSai = using !== undefined && saiNames.includes(using);
  if (statement.custom && using === undefined) throw invalid("CUSTOM index requires specifying the index class");
  if (!statement.custom && statement.using !== undefined && !isSai && using !== "legacy_local_table")
    throw invalid(`Cannot specify index class for a non-CUSTOM index`);
  if (using === sasiName) throw invalid("SASI indexes are disabled. Enable in cassandra.yaml to use.");
  if (statement.custom && !isSai) throw invalid(`Unable to find custom indexer class '${statement.using}'`);
  if (statement.targets.length === 0)
    throw invalid("Only CUSTOM indexes can be created without specifying a target column");
  if (statement.targets.length > 1)
    throw invalid(
      isSai
        ? "Storage-attached index cannot be created over multiple columns: [" +
            statement.targets.map((each) => each.column).join(", ") +
            "]"
        : "Only CUSTOM indexes support multiple columns",
    );
  const [target] = statement.targets;
  const column = table.columns.get(target!.column);
  if (column === undefined) throw invalid(`Column '${target!.column}' doesn't exist`);
  const { type } = column;
  const isCollection = type instanceof ListType || type instanceof SetType || type instanceof MapType;
  if (type.references((each) => each.name === "duration")) {
    const what = isCollection
      ? "collections containing durations"
      : type.name === "duration"
        ? "duration columns"
        : type instanceof UserType
          ? "UDTs containing durations"
          : "tuples containing durations";
    throw invalid(`Secondary indexes are not supported on ${what}`);
  }
  if (table.compact !== undefined) {
    if (table.compact === "dense")
      throw invalid("Secondary indexes are not supported on COMPACT STORAGE tables that have clustering columns");
    if (column.kind === "partition_key")
      throw invalid("Secondary indexes are not supported on PRIMARY KEY columns in COMPACT STORAGE tables");
  }
  if (column.kind === "partition_key" && table.partitionKey.length === 1)
    throw invalid(`Cannot create secondary index on the only partition key column ${column.name}`);
  let of: Index["of"] = "simple";
  const kind = target!.of;
  if (isCollection) {
    if (!type.isMultiCell) {
      if (kind === undefined || kind === "full") {
        if (kind === undefined)
          throw invalid(
            `Cannot create values() index on frozen column ${column.name}. Frozen collections are immutable and must be fully indexed by using the 'full(${column.name})' modifier`,
          );
        of = "full";
      } else
        throw invalid(
          `Cannot create ${kind}() index on frozen column ${column.name}. Frozen collections are immutable and must be fully indexed by using the 'full(${column.name})' modifier`,
        );
    } else {
      if (kind === "full") throw invalid("full() indexes can only be created on frozen collections");
      if ((kind === "keys" || kind === "entries") && !(type instanceof MapType))
        throw invalid(`Cannot create index on ${kind} of column ${column.name} with non-map type`);
      of = kind ?? "values";
    }
  } else {
    if (kind === "full") throw invalid("full() indexes can only be created on frozen collections");
    if (kind === "keys" || kind === "entries" || kind === "values")
      throw invalid(
        `Cannot create ${kind}() index on ${column.name}. Non-collection columns only support simple indexes`,
      );
  }
  if (type instanceof UserType && type.isMultiCell)
    throw invalid(`Cannot create an index on non-frozen UDT column ${column.name}`);
  const options = new Map<string, string>();
  const given = statement.options.get("options");
  if (statement.options.size > 0 && !statement.custom && !isSai)
    throw invalid("Cannot specify options for a non-CUSTOM index");
  if (given !== undefined && typeof given !== "string") {
    for (const [name, value] of given) {
      if (!["case_sensitive", "normalize", "ascii", "similarity_function", "target"].includes(name))
        throw invalid(`Properties specified [${name}] are not understood by StorageAttachedIndex`);
      options.set(name, value);
    }
  }
  for (const [name, value] of options)
    if (
      ["case_sensitive", "normalize", "ascii"].includes(name) &&
      value !== (name === "case_sensitive" ? "true" : "false")
    )
      throw invalid(`The embedded engine has no analyzers: the option ${name} cannot be ${value}`);
  const existing = table.facts.indexes.find(
    (index) => index.column === column.name && index.of === of && index.isSai === isSai,
  );
  if (existing !== undefined) {
    if (statement.ifNotExists) return undefined;
    const name =
      statement.name ?? freeName(table.name, column.name, (each) => catalog.tableOfIndex(keyspace, each) !== undefined);
    throw invalid(`Index ${name} is a duplicate of existing index ${existing.name}`);
  }
  const targetText = of === "simple" ? quotedTarget(column.name) : `${of}(${quotedTarget(column.name)})`;
  const withTarget = isSai
    ? new Map([["class_name", statement.using!], ["target", targetText], ...options])
    : new Map([["target", targetText]]);
  const index: Index = {
    name:
      statement.name ?? freeName(table.name, column.name, (each) => catalog.tableOfIndex(keyspace, each) !== undefined),
    kind: isSai ? "CUSTOM" : table.compact === "static" ? "KEYS" : "COMPOSITES",
    column: column.name,
    of,
    options: withTarget,
    isSai,
    tree: catalog.newTree(),
  };
  context.buildIndex(table, index);
  return catalog.putTable(table.with({ indexes: [...table.facts.indexes, index] }));
}

function quotedTarget(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function freeName(table: string, column: string, taken: (name: string) => boolean): string {
  const base = `${table}_${column.replace(/\W/g, "")}_idx`;
  if (!taken(base)) return base;
  let at = 1;
  while (taken(`${base}_${at}`)) at++;
  return `${base}_${at}`;
}

export function dropIndex(
  statement: Extract<SchemaStatement, { kind: "drop index" }>,
  context: SchemaContext,
): SchemaChange | undefined {
  const keyspace = keyspaceOf(statement.index, context);
  forbidSystem(keyspace);
  const table = context.catalog.tableOfIndex(keyspace, statement.index.name);
  if (table === undefined) {
    if (statement.ifExists) return undefined;
    throw invalid(`Index '${keyspace}.${statement.index.name}' doesn't exist`);
  }
  const indexes = table.facts.indexes.filter((index) => index.name !== statement.index.name);
  for (const index of table.facts.indexes) if (!indexes.includes(index)) context.dropIndexData(index);
  return context.catalog.putTable(table.with({ indexes }));
}
