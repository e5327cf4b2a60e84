/** Keyspaces, tables and types are made, changed and dropped. */
import type { ColumnSpec, CreateTableStatement, SchemaStatement } from "../cql/ast.js";
import { alreadyExists, configError, invalid } from "../errors.js";
import { type CqlType, ListType, MapType, SetType, UserType } from "../types/type.js";
import type { SchemaChange } from "./catalog.js";
import { forbidSystem, keyspaceOf, type SchemaContext } from "./context.js";
import { createIndex, dropIndex } from "./indexes.js";
import { checkReplication, checkTableOptions } from "./options.js";
import { type Column, type Compact, type DroppedColumn, Table } from "./table.js";
import { resolveType } from "./types.js";

const nameLength = 222;
const validName = /^\w+$/;

/** Makes the change; undefined where there was nothing to do. */
export function changeSchema(statement: SchemaStatement, context: SchemaContext): SchemaChange | undefined {
  switch (statement.kind) {
    case "create keyspace":
      return createKeyspace(statement, context);
    case "alter keyspace": {
      forbidSystem(statement.name);
      const before = context.catalog.keyspace(statement.name);
      if (before === undefined) {
        if (statement.ifExists) return undefined;
        throw invalid(`Keyspace '${statement.name}' doesn't exist`);
      }
      const { replication, durableWrites } = checkReplication(
        statement.options,
        statement.name,
        context.dataCenter,
        before.replication,
      );
      return context.catalog.putKeyspace(statement.name, replication, durableWrites ?? before.durableWrites);
    }
    case "drop keyspace": {
      forbidSystem(statement.name);
      const keyspace = context.catalog.keyspace(statement.name);
      if (keyspace === undefined) {
        if (statement.ifExists) return undefined;
        throw invalid(`Keyspace '${statement.name}' doesn't exist`);
      }
      for (const table of keyspace.tables.values()) context.dropData(table);
      return context.catalog.dropKeyspace(statement.name);
    }
    case "create table":
      return createTable(statement, context);
    case "alter table":
      return alterTable(statement, context);
    case "drop table": {
      const keyspace = keyspaceOf(statement.table, context);
      forbidSystem(keyspace);
      const table = context.catalog.keyspace(keyspace)?.tables.get(statement.table.name);
      if (table === undefined) {
        if (statement.ifExists) return undefined;
        throw invalid(`Table '${keyspace}.${statement.table.name}' doesn't exist`);
      }
      context.dropData(table);
      return context.catalog.dropTable(table);
    }
    case "create type":
    case "alter type":
    case "drop type":
      return changeType(statement, context);
    case "create index":
      return createIndex(statement, context);
    case "drop index":
      return dropIndex(statement, context);
    default: {
      const never: never = statement;
      throw new Error(`not a change of the schema: ${String(never)}`);
    }
  }
}

function createKeyspace(
  statement: Extract<SchemaStatement, { kind: "create keyspace" }>,
  context: SchemaContext,
): SchemaChange | undefined {
  const { name } = statement;
  forbidSystem(name);
  if (!validName.test(name) || name.length > 48)
    throw invalid(
      `Keyspace name must not be empty, more than 48 characters long, or contain non-alphanumeric-underscore characters (got "${name}")`,
    );
  const { replication, durableWrites } = checkReplication(statement.options, name, context.dataCenter);
  if (context.catalog.keyspace(name) !== undefined) {
    if (statement.ifNotExists) return undefined;
    throw alreadyExists(name, "", `Cannot add existing keyspace "${name}"`);
  }
  return context.catalog.putKeyspace(name, replication, durableWrites ?? true);
}

function needKeyspace(name: string, context: SchemaContext): void {
  if (context.catalog.keyspace(name) === undefined) throw invalid(`Keyspace '${name}' doesn't exist`);
}

function checkKeyType(type: CqlType, name: string): void {
  if (type.isMultiCell)
    throw invalid(
      type instanceof UserType
        ? `Invalid non-frozen user-defined type "${type.name}" for PRIMARY KEY column '${name}'`
        : `Invalid non-frozen collection type ${type.name} for PRIMARY KEY column '${name}'`,
    );
  if (type.isCounter) throw invalid(`counter type is not supported for PRIMARY KEY column '${name}'`);
  if (type.references((each) => each.name === "duration"))
    throw invalid(`duration type is not supported for PRIMARY KEY column '${name}'`);
}

function checkMultiCell(type: CqlType): void {
  if (type instanceof UserType && !type.frozen) {
    for (const field of type.fields.types)
      if (field.isMultiCell) throw invalid("Non-frozen UDTs with nested non-frozen collections are not supported");
  }
}

function createTable(statement: CreateTableStatement, context: SchemaContext): SchemaChange | undefined {
  const keyspace = keyspaceOf(statement.table, context);
  const { name } = statement.table;
  forbidSystem(keyspace);
  needKeyspace(keyspace, context);
  if (!validName.test(name))
    throw invalid(`Table name must not be empty or not contain non-alphanumeric-underscore characters (got "${name}")`);
  if (name.length > nameLength) throw invalid(`Table name is too long: ${name.length} characters`);
  const { catalog } = context;
  if (catalog.keyspace(keyspace)!.tables.has(name)) {
    if (statement.ifNotExists) return undefined;
    throw alreadyExists(keyspace, name, `Cannot add already existing table "${name}" to keyspace "${keyspace}"`);
  }
  const types = new Map<string, { type: CqlType; isStatic: boolean }>();
  for (const column of statement.columns) {
    if (types.has(column.name)) throw invalid(`Duplicate column '${column.name}' declaration for table '${name}'`);
    const type = resolveType(column.type, keyspace, catalog.findType);
    checkMultiCell(type);
    types.set(column.name, { type, isStatic: column.isStatic });
  }
  if (statement.partitionKeys.length === 0)
    throw invalid(`No PRIMARY KEY specifed for table '${name}' (exactly one required)`);
  if (statement.partitionKeys.length > 1)
    throw invalid(`Multiple PRIMARY KEYs specified for table '${name}' (exactly one required)`);
  const [partition] = statement.partitionKeys;
  const key = [...partition!, ...statement.clustering];
  const columns: Column[] = [];
  const orders = new Map(statement.clusteringOrder.map((each) => [each.column, each.descending]));
  const wrongOrder = [...orders.keys()].find((each) => !statement.clustering.includes(each));
  if (wrongOrder !== undefined)
    throw invalid(
      `Only clustering key columns can be defined in CLUSTERING ORDER directive: ${[...orders.keys()].filter((each) => !statement.clustering.includes(each)).join(", ")} are not clustering columns`,
    );
  if (orders.size > 0) {
    if ([...orders.keys()].some((each, at) => statement.clustering[at] !== each))
      throw invalid(
        `The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns (${statement.clustering.join(", ")})`,
      );
  }
  key.forEach((each, at) => {
    const found = types.get(each);
    if (found === undefined) throw invalid(`Unknown column '${each}' referenced in PRIMARY KEY for table '${name}'`);
    if (key.indexOf(each) !== at) throw invalid(`Duplicate column '${each}' in PRIMARY KEY clause for table '${name}'`);
    checkKeyType(found.type, each);
    if (found.isStatic) throw invalid(`Static column '${each}' cannot be part of the PRIMARY KEY`);
    const isPartition = at < partition!.length;
    columns.push({
      id: columns.length,
      name: each,
      type: found.type,
      kind: isPartition ? "partition_key" : "clustering",
      position: isPartition ? at : at - partition!.length,
      descending: orders.get(each) ?? false,
    });
  });
  for (const [each, { type, isStatic }] of types) {
    if (key.includes(each)) continue;
    columns.push({
      id: columns.length,
      name: each,
      type,
      kind: isStatic ? "static" : "regular",
      position: -1,
      descending: false,
    });
  }
  const others = columns.filter(({ kind }) => kind === "regular" || kind === "static");
  if (statement.clustering.length === 0 && others.some(({ kind }) => kind === "static"))
    throw invalid("Static columns are only useful (and thus allowed) if the table has at least one clustering column");
  const counters = others.filter(({ type }) => type.isCounter);
  if (counters.length > 0 && counters.length < others.length)
    throw invalid("Cannot mix counter and non counter columns in the same table");
  let compact: Compact;
  if (statement.compactStorage) {
    if (others.some(({ type }) => type.isMultiCell))
      throw invalid("Non-frozen collections and UDTs are not supported with COMPACT STORAGE");
    if (others.some(({ kind }) => kind === "static"))
      throw invalid("Static columns are not supported in COMPACT STORAGE tables");
    if (statement.clustering.length === 0) {
      if (others.length === 0) throw invalid("No definition found that is not part of the PRIMARY KEY");
      compact = "static";
    } else {
      if (others.length > 1)
        throw invalid(
          `COMPACT STORAGE with composite PRIMARY KEY allows no more than one column not part of the PRIMARY KEY (got: ${others.map((each) => each.name).join(", ")})`,
        );
      compact = "dense";
    }
  }
  const options = checkTableOptions(statement.options, new Map(), counters.length > 0, context.warnings);
  const given = statement.options.get("id");
  const id = typeof given === "string" ? Buffer.from(given.replaceAll("-", ""), "hex") : context.newId();
  if (id.length !== 16) throw configError("Invalid table id");
  return catalog.putTable(
    new Table({
      keyspace,
      name,
      id,
      tree: catalog.newTree(),
      columns,
      options,
      indexes: [],
      dropped: [],
      nextColumn: columns.length,
      compact,
      isVirtual: false,
    }),
  );
}

function alterTable(
  statement: Extract<SchemaStatement, { kind: "alter table" }>,
  context: SchemaContext,
): SchemaChange | undefined {
  const keyspace = keyspaceOf(statement.table, context);
  forbidSystem(keyspace);
  const { catalog } = context;
  const table = catalog.keyspace(keyspace)?.tables.get(statement.table.name);
  if (table === undefined) {
    if (statement.ifExists) return undefined;
    throw invalid(`Table '${keyspace}.${statement.table.name}' doesn't exist`);
  }
  const { change } = statement;
  switch (change.kind) {
    case "type":
      throw invalid("Altering column types is no longer supported");
    case "drop compact storage":
      throw invalid("DROP COMPACT STORAGE is disabled. Enable in cassandra.yaml to use.");
    case "options": {
      if (change.options.has("id")) throw configError("Cannot alter table id.");
      const options = checkTableOptions(change.options, table.facts.options, table.isCounter, context.warnings);
      return catalog.putTable(table.with({ options }));
    }
    case "add":
      return addColumns(table, change.columns, change.ifNotExists, context);
    case "drop":
      return dropColumns(table, change, context);
    case "rename": {
      let columns = [...table.facts.columns];
      for (const [from, to] of change.pairs) {
        const column = columns.find((each) => each.name === from);
        if (column === undefined) {
          if (change.ifExists) continue;
          throw invalid(`Column ${from} was not found in table '${table.fullName}'`);
        }
        if (column.kind !== "partition_key" && column.kind !== "clustering")
          throw invalid(`Cannot rename non PRIMARY KEY column ${from}`);
        if (columns.some((each) => each.name === to))
          throw invalid(
            `Cannot rename column ${from} to ${to} in table '${table.fullName}'; another column with that name already exists`,
          );
        const indexes = table.facts.indexes.filter((index) => index.column === from);
        if (indexes.length > 0)
          throw invalid(
            `Can't rename column ${from} because it has dependent secondary indexes (${indexes.map((index) => index.name).join(", ")})`,
          );
        columns = columns.map((each) => (each === column ? { ...each, name: to } : each));
      }
      return catalog.putTable(table.with({ columns }));
    }
    default: {
      const never: never = change;
      throw new Error(`not a change of a table: ${String(never)}`);
    }
  }
}

function addColumns(
  table: Table,
  specs: readonly ColumnSpec[],
  ifNotExists: boolean,
  context: SchemaContext,
): SchemaChange {
  if (table.compact !== undefined) throw invalid("Cannot add new column to a COMPACT STORAGE table");
  const columns = [...table.facts.columns];
  const { dropped } = table.facts;
  let next = table.facts.nextColumn;
  for (const spec of specs) {
    const type = resolveType(spec.type, table.keyspace, context.catalog.findType);
    checkMultiCell(type);
    if (columns.some((each) => each.name === spec.name)) {
      if (ifNotExists) continue;
      throw invalid(`Column with name '${spec.name}' already exists`);
    }
    if (spec.isStatic && table.clustering.length === 0)
      throw invalid(
        "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
      );
    const before: DroppedColumn | undefined = dropped.find((each) => each.name === spec.name);
    if (before !== undefined) {
      if (!sameValues(type, before.type))
        throw invalid(
          `Cannot re-add previously dropped column '${spec.name}' of type ${type.name}, incompatible with previous type ${before.type.name}`,
        );
      if (before.isStatic !== spec.isStatic)
        throw invalid(
          `Cannot re-add previously dropped ${before.isStatic ? "static" : "regular"} column '${spec.name}' as ${spec.isStatic ? "static" : "regular"}`,
        );
      if (type.isCounter) throw invalid(`Cannot re-add previously dropped counter column ${spec.name}`);
    }
    const others = columns.filter(({ kind }) => kind === "regular" || kind === "static");
    if (others.length > 0 && type.isCounter !== table.isCounter)
      throw invalid("Cannot mix counter and non counter columns in the same table");
    columns.push({
      id: before?.id ?? next++,
      name: spec.name,
      type,
      kind: spec.isStatic ? "static" : "regular",
      position: -1,
      descending: false,
    });
  }
  return context.catalog.putTable(table.with({ columns, nextColumn: next }));
}

/** Whether values of a dropped column's type could still be read as the new one. */
function sameValues(now: CqlType, before: CqlType): boolean {
  if (now.equals(before)) return true;
  if (now.isMultiCell !== before.isMultiCell) return false;
  if (now instanceof ListType || now instanceof SetType || now instanceof MapType) return false;
  return (
    now.name === "blob" ||
    (now.name === "text" && before.name === "ascii") ||
    (now.name === "varint" && ["int", "bigint"].includes(before.name))
  );
}

function dropColumns(
  table: Table,
  change: { readonly columns: readonly string[]; readonly ifExists: boolean; readonly timestamp: string | undefined },
  context: SchemaContext,
): SchemaChange {
  let columns = [...table.facts.columns];
  const dropped = [...table.facts.dropped];
  if (table.compact !== undefined) throw invalid("Cannot drop columns from a COMPACT STORAGE table");
  for (const name of change.columns) {
    const column = columns.find((each) => each.name === name);
    if (column === undefined) {
      if (change.ifExists) continue;
      throw invalid(`Column ${name} was not found in table '${table.fullName}'`);
    }
    if (column.kind === "partition_key" || column.kind === "clustering")
      throw invalid(`Cannot drop PRIMARY KEY column ${name}`);
    const indexes = table.facts.indexes.filter((index) => index.column === name);
    if (indexes.length > 0)
      throw invalid(
        `Cannot drop column ${name} because it has dependent secondary indexes (${indexes.map((index) => index.name).join(", ")})`,
      );
    columns = columns.filter((each) => each !== column);
    const at = dropped.findIndex((each) => each.name === name);
    if (at >= 0) dropped.splice(at, 1);
    const droppedAt = change.timestamp === undefined ? context.timestamp : BigInt(change.timestamp);
    dropped.push({ id: column.id, name, type: column.type, isStatic: column.kind === "static", droppedAt });
    context.dropCells(table, column.id, droppedAt);
  }
  return context.catalog.putTable(table.with({ columns, dropped }));
}

function changeType(
  statement: Extract<SchemaStatement, { kind: "create type" | "alter type" | "drop type" }>,
  context: SchemaContext,
): SchemaChange | undefined {
  const keyspace = keyspaceOf(statement.type, context);
  forbidSystem(keyspace);
  const { catalog } = context;
  const { name } = statement.type;
  if (statement.kind === "create type") {
    needKeyspace(keyspace, context);
    if (catalog.findType(keyspace, name) !== undefined) {
      if (statement.ifNotExists) return undefined;
      throw invalid(`A user type with name '${name}' already exists`);
    }
    const names: string[] = [];
    const types: CqlType[] = [];
    for (const [field, typeName] of statement.fields) {
      if (names.includes(field)) throw invalid(`Duplicate field name '${field}' in type '${name}'`);
      const type = resolveType(typeName, keyspace, catalog.findType);
      checkField(type);
      names.push(field);
      types.push(type);
    }
    return catalog.putType(new UserType(keyspace, name, { names, types }, false));
  }
  const type = catalog.findType(keyspace, name);
  if (type === undefined) {
    if (statement.ifExists) return undefined;
    throw invalid(`Type '${keyspace}.${name}' doesn't exist`);
  }
  if (statement.kind === "drop type") {
    const { tables, types } = catalog.keyspace(keyspace)!;
    const uses = (each: CqlType) =>
      each.references((inner) => inner instanceof UserType && inner.fields === type.fields);
    const userTypes = [...types.values()].filter((each) => each.typeName !== name && uses(each));
    if (userTypes.length > 0)
      throw invalid(
        `Cannot drop user type '${keyspace}.${name}' as it is still used by user types [${userTypes.map((each) => each.typeName).join(", ")}]`,
      );
    const usedBy = [...tables.values()].filter((table) => table.all.some((column) => uses(column.type)));
    if (usedBy.length > 0)
      throw invalid(
        `Cannot drop user type '${keyspace}.${name}' as it is still used by tables [${usedBy.map((each) => each.name).join(", ")}]`,
      );
    return catalog.dropType(type);
  }
  const { change } = statement;
  const { names, types } = type.fields;
  if (change.kind === "alter") throw invalid("Altering field types is no longer supported");
  if (change.kind === "add") {
    if (names.includes(change.field)) {
      if (change.ifNotExists) return undefined;
      throw invalid(
        `Cannot add field ${change.field} to type ${keyspace}.${name}: a field with name ${change.field} already exists`,
      );
    }
    const added = resolveType(change.type, keyspace, catalog.findType);
    checkField(added);
    if (added.references((inner) => inner instanceof UserType && inner.fields === type.fields))
      throw invalid(
        `Cannot add new field ${change.field} of type ${added.name} to user type ${keyspace}.${name} as it would create a circular reference`,
      );
    const keyed = [...catalog.keyspace(keyspace)!.tables.values()].filter((table) =>
      table.partitionKey.some((column) =>
        column.type.references((inner) => inner instanceof UserType && inner.fields === type.fields),
      ),
    );
    if (keyed.length > 0)
      throw invalid(
        `Cannot add new field ${change.field} of type ${added.name} to user type ${keyspace}.${name} as the type is being used in partition key by the following tables: ${keyed.map((table) => table.fullName).join(", ")}`,
      );
    if (
      added.isMultiCell &&
      [...catalog.keyspace(keyspace)!.tables.values()].some((table) =>
        table.all.some(
          (column) => column.type instanceof UserType && !column.type.frozen && column.type.fields === type.fields,
        ),
      )
    )
      throw invalid("Non-frozen UDTs with nested non-frozen collections are not supported");
    names.push(change.field);
    types.push(added);
    return catalog.putType(type);
  }
  const renamed = [...names];
  for (const [from, to] of change.pairs) {
    const at = renamed.indexOf(from);
    if (at < 0) {
      if (change.ifExists) continue;
      throw invalid(`Unkown field ${from} in user type ${keyspace}.${name}`);
    }
    if (renamed.includes(to)) throw invalid(`Duplicate field name ${to} in type ${keyspace}.${name}`);
    renamed[at] = to;
  }
  names.splice(0, names.length, ...renamed);
  return catalog.putType(type);
}

function checkField(type: CqlType): void {
  if (type.isCounter) throw invalid("A user type cannot contain counters");
  if (type instanceof UserType && type.isMultiCell) throw invalid("A user type cannot contain non-frozen UDTs");
}
