/** Runs what was prepared, on a node that coordinates it. */

import type { Cluster } from "./cluster/cluster.js";
import { dataCenter } from "./cluster/cluster.js";
import { checkReadLevel, checkWriteLevel, consistency } from "./cluster/consistency.js";
import type { Node } from "./cluster/node.js";
import type { Reader } from "./cluster/reader.js";
import { type Row, timestampOf } from "./data/cells.js";
import { above, clusteringKey, partitionPrefix, splitKey } from "./data/keys.js";
import type { PartitionChange, Replica } from "./data/replica.js";
import { decodeRow, RowView } from "./data/row.js";
import { type CqlError, invalid } from "./errors.js";
import { checkBatch, type Prepared, type PreparedBatch } from "./prepare.js";
import { columnValue, type RowContext } from "./query/column-values.js";
import type { ConditionalRow, PreparedModification, ReadRow } from "./query/modify.js";
import { type ColumnSpec, type Result, rowsOf, voidResult } from "./query/result.js";
import { type Bound, type Run, unset } from "./query/run.js";
import type { PageOptions } from "./query/scan.js";
import type { Catalog } from "./schema/catalog.js";
import { changeSchema } from "./schema/changes.js";
import { forbidSystem, keyspaceOf, type SchemaContext } from "./schema/context.js";
import { describe } from "./schema/describe.js";
import type { Column, Table } from "./schema/table.js";
import { refusalOf } from "./statements.js";
import { native, type Value } from "./types/type.js";

/** What executions share. */
export interface Engine {
  readonly catalog: Catalog;
  readonly cluster: Cluster;
  readonly clusterName: string;
  readonly now: () => number;
  readonly random: () => number;
  readonly timeUuid: () => Buffer;
  /** Positions before all others of a list. */
  readonly before: () => Buffer;
  /** Microseconds, each greater than the one before. */
  readonly nextTimestamp: () => number;
  /** The rows of a table about the system, as this node tells them. */
  readonly systemReader: (node: Node, table: Table) => Reader;
}

/** How a request wants to be run. */
export interface ExecuteOptions {
  readonly consistency: number;
  readonly serialConsistency: number;
  readonly page: PageOptions;
  /** Microseconds, where the request gives them. */
  readonly timestamp: bigint | undefined;
  readonly keyspace: string | undefined;
  readonly warnings: string[];
}

export function runOf(engine: Engine, values: readonly Bound[], options: ExecuteOptions): Run {
  const nowMs = engine.now();
  return {
    values,
    nowMs,
    now: Math.floor(nowMs / 1000),
    timestamp: options.timestamp === undefined ? engine.nextTimestamp() : timestampOf(options.timestamp),
    timeUuid: engine.timeUuid,
    random: engine.random,
    keyspace: options.keyspace,
    warnings: options.warnings,
  };
}

/** Runs a statement. */
export function execute(
  engine: Engine,
  node: Node,
  prepared: Prepared,
  values: readonly Bound[],
  options: ExecuteOptions,
): Result | Promise<Result> {
  const { plan } = prepared;
  switch (plan.kind) {
    case "select": {
      const { select } = plan;
      const run = runOf(engine, values, options);
      const prefixes = select.prefixes(run);
      checkReadLevel(options.consistency);
      const query = (reader: Reader): Result | Promise<Result> => {
        const result = select.execute(reader, run, options.page, prefixes);
        const finished = reader.finish?.();
        return finished instanceof Promise ? finished.then(() => result) : result;
      };
      const { table } = select;
      if (table.isVirtual) return query(engine.systemReader(node, table));
      const reader = engine.cluster.reader(node, table, readLevel(options.consistency), prefixes);
      return reader instanceof Promise ? reader.then(query) : query(reader);
    }
    case "modify":
      return modify(engine, node, [{ modification: plan.modification, values }], undefined, options);
    case "batch":
      return batch(
        engine,
        node,
        plan,
        plan.statements.map(() => values),
        options,
      );
    case "other":
      return other(engine, plan.statement, options);
    default: {
      const never: never = plan;
      throw new Error(`not a plan: ${String(never)}`);
    }
  }
}

/** A serial read sees what conditional writes have settled: a majority does, since they write to one. */
function readLevel(level: number): number {
  return level === consistency.serial || level === consistency.localSerial ? consistency.quorum : level;
}

interface Bindings {
  readonly modification: PreparedModification;
  readonly values: readonly Bound[];
}

const warnBytes = 5 * 1024;
const failBytes = 50 * 1024;

function sizeOf(change: PartitionChange): number {
  let size = change.prefix.length;
  const row = (each: Row): void => {
    for (const cell of each.cells.values()) {
      if ("cells" in cell) for (const part of cell.cells.values()) size += 16 + (part.value?.length ?? 0);
      else size += 16 + (cell.value?.length ?? 0);
    }
  };
  if (change.staticRow !== undefined) row(change.staticRow);
  for (const each of change.rows) {
    size += each.key.length;
    row(each.row);
  }
  return size;
}

/** A BATCH, of the protocol or of CQL. */
export function batch(
  engine: Engine,
  node: Node,
  plan: PreparedBatch,
  values: readonly (readonly Bound[])[],
  options: ExecuteOptions,
): Result | Promise<Result> {
  checkBatch(plan);
  if (plan.statements.length === 0) return voidResult;
  const bindings = plan.statements.map((modification, at) => ({ modification, values: values[at]! }));
  let timestamp: bigint | undefined;
  if (plan.timestamp !== undefined) {
    const value = plan.timestamp.evaluate(runOf(engine, values[0] ?? [], options));
    if (value === null) throw invalid("Invalid null value of timestamp");
    if (value !== unset) timestamp = value.readBigInt64BE(0);
  }
  return modify(engine, node, bindings, plan, { ...options, timestamp: timestamp ?? options.timestamp });
}

function checkBatchSize(changes: readonly PartitionChange[], plan: PreparedBatch, warnings: string[]): void {
  const partitions = new Set(changes.map((change) => `${change.table.fullName} ${change.prefix}`));
  if (partitions.size <= 1) return;
  const size = changes.reduce((sum, change) => sum + sizeOf(change), 0);
  const names = [...new Set(changes.map((change) => change.table.fullName))].join(", ");
  const shown = (bytes: number) => `${(bytes / 1024).toFixed(3)}KiB`;
  if (size > failBytes) throw invalid("Batch too large");
  if (size > warnBytes)
    warnings.push(
      `Batch for [${names}] is of size ${shown(size)}, exceeding specified threshold of 5KiB by ${shown(size - warnBytes)}.`,
    );
  if (plan.type === "unlogged" && partitions.size > 10)
    warnings.push(
      `Unlogged batch covering ${partitions.size} partitions detected against table${names.includes(",") ? "s" : ""} [${names}]. You should use a logged batch for atomicity, or asynchronous writes for performance.`,
    );
}

function modify(
  engine: Engine,
  node: Node,
  bindings: readonly Bindings[],
  plan: PreparedBatch | undefined,
  options: ExecuteOptions,
): Result | Promise<Result> {
  checkWriteLevel(options.consistency);
  const first = runOf(engine, bindings[0]!.values, options);
  const runs = bindings.map(({ values }, at) => (at === 0 ? first : { ...first, values }));
  if (bindings.some(({ modification }) => modification.isConditional))
    return conditional(engine, node, bindings, runs, plan !== undefined, options);
  const { cluster } = engine;
  const changesWith = (read: ReadRow): PartitionChange[] =>
    bindings.length === 1
      ? bindings[0]!.modification.changes(runs[0]!, read, engine.before)
      : bindings.flatMap(({ modification }, at) => modification.changes(runs[at]!, read, engine.before));
  const send = (changes: PartitionChange[]): Result | Promise<Result> => {
    if (plan !== undefined) checkBatchSize(changes, plan, options.warnings);
    const isCounter = bindings[0]!.modification.isCounter;
    // Deletions of counters are no increments.
    const isIncrement = (change: PartitionChange): boolean =>
      isCounter && change.deletions === undefined && !deletes(change);
    const increments = changes.filter(isIncrement);
    const others = changes.filter((change) => !isIncrement(change));
    const waits = [
      increments.length > 0 && cluster.writeCounters(node, increments, options.consistency),
      others.length > 0 && cluster.write(node, others, options.consistency, writeTypeOf(plan)),
    ].filter((done) => done instanceof Promise);
    return waits.length > 0 ? Promise.all(waits).then(() => voidResult) : voidResult;
  };
  if (!bindings.some(({ modification }) => modification.reads)) return send(changesWith(() => undefined));
  // Lists are read before they are written.
  const readers = new Map<Table, Reader>();
  const waits: Promise<void>[] = [];
  bindings.forEach(({ modification }, at) => {
    const { table } = modification;
    if (!modification.reads || readers.has(table)) return;
    const prefixes = modification.restrictions.partitionKeys(runs[at]!)!.map(partitionPrefix);
    const reader = cluster.reader(
      node,
      table,
      readLevel(options.consistency === consistency.any ? consistency.one : options.consistency),
      prefixes,
    );
    if (reader instanceof Promise) waits.push(reader.then((settled) => void readers.set(table, settled)));
    else readers.set(table, reader);
  });
  const run = (): Result | Promise<Result> => send(changesWith(readRow(readers)));
  return waits.length === 0 ? run() : Promise.all(waits).then(run);
}

/** What an error of a write calls it. */
function writeTypeOf(plan: PreparedBatch | undefined): string {
  if (plan === undefined) return "SIMPLE";
  return { logged: "BATCH", counter: "COUNTER", unlogged: "UNLOGGED_BATCH" }[plan.type];
}

function deletes(change: PartitionChange): boolean {
  const gone = (row: Row): boolean =>
    row.deletion !== undefined || [...row.cells.values()].some((cell) => !("cells" in cell) && cell.value === null);
  return (change.staticRow !== undefined && gone(change.staticRow)) || change.rows.some(({ row }) => gone(row));
}

function readRow(readers: ReadonlyMap<Table, Reader>): ReadRow {
  return (table, prefix, clustering) => {
    const bytes = readers.get(table)?.get(prefix, clustering);
    return bytes === undefined ? undefined : decodeRow(bytes, clustering === undefined ? 0 : table.clustering.length);
  };
}

interface ConditionalContext extends RowContext {
  readonly found: boolean;
  /** Whether only static columns are meant. */
  readonly isStatic: boolean;
}

/** A row as conditions see it. */
function contextOf(table: Table, run: Run, reader: Reader, row: ConditionalRow): ConditionalContext {
  const columns = table.facts.nextColumn;
  const statics = new RowView(columns, 0, table.present);
  const view = new RowView(columns, table.clustering.length, table.present);
  const staticBytes = table.statics.length > 0 ? reader.get(row.prefix, undefined) : undefined;
  if (staticBytes !== undefined) statics.open(staticBytes, run.now);
  const bytes =
    row.clustering === undefined ? undefined : reader.get(row.prefix, clusteringKey(table.clustering, row.clustering));
  if (bytes !== undefined) view.open(bytes, run.now);
  return {
    run,
    table,
    partitionKey: splitKey(row.partitionKey, table.partitionKey.length),
    row: view,
    hasRow: view.exists,
    statics,
    aggregates: [],
    found: row.clustering === undefined ? statics.exists : view.exists,
    isStatic: row.clustering === undefined,
  };
}

function conditional(
  engine: Engine,
  node: Node,
  bindings: readonly Bindings[],
  runs: readonly Run[],
  isBatch: boolean,
  options: ExecuteOptions,
): Result | Promise<Result> {
  const { table } = bindings[0]!.modification;
  const rows = bindings.map(({ modification }, at) => modification.conditionalRow(runs[at]!));
  const [{ prefix }] = rows as [ConditionalRow];
  if (rows.some((row) => row.prefix !== prefix)) throw invalid("Batch with conditions cannot span multiple partitions");
  checkMixedConditions(table, bindings, rows);
  const serial = options.serialConsistency;
  return engine.cluster.compareAndSet(node, table, prefix, serial, options.consistency, (reader) => {
    let applied = true;
    const shown: { modification: PreparedModification; context: ConditionalContext }[] = [];
    bindings.forEach(({ modification }, at) => {
      if (!modification.isConditional) return;
      const context = contextOf(table, runs[at]!, reader, rows[at]!);
      shown.push({ modification, context });
      if (!holds(modification, context)) applied = false;
    });
    if (!applied) {
      const first = shown[0]!;
      // With conditions on static columns alone, the first row of the partition is looked at.
      if (rows[0] !== undefined && shown.every(({ context }) => !context.hasRow && context.isStatic)) {
        const cursor = reader.rows(prefix, "", above, false);
        while (!first.context.hasRow && cursor.next()) {
          first.context.row.open(cursor.value, first.context.run.now);
          first.context.hasRow = first.context.row.exists;
        }
      }
      return { changes: [], result: refusedRows(table, shown, isBatch) };
    }
    // What is written is later than what was read.
    const read = readRow(new Map([[table, reader]]));
    const changes = bindings.flatMap(({ modification }, at) => modification.changes(runs[at]!, read, engine.before));
    return { changes, result: rowsOf([appliedSpec(table)], [[Buffer.from([1])]]) };
  });
}

/** One row has conditions of one kind. */
function checkMixedConditions(table: Table, bindings: readonly Bindings[], rows: readonly ConditionalRow[]): void {
  if (bindings.length === 1) return;
  const kinds = new Map<string, string>();
  bindings.forEach(({ modification }, at) => {
    if (!modification.isConditional) return;
    const kind = modification.ifNotExists ? "IF NOT EXISTS" : modification.ifExists ? "IF EXISTS" : "IF conditions";
    const { clustering } = rows[at]!;
    const key = clustering === undefined ? "static" : clusteringKey(table.clustering, clustering);
    const before = kinds.get(key);
    if (before !== undefined && before !== kind) {
      const both = [before, kind];
      if (both.includes("IF conditions"))
        throw invalid(`Cannot mix IF conditions and ${both.find((each) => each !== "IF conditions")} for the same row`);
      throw invalid("Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row");
    }
    kinds.set(key, kind);
  });
}

function holds(modification: PreparedModification, context: RowContext & { readonly found: boolean }): boolean {
  if (modification.ifNotExists) return !context.found;
  if (modification.ifExists) return context.found;
  return modification.conditions.every((condition) => condition.holds(context));
}

function appliedSpec(table: Table): ColumnSpec {
  return { keyspace: table.keyspace, table: table.name, name: "[applied]", type: native("boolean") };
}

/** The answer where the conditions do not hold: the rows as they are. */
function refusedRows(
  table: Table,
  shown: readonly { readonly modification: PreparedModification; readonly context: ConditionalContext }[],
  isBatch: boolean,
): Result {
  const no = Buffer.from([0]);
  const anyExists = shown.some(({ modification }) => modification.conditions.length === 0);
  // Those of each statement's conditions in the order in which they are asked, static ones last.
  const asked = [...new Set(shown.flatMap(({ modification }) => staticsLast(modification.conditions)))];
  const keys = [...table.partitionKey, ...table.clustering];
  const columns: readonly Column[] = anyExists ? table.all : isBatch ? [...keys, ...asked] : asked;
  const readsStatics = shown.some(({ modification }) => modification.touchesStatics);
  let present = shown.filter(({ context }) => context.hasRow);
  // Static columns alone are a row where no other is there.
  if (present.length === 0 && readsStatics) present = shown.filter(({ context }) => context.statics.exists).slice(0, 1);
  const seen = new Set<string>();
  const rows: Value[][] = [];
  for (const { context } of present) {
    const key = context.hasRow
      ? context.table.clustering.map((_, at) => context.row.clustering(at)?.toString("latin1")).join("\0")
      : "";
    if (seen.has(key)) continue;
    seen.add(key);
    rows.push([
      no,
      ...columns.map((column) => (column.kind === "static" && !readsStatics ? null : columnValue(column, context))),
    ]);
  }
  if (rows.length === 0) return rowsOf([appliedSpec(table)], [[no]]);
  const specs = columns.map(
    (column): ColumnSpec => ({ keyspace: table.keyspace, table: table.name, name: column.name, type: column.type }),
  );
  return rowsOf([appliedSpec(table), ...specs], rows);
}

function staticsLast(conditions: PreparedModification["conditions"]): readonly Column[] {
  const columns = conditions.map(({ column }) => column);
  return [...columns.filter(({ kind }) => kind !== "static"), ...columns.filter(({ kind }) => kind === "static")];
}

function other(
  engine: Engine,
  statement: Extract<Prepared["plan"], { kind: "other" }>["statement"],
  options: ExecuteOptions,
): Result | Promise<Result> {
  const { catalog, cluster } = engine;
  switch (statement.kind) {
    case "use": {
      if (catalog.keyspace(statement.keyspace) === undefined)
        throw invalid(`Keyspace '${statement.keyspace}' does not exist`);
      return { kind: "keyspace", keyspace: statement.keyspace };
    }
    case "truncate": {
      const keyspace = keyspaceOf(statement.table, options);
      forbidSystem(keyspace);
      const table = catalog.table(keyspace, statement.table.name);
      return settled(engine, dropData(cluster, table), voidResult);
    }
    case "describe":
      return describe(statement, catalog, options.keyspace, engine.clusterName);
    case "refused": {
      const error: CqlError | undefined = refusalOf(statement);
      if (error !== undefined) throw error;
      return voidResult;
    }
    default: {
      const waits: Promise<void>[] = [];
      const everywhere = (change: (replica: Replica) => void): void => {
        for (const { replica } of cluster.nodes) {
          const done = replica.store.write(() => change(replica));
          if (done instanceof Promise) waits.push(done);
        }
      };
      const context: SchemaContext = {
        catalog,
        keyspace: options.keyspace,
        dataCenter,
        warnings: options.warnings,
        newId: engine.timeUuid,
        timestamp: BigInt(engine.nextTimestamp()),
        dropCells: (table, column, until) => everywhere((replica) => replica.dropCells(table, column, until)),
        buildIndex: (table, index) => everywhere((replica) => replica.buildIndex(table, index)),
        dropIndexData: (index) => everywhere((replica) => replica.store.dropTree(index.tree)),
        dropData: (table) => {
          const done = dropData(cluster, table);
          if (done instanceof Promise) waits.push(done);
        },
      };
      const change = changeSchema(statement, context);
      const result: Result = change === undefined ? voidResult : { kind: "schema change", change };
      return settled(engine, waits.length === 0 ? undefined : Promise.all(waits).then(() => {}), result);
    }
  }
}

/** The schema is kept before its change is acknowledged. */
function settled(engine: Engine, done: void | Promise<void>, result: Result): Result | Promise<Result> {
  const { store } = engine.cluster.nodes[0]!.replica;
  if (!store.durable) return done instanceof Promise ? done.then(() => result) : result;
  return Promise.all([done, store.committed()]).then(() => result);
}

function dropData(cluster: Cluster, table: Table): void | Promise<void> {
  const waits: Promise<void>[] = [];
  for (const { replica } of cluster.nodes) {
    const done = replica.store.write(() => replica.truncate(table));
    if (done instanceof Promise) waits.push(done);
  }
  if (waits.length > 0) return Promise.all(waits).then(() => {});
}
