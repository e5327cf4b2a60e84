/** From a statement's text to what can be run. */
import { createHash } from "node:crypto";
import type { BatchStatement, Modification, Statement, TableName } from "./cql/ast.js";
import { parse } from "./cql/parser.js";
import { invalid, unauthorized } from "./errors.js";
import { FunctionResolver } from "./query/functions/resolve.js";
import { PreparedModification } from "./query/modify.js";
import type { ColumnSpec } from "./query/result.js";
import { PreparedSelect } from "./query/select.js";
import { type BoundTerm, type Preparing, prepareTerm, type Receiver } from "./query/terms.js";
import type { Catalog } from "./schema/catalog.js";
import { keyspaceOf } from "./schema/context.js";
import { systemNames } from "./schema/system-schema.js";
import type { Table } from "./schema/table.js";
import { resolveType } from "./schema/types.js";
import { native } from "./types/type.js";

export interface PreparedBatch {
  readonly kind: "batch";
  readonly type: BatchStatement["type"];
  readonly timestamp: BoundTerm | undefined;
  readonly statements: readonly PreparedModification[];
}

/** What can be run. */
export type Plan =
  | { readonly kind: "select"; readonly select: PreparedSelect }
  | { readonly kind: "modify"; readonly modification: PreparedModification }
  | PreparedBatch
  | { readonly kind: "other"; readonly statement: Exclude<Statement, { kind: "select" | "batch" } | Modification> };

/** A statement with everything that is known before it runs. */
export interface Prepared {
  readonly id: Buffer;
  readonly text: string;
  readonly keyspace: string | undefined;
  readonly plan: Plan;
  readonly markers: readonly ColumnSpec[];
  readonly markerNames: readonly (string | undefined)[];
  /** Which markers are the partition key; empty where not all of it is. */
  readonly keyMarkers: readonly number[];
  /** The table it is about, for those who watch. */
  readonly table: Table | undefined;
  /** The state of the schema that it was made for. */
  readonly changes: number;
}

const functions = new FunctionResolver();

function preparing(
  catalog: Catalog,
  keyspace: string | undefined,
  markers: (Receiver | undefined)[],
  table?: Table,
): Preparing {
  return {
    keyspace,
    markers,
    functions,
    resolveType: (name, in_) => resolveType(name, in_, catalog.findType),
    ...(table === undefined ? {} : { partitionKey: table.partitionKey.map((column) => column.type) }),
  };
}

function tableOf(catalog: Catalog, name: TableName, keyspace: string | undefined): Table {
  return catalog.table(keyspaceOf(name, { keyspace }), name.name);
}

function modification(
  statement: Modification,
  catalog: Catalog,
  keyspace: string | undefined,
  markers: (Receiver | undefined)[],
): PreparedModification {
  const in_ = keyspaceOf(statement.table, { keyspace });
  if (systemNames.includes(in_)) throw unauthorized(`${in_} keyspace is not user-modifiable.`);
  const table = catalog.table(in_, statement.table.name);
  if (statement.kind === "insert" && statement.json !== undefined)
    throw invalid("JSON is not supported by the embedded engine");
  return new PreparedModification(statement, table, preparing(catalog, in_, markers, table));
}

function planOf(
  statement: Statement,
  catalog: Catalog,
  keyspace: string | undefined,
  markers: (Receiver | undefined)[],
): Plan {
  switch (statement.kind) {
    case "select": {
      if (statement.json) throw invalid("JSON is not supported by the embedded engine");
      const table = tableOf(catalog, statement.table, keyspace);
      return {
        kind: "select",
        select: new PreparedSelect(statement, table, preparing(catalog, table.keyspace, markers, table)),
      };
    }
    case "insert":
    case "update":
    case "delete":
      return { kind: "modify", modification: modification(statement, catalog, keyspace, markers) };
    case "batch": {
      const timestamp =
        statement.using.timestamp === undefined
          ? undefined
          : prepareTerm(
              statement.using.timestamp,
              { keyspace: keyspace ?? "", table: "", name: "[timestamp]", type: native("bigint") },
              preparing(catalog, keyspace, markers),
            );
      const statements = statement.statements.map((each) => modification(each, catalog, keyspace, markers));
      const batch: PreparedBatch = { kind: "batch", type: statement.type, timestamp, statements };
      checkBatch(batch);
      return batch;
    }
    default:
      return { kind: "other", statement };
  }
}

/** What a batch may hold. */
export function checkBatch(batch: PreparedBatch): void {
  const { type, statements, timestamp } = batch;
  if (timestamp !== undefined) {
    if (type === "counter") throw invalid("Cannot provide custom timestamp for counter BATCH");
    if (statements.some((each) => each.isConditional))
      throw invalid("Cannot provide custom timestamp for conditional BATCH");
    if (statements.some((each) => each.hasTimestamp))
      throw invalid("Timestamp must be set either on BATCH or individual statements");
  }
  const counters = statements.some((each) => each.isCounter);
  const others = statements.some((each) => !each.isCounter);
  if (type === "counter" && others) throw invalid("Cannot include non-counter statement in a counter batch");
  if (counters && type === "logged") throw invalid("Cannot include a counter statement in a logged batch");
  if (counters && others) throw invalid("Counter and non-counter mutations cannot exist in the same batch");
  const conditional = statements.filter((each) => each.isConditional);
  if (conditional.length > 0) {
    if (new Set(statements.map((each) => each.table.fullName)).size > 1)
      throw invalid("Batch with conditions cannot span multiple tables");
  }
}

function keyMarkersOf(table: Table | undefined, markers: readonly ColumnSpec[]): number[] {
  if (table === undefined) return [];
  const found = table.partitionKey.map((column) =>
    markers.findIndex(
      (marker) => marker.name === column.name && marker.table === table.name && marker.keyspace === table.keyspace,
    ),
  );
  return found.includes(-1) ? [] : found;
}

/** The id of a statement: the same text in the same keyspace has the same one on every node. */
export function idOf(text: string, keyspace: string | undefined): Buffer {
  return createHash("md5")
    .update(`${keyspace ?? ""}${text}`)
    .digest();
}

/** Reads a statement, and puts names and types to it. Throws what is wrong with it. */
export function prepare(text: string, keyspace: string | undefined, catalog: Catalog): Prepared {
  const { statement, markers: names } = parse(text);
  const receivers: (Receiver | undefined)[] = names.map(() => undefined);
  const plan = planOf(statement, catalog, keyspace, receivers);
  const markers = receivers.map((receiver, at): ColumnSpec => {
    if (receiver === undefined) throw invalid(`Invalid bind variable number ${at}`);
    const name = names[at];
    // A named marker is shown by its own name, but for what drivers look up by the column's.
    return name === undefined ? receiver : { ...receiver, name };
  });
  const table =
    plan.kind === "select"
      ? plan.select.table
      : plan.kind === "modify"
        ? plan.modification.table
        : plan.kind === "batch"
          ? plan.statements[0]?.table
          : undefined;
  return {
    id: idOf(text, keyspace),
    text,
    keyspace,
    plan,
    markers,
    markerNames: names,
    keyMarkers:
      plan.kind === "batch" && plan.statements.some((each) => each.table !== table)
        ? []
        : keyMarkersOf(table, receivers as Receiver[]),
    table,
    changes: catalog.changes,
  };
}
