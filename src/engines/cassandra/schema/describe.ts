/** DESCRIBE: the statements that would make what is there. */
import type { DescribeStatement } from "../cql/ast.js";
import { invalid } from "../errors.js";
import { type ColumnSpec, type RowsResult, rowsOf } from "../query/result.js";
import { native, quoted, type UserType } from "../types/type.js";
import type { Catalog, Keyspace } from "./catalog.js";
import { optionOf, tableOptionFacts } from "./options.js";
import { systemNames } from "./system-schema.js";
import type { Index, Table } from "./table.js";

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function mapText(map: ReadonlyMap<string, string>): string {
  return `{${[...map].map(([key, value]) => `${literal(key)}: ${literal(value)}`).join(", ")}}`;
}

export function keyspaceStatement(keyspace: Keyspace): string {
  if (keyspace.isVirtual)
    return `/*\nWarning: Keyspace ${quoted(keyspace.name)} is a virtual keyspace and cannot be recreated with CQL.\nStructure, for reference:\nVIRTUAL KEYSPACE ${quoted(keyspace.name)};\n*/`;
  const shown = new Map(keyspace.replication);
  shown.set("class", shown.get("class")!.replace("org.apache.cassandra.locator.", ""));
  return `CREATE KEYSPACE ${quoted(keyspace.name)} WITH replication = ${mapText(shown)}  AND durable_writes = ${keyspace.durableWrites};`;
}

export function typeStatement(type: UserType): string {
  const fields = type.fields.names.map((name, at) => `    ${quoted(name)} ${type.fields.types[at]!.name}`);
  return `CREATE TYPE ${quoted(type.keyspace)}.${quoted(type.typeName)} (\n${fields.join(",\n")}\n);`;
}

function optionText(table: Table, name: string): string {
  const value = optionOf(table, name);
  if (typeof value !== "string") return mapText(value);
  return tableOptionFacts.get(name)!.kind === "text" ? literal(value) : value;
}

export function tableStatement(table: Table, withInternals = false, isVirtualKeyspace = false): string {
  const simple = table.partitionKey.length === 1 && table.clustering.length === 0;
  const lines = table.all.map((column) => {
    const kind = column.kind === "static" ? " static" : simple && column.kind === "partition_key" ? " PRIMARY KEY" : "";
    return `    ${quoted(column.name)} ${column.type.name}${kind}`;
  });
  if (withInternals)
    for (const column of table.facts.dropped.filter((each) => !table.columns.has(each.name)))
      lines.push(`    ${quoted(column.name)} ${column.type.name}${column.isStatic ? " static" : ""}`);
  if (!simple) {
    const names = table.partitionKey.map((column) => quoted(column.name));
    const partition = names.length > 1 ? `(${names.join(", ")})` : names[0]!;
    const key = [partition, ...table.clustering.map((column) => quoted(column.name))];
    lines.push(
      `    PRIMARY KEY (${table.clustering.length === 0 && names.length > 1 ? `(${names.join(", ")})` : key.join(", ")})`,
    );
  }
  const options: string[] = [];
  if (withInternals) {
    const hex = table.facts.id.toString("hex");
    options.push(
      `ID = ${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    );
  }
  if (table.compact !== undefined) options.push("COMPACT STORAGE");
  if (table.clustering.length > 0)
    options.push(
      `CLUSTERING ORDER BY (${table.clustering.map((column) => `${quoted(column.name)} ${column.descending ? "DESC" : "ASC"}`).join(", ")})`,
    );
  if (isVirtualKeyspace) {
    options.push(`comment = ${optionText(table, "comment")}`);
    const body = `VIRTUAL TABLE ${quoted(table.keyspace)}.${quoted(table.name)} (\n${lines.join(",\n")}\n) WITH ${options.join("\n    AND ")};`;
    return `/*\nWarning: Table ${quoted(table.keyspace)}.${quoted(table.name)} is a virtual table and cannot be recreated with CQL.\nStructure, for reference:\n${body}\n*/`;
  }
  for (const name of tableOptionFacts.keys()) options.push(`${name} = ${optionText(table, name)}`);
  const name = `${quoted(table.keyspace)}.${quoted(table.name)}`;
  const drops = table.facts.dropped.map((column) => {
    const again = table.columns.get(column.name);
    const add =
      again === undefined
        ? ""
        : `\nALTER TABLE ${name} ADD ${quoted(column.name)} ${again.type.name}${again.kind === "static" ? " static" : ""};`;
    return `\nALTER TABLE ${name} DROP ${quoted(column.name)} USING TIMESTAMP ${column.droppedAt};${add}`;
  });
  return `CREATE TABLE ${name} (\n${lines.join(",\n")}\n) WITH ${options.join("\n    AND ")};${withInternals ? drops.join("") : ""}`;
}

export function indexStatement(table: Table, index: Index): string {
  const target = index.options.get("target")!;
  const on = `${quoted(table.keyspace)}.${quoted(table.name)} (${target})`;
  if (!index.isSai) return `CREATE INDEX ${quoted(index.name)} ON ${on};`;
  const options = new Map([...index.options].filter(([name]) => name !== "class_name" && name !== "target"));
  const tail = options.size === 0 ? "" : ` WITH OPTIONS = ${mapText(options)}`;
  return `CREATE CUSTOM INDEX ${quoted(index.name)} ON ${on} USING '${index.options.get("class_name")}'${tail};`;
}

type Element = readonly [keyspace: string, type: string, name: string, statement?: string];

function sorted<T>(items: Iterable<T>, name: (item: T) => string): T[] {
  return [...items].sort((a, b) => Buffer.compare(Buffer.from(name(a)), Buffer.from(name(b))));
}

function tableElements(table: Table, internals: boolean, isVirtual: boolean): Element[] {
  return [
    [quoted(table.keyspace), "table", quoted(table.name), tableStatement(table, internals, isVirtual)],
    ...sorted(table.facts.indexes, (index) => index.name).map(
      (index): Element => [quoted(table.keyspace), "index", quoted(index.name), indexStatement(table, index)],
    ),
  ];
}

/** Types so that each comes after those that it uses. */
function typesInOrder(keyspace: Keyspace): UserType[] {
  const done = new Set<string>();
  const out: UserType[] = [];
  const visit = (type: UserType): void => {
    if (done.has(type.typeName)) return;
    done.add(type.typeName);
    for (const used of type.fields.types.flatMap((field) => field.userTypes())) {
      const found = keyspace.types.get(used.typeName);
      if (found !== undefined) visit(found);
    }
    out.push(type);
  };
  for (const type of sorted(keyspace.types.values(), (each) => each.typeName)) visit(type);
  return out;
}

function keyspaceElements(keyspace: Keyspace, internals: boolean, only: boolean): Element[] {
  const name = quoted(keyspace.name);
  const elements: Element[] = [[name, "keyspace", name, keyspaceStatement(keyspace)]];
  if (only) return elements;
  for (const type of typesInOrder(keyspace)) elements.push([name, "type", quoted(type.typeName), typeStatement(type)]);
  for (const table of sorted(keyspace.tables.values(), (each) => each.name))
    elements.push(...tableElements(table, internals, keyspace.isVirtual));
  return elements;
}

function spec(name: string): ColumnSpec {
  return { keyspace: "system", table: "describe", name, type: native("text") };
}

function result(elements: readonly Element[], withStatement: boolean): RowsResult {
  const names = withStatement
    ? ["keyspace_name", "type", "name", "create_statement"]
    : ["keyspace_name", "type", "name"];
  return rowsOf(
    names.map(spec),
    elements.map((element) => names.map((_, at) => Buffer.from(element[at] ?? ""))),
  );
}

/** Answers a DESCRIBE. */
export function describe(
  statement: DescribeStatement,
  catalog: Catalog,
  current: string | undefined,
  clusterName: string,
): RowsResult {
  const { what, name, internals } = statement;
  const keyspaces = sorted(catalog.keyspaces(), (keyspace) => keyspace.name);
  const inUse = current === undefined ? keyspaces : keyspaces.filter((keyspace) => keyspace.name === current);
  switch (what) {
    case "cluster":
      return rowsOf(["cluster", "partitioner", "snitch"].map(spec), [
        [Buffer.from(clusterName), Buffer.from("Murmur3Partitioner"), Buffer.from("DynamicEndpointSnitch")],
      ]);
    case "keyspaces":
      return result(
        keyspaces.map((keyspace): Element => [quoted(keyspace.name), "keyspace", quoted(keyspace.name)]),
        false,
      );
    case "tables":
      return result(
        inUse.flatMap((keyspace) =>
          sorted(keyspace.tables.values(), (table) => table.name).map(
            (table): Element => [quoted(keyspace.name), "table", quoted(table.name)],
          ),
        ),
        false,
      );
    case "types":
      return result(
        inUse.flatMap((keyspace) =>
          sorted(keyspace.types.values(), (type) => type.typeName).map(
            (type): Element => [quoted(keyspace.name), "type", quoted(type.typeName)],
          ),
        ),
        false,
      );
    case "functions":
    case "aggregates":
      return result([], false);
    case "schema":
    case "full schema":
      return result(
        keyspaces
          .filter((keyspace) => what === "full schema" || !systemNames.includes(keyspace.name))
          .flatMap((keyspace) => keyspaceElements(keyspace, internals, false)),
        true,
      );
    case "keyspace":
    case "only keyspace": {
      const wanted = name?.name ?? current;
      if (wanted === undefined) throw invalid("No keyspace specified and no current keyspace");
      const keyspace = catalog.keyspace(wanted);
      if (keyspace === undefined) throw invalid(`'${wanted}' not found in keyspaces`);
      return result(keyspaceElements(keyspace, internals, what === "only keyspace"), true);
    }
    default:
      return result(named(statement, catalog, current), true);
  }
}

/** One element, by its name. */
function named(statement: DescribeStatement, catalog: Catalog, current: string | undefined): readonly Element[] {
  const { what, internals } = statement;
  const name = statement.name!;
  if (what === "any" && name.keyspace === undefined) {
    const keyspace = catalog.keyspace(name.name);
    if (keyspace !== undefined) return keyspaceElements(keyspace, internals, false);
  }
  const in_ = name.keyspace ?? current;
  if (in_ === undefined) {
    if (what === "any") throw invalid(`'${name.name}' not found in keyspaces`);
    throw invalid("No keyspace specified and no current keyspace");
  }
  const keyspace = catalog.keyspace(in_);
  if (keyspace === undefined) throw invalid(`'${in_}' not found in keyspaces`);
  const table = keyspace.tables.get(name.name);
  const type = keyspace.types.get(name.name);
  const indexed = catalog.tableOfIndex(in_, name.name);
  const index = indexed?.facts.indexes.find((each) => each.name === name.name);
  switch (what) {
    case "table":
      if (table === undefined) throw invalid(`Table '${name.name}' not found in keyspace '${in_}'`);
      return tableElements(table, internals, keyspace.isVirtual);
    case "index":
      if (indexed === undefined || index === undefined)
        throw invalid(`Table for existing index '${name.name}' not found in '${in_}'`);
      return [[quoted(in_), "index", quoted(index.name), indexStatement(indexed, index)]];
    case "type":
      if (type === undefined) throw invalid(`User defined type '${name.name}' not found in '${in_}'`);
      return [[quoted(in_), "type", quoted(type.typeName), typeStatement(type)]];
    case "view":
      throw invalid(`Materialized view '${name.name}' not found in keyspace '${in_}'`);
    case "function":
      throw invalid(`User defined function '${name.name}' not found in '${in_}'`);
    case "aggregate":
      throw invalid(`User defined aggregate '${name.name}' not found in '${in_}'`);
    default:
      if (table !== undefined) return tableElements(table, internals, keyspace.isVirtual);
      if (type !== undefined) return [[quoted(in_), "type", quoted(type.typeName), typeStatement(type)]];
      if (indexed !== undefined && index !== undefined)
        return [[quoted(in_), "index", quoted(index.name), indexStatement(indexed, index)]];
      throw invalid(`'${name.name}' not found in keyspace '${in_}'`);
  }
}
