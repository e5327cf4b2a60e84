/** INSERT, UPDATE, DELETE: names and types first; then changes of partitions. */

import type { Modification, Relation, Term } from "../cql/ast.js";
import { emptyRow, isParts, never, type Row, type Timestamp, timestampOf } from "../data/cells.js";
import { above, clusteringKey, longestKey, partitionPrefix } from "../data/keys.js";
import type { PartitionChange, RowChange } from "../data/replica.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import { native, SetType, type Value } from "../types/type.js";
import type { WriteContext } from "./cell-changes.js";
import { type PreparedCondition, prepareCondition } from "./conditions.js";
import { assignment, deletion, type Operation, setColumn } from "./operations.js";
import { Restrictions } from "./restrictions.js";
import { type Run, unset } from "./run.js";
import { type BoundTerm, type Preparing, prepareTerm } from "./terms.js";

const longestTtl = 630_720_000;

/** Reads a row as it is, for operations that need it; with `clustering` undefined the static one. */
export type ReadRow = (table: Table, prefix: string, clustering: string | undefined) => Row | undefined;

/** The row that a conditional statement is about. */
export interface ConditionalRow {
  readonly prefix: string;
  readonly partitionKey: Buffer;
  /** None where only static columns are meant. */
  readonly clustering: readonly Value[] | undefined;
}

const longestIndexed = 65_535;

/** An index cannot hold every value. */
function checkIndexed({ table, rows, staticRow }: PartitionChange): void {
  for (const index of table.facts.indexes) {
    const column = table.columns.get(index.column)!;
    const check = (size: number): void => {
      if (size > longestIndexed)
        throw invalid(
          `Cannot index value of size ${size} for index ${index.name} on ${table.fullName}(${column.name}) (maximum allowed size=${longestIndexed})`,
        );
    };
    for (const row of [...rows.map((each) => each.row), ...(staticRow === undefined ? [] : [staticRow])]) {
      const cell = row.cells.get(column.id);
      if (cell === undefined) continue;
      if (!isParts(cell)) {
        check(cell.value?.length ?? 0);
        continue;
      }
      for (const [path, part] of cell.cells) {
        const isKey = index.of === "keys" || column.type instanceof SetType;
        const value = part.value?.length ?? 0;
        check(index.of === "entries" ? path.length + value : isKey ? path.length : value);
      }
    }
  }
}

export class PreparedModification {
  readonly table: Table;
  readonly kind: Modification["kind"];
  readonly restrictions: Restrictions;
  readonly #operations: readonly Operation[];
  readonly #regular: readonly Operation[];
  readonly #static: readonly Operation[];
  readonly #timestamp: BoundTerm | undefined;
  readonly #ttl: BoundTerm | undefined;
  readonly ifNotExists: boolean;
  readonly ifExists: boolean;
  readonly conditions: readonly PreparedCondition[];
  /** Whether it needs rows as they are. */
  readonly reads: boolean;
  readonly #onlyStatics: boolean;

  constructor(statement: Modification, table: Table, prepare: Preparing) {
    this.table = table;
    this.kind = statement.kind;
    const { using, condition } = statement;
    let where: readonly Relation[];
    if (statement.kind === "insert") {
      const { operations, relations } = this.#insert(statement, prepare);
      this.#operations = operations;
      where = relations;
    } else {
      this.#operations =
        statement.kind === "update"
          ? statement.assignments.map((each) => {
              const column = this.#column(each.column);
              if (column.kind === "partition_key" || column.kind === "clustering")
                throw invalid(`PRIMARY KEY part ${column.name} found in SET part`);
              return assignment(each, column, table, prepare);
            })
          : statement.deletions.map((each) => {
              const column = this.#column(each.column);
              if (column.kind === "partition_key" || column.kind === "clustering")
                throw invalid(`Invalid identifier ${column.name} for deletion (should not be a PRIMARY KEY part)`);
              return deletion(each, column, table, prepare);
            });
      where = statement.where;
    }
    this.#regular = this.#operations.filter(({ column }) => column.kind === "regular");
    this.#static = this.#operations.filter(({ column }) => column.kind === "static");
    this.reads = this.#operations.some(({ reads }) => reads);
    const hasConditions = condition?.kind === "conditions";
    const conditionColumns = hasConditions ? condition.conditions.map((each) => table.columns.get(each.column)) : [];
    const staticsOnly =
      this.#static.length > 0 &&
      this.#regular.length === 0 &&
      (conditionColumns.length === 0 || conditionColumns.every((column) => column?.kind === "static"));
    const clusteringGiven = where.some(
      (relation) =>
        relation.kind !== "token" &&
        (relation.kind === "multi" || table.columns.get(relation.column)?.kind === "clustering"),
    );
    const insertsStaticsOnly =
      statement.kind === "insert" && this.#static.length > 0 && this.#regular.length === 0 && !clusteringGiven;
    this.#onlyStatics = statement.kind === "insert" ? insertsStaticsOnly : staticsOnly;
    this.restrictions = new Restrictions(table, where, prepare, {
      kind: statement.kind === "delete" ? "delete" : "update",
      allowFiltering: false,
      selectsOnlyStatics: this.#onlyStatics,
      isDistinct: false,
    });
    if (this.#onlyStatics && statement.kind !== "insert" && this.restrictions.hasClustering)
      throw invalid(
        `Invalid restrictions on clustering columns since the ${statement.kind.toUpperCase()} statement modifies only static columns`,
      );
    if (statement.kind === "delete" && !this.#onlyStatics)
      this.#checkDeletion(hasConditions || condition !== undefined);
    const of = (name: string) => ({ keyspace: table.keyspace, table: table.name, name });
    this.ifNotExists = condition?.kind === "not exists";
    this.ifExists = condition?.kind === "exists";
    this.conditions = hasConditions ? condition.conditions.map((each) => prepareCondition(each, table, prepare)) : [];
    this.#timestamp =
      using.timestamp === undefined
        ? undefined
        : prepareTerm(using.timestamp, { ...of("[timestamp]"), type: native("bigint") }, prepare);
    this.#ttl =
      using.ttl === undefined ? undefined : prepareTerm(using.ttl, { ...of("[ttl]"), type: native("int") }, prepare);
    if (table.isCounter) {
      if (using.timestamp !== undefined) throw invalid("Cannot provide custom timestamp for counter updates");
      if (using.ttl !== undefined) throw invalid("Cannot provide custom TTL for counter updates");
      if (condition !== undefined) throw invalid("Conditional updates are not supported on counter tables");
      if (statement.kind === "insert")
        throw invalid("INSERT statements are not allowed on counter tables, use UPDATE instead");
    }
    if (this.isConditional) this.#checkConditional();
    const [mandatory] = table.regulars;
    if (statement.kind === "insert" && table.compact === "dense" && mandatory !== undefined) {
      if (!this.#operations.some(({ column }) => column === mandatory))
        throw invalid(`Column ${mandatory.name} is mandatory for this COMPACT STORAGE table`);
    }
  }

  #column(name: string): Column {
    const column = this.table.columns.get(name);
    if (column === undefined) throw invalid(`Undefined column name ${name} in table ${this.table.fullName}`);
    return column;
  }

  #insert(
    statement: Extract<Modification, { kind: "insert" }>,
    prepare: Preparing,
  ): { operations: Operation[]; relations: Relation[] } {
    const { table } = this;
    const { columns, values } = statement;
    if (columns.length !== values.length) throw invalid("Unmatched column names/values");
    if (new Set(columns).size !== columns.length) throw invalid("The column names contains duplicates");
    if (table.isCounter) throw invalid("INSERT statements are not allowed on counter tables, use UPDATE instead");
    const operations: Operation[] = [];
    const relations: Relation[] = [];
    columns.forEach((name, at) => {
      const column = this.#column(name);
      const value: Term = values[at]!;
      if (column.kind === "partition_key" || column.kind === "clustering")
        relations.push({ kind: "single", column: name, operator: "=", value });
      else
        operations.push(
          setColumn(
            column,
            prepareTerm(value, { keyspace: table.keyspace, table: table.name, name, type: column.type }, prepare),
          ),
        );
    });
    return { operations, relations };
  }

  /** Whether each row that it deletes from is named. */
  get #namesRows(): boolean {
    const { table, restrictions } = this;
    const exact = (kind: string): boolean => kind === "eq" || kind === "in";
    return (
      restrictions.clustering.every((each) => exact(each.kind)) &&
      table.clustering.every((column) => restrictions.clustering.some((each) => each.columns.includes(column)))
    );
  }

  #checkDeletion(conditional: boolean): void {
    const { table, restrictions } = this;
    if (this.#namesRows) return;
    const all = "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to";
    const deletesRegular = this.#regular.length > 0 || this.#operations.length === 0;
    if (conditional && deletesRegular) throw invalid(`${all} delete non static columns`);
    if (this.#regular.length === 0) return;
    const sliced = restrictions.clustering.some((each) => each.kind === "slice");
    if (table.compact === "dense" && restrictions.hasClustering && !sliced) return;
    throw invalid("Range deletions are not supported for specific columns");
  }

  #checkConditional(): void {
    const what = this.kind === "delete" ? "deletions" : "updates";
    const { restrictions } = this;
    if (this.#timestamp !== undefined) throw invalid("Cannot provide custom timestamp for conditional updates");
    if (restrictions.hasKeyIn) throw invalid(`IN on the partition key is not supported with conditional ${what}`);
    if (restrictions.hasClusteringIn)
      throw invalid(`IN on the clustering key columns is not supported with conditional ${what}`);
    if (this.kind !== "delete" || this.#namesRows) return;
    if (this.conditions.some(({ column }) => column.kind !== "static"))
      throw invalid(
        "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to use IF condition on non static columns",
      );
  }

  get isConditional(): boolean {
    return this.ifNotExists || this.ifExists || this.conditions.length > 0;
  }

  get isCounter(): boolean {
    return this.table.isCounter;
  }

  get hasTimestamp(): boolean {
    return this.#timestamp !== undefined;
  }

  /** Whether its conditions look at static columns, or it changes some. */
  get touchesStatics(): boolean {
    return this.#static.length > 0 || this.conditions.some(({ column }) => column.kind === "static");
  }

  #timestampFor(run: Run, given: Timestamp | undefined): Timestamp {
    if (this.#timestamp === undefined) return given ?? run.timestamp;
    const value = this.#timestamp.evaluate(run);
    if (value === unset) return given ?? run.timestamp;
    if (value === null || value.length === 0) throw invalid("Invalid null value of timestamp");
    const timestamp = value.readBigInt64BE(0);
    if (timestamp === -0x8000000000000000n)
      throw invalid("Out of bound timestamp, must be greater than -9223372036854775808");
    return timestampOf(timestamp);
  }

  #ttlFor(run: Run): number {
    const { defaultTtl } = this.table;
    if (this.#ttl === undefined) return this.kind === "delete" ? 0 : defaultTtl;
    const value = this.#ttl.evaluate(run);
    if (value === unset) return defaultTtl;
    if (value === null || value.length === 0) return 0;
    const ttl = value.readInt32BE(0);
    if (ttl < 0) throw invalid(`A TTL must be greater or equal to 0, but was ${ttl}`);
    if (ttl > longestTtl) throw invalid(`ttl is too large. requested (${ttl}) maximum (${longestTtl})`);
    return ttl;
  }

  /** The row that its conditions are about. */
  conditionalRow(run: Run): ConditionalRow {
    const [key] = this.restrictions.partitionKeys(run)!;
    const partitionKey = key!;
    const complete = this.table.clustering.every((column) => this.restrictions.isFixed(column));
    const useRow = complete && !(this.#onlyStatics && this.table.clustering.length > 0);
    const clustering = useRow ? this.#rowKeys(run)![0] : undefined;
    return { prefix: partitionPrefix(partitionKey), partitionKey, clustering };
  }

  #rowKeys(run: Run): Value[][] | undefined {
    const keys = this.restrictions.rowKeys(run);
    if (keys === undefined) return undefined;
    if (this.kind === "delete") return keys;
    const { table } = this;
    for (const key of keys) {
      const size = key.reduce((sum, value) => sum + (value?.length ?? 0), 0);
      if (size > longestKey) throw invalid(`Key length of ${size} is longer than maximum of 65535`);
      if (table.compact === "dense" && table.clustering.length === 1 && key[0]?.length === 0)
        throw invalid(`Invalid empty or null value for column ${table.clustering[0]!.name}`);
    }
    return keys;
  }

  /** What it changes. `given` is the timestamp of the batch that it is in. */
  changes(run: Run, read: ReadRow, before: () => Buffer, given?: Timestamp): PartitionChange[] {
    const { table } = this;
    const timestamp = this.#timestampFor(run, given);
    const ttl = this.#ttlFor(run);
    const keys = this.restrictions.partitionKeys(run)!;
    const changes: PartitionChange[] = [];
    for (const key of keys) {
      const prefix = partitionPrefix(key);
      const context = (clustering: string | undefined): WriteContext => ({
        run,
        timestamp,
        ttl,
        before,
        current: this.reads ? read(table, prefix, clustering) : undefined,
      });
      let staticRow: Row | undefined;
      if (this.#static.length > 0) {
        staticRow = emptyRow();
        const write = context(undefined);
        for (const operation of this.#static) operation.apply(staticRow, write);
      }
      if (this.kind === "delete" && this.#operations.length === 0) {
        changes.push(this.#wholeDeletion(prefix, run, timestamp));
        continue;
      }
      if (this.#onlyStatics) {
        changes.push({ table, prefix, rows: [], ...(staticRow === undefined ? {} : { staticRow }) });
        continue;
      }
      const rows: RowChange[] = [];
      if (this.kind !== "delete" || this.#regular.length > 0) {
        for (const values of this.#rowKeys(run)!) {
          const clustering = this.#padded(values);
          const rowKey = clusteringKey(table.clustering, clustering);
          const row = emptyRow();
          if (this.kind === "insert" && table.compact === undefined)
            row.liveness = { timestamp, ttl, deletedAt: ttl === 0 ? never : run.now + ttl };
          const write = context(rowKey);
          for (const operation of this.#regular) operation.apply(row, write);
          if (this.kind === "insert" && table.compact === "dense" && table.regulars.length === 0)
            row.liveness = { timestamp, ttl, deletedAt: ttl === 0 ? never : run.now + ttl };
          rows.push({ key: rowKey, clustering, row });
        }
      }
      changes.push({ table, prefix, rows, ...(staticRow === undefined ? {} : { staticRow }) });
    }
    if (table.facts.indexes.length > 0) for (const change of changes) checkIndexed(change);
    return changes;
  }

  /** Compact tables may be given fewer clustering values than they have. */
  #padded(values: readonly Value[]): readonly Value[] {
    const count = this.table.clustering.length;
    if (values.length === count) return values;
    return [...values, ...Array<null>(count - values.length).fill(null)];
  }

  /** A DELETE without columns: a partition, rows or ranges of them. */
  #wholeDeletion(prefix: string, run: Run, timestamp: Timestamp): PartitionChange {
    const { table, restrictions } = this;
    const gone = { timestamp, deletedAt: run.now };
    if (!restrictions.hasClustering && table.clustering.length > 0)
      return { table, prefix, rows: [], deletions: { partition: gone, ranges: [] } };
    if (table.clustering.length === 0) return { table, prefix, rows: [], deletions: { partition: gone, ranges: [] } };
    const keys = this.#rowKeys(run);
    if (keys?.every((values) => values.length === table.clustering.length)) {
      const rows = keys.map((clustering) => ({
        key: clusteringKey(table.clustering, clustering),
        clustering,
        row: { ...emptyRow(), deletion: gone },
      }));
      return { table, prefix, rows };
    }
    const ranges = restrictions
      .slices(run)
      .filter(({ from, to }) => from < to)
      .map(({ from, to }) => ({ from, to: to === "" ? above : to, ...gone }));
    return { table, prefix, rows: [], deletions: { partition: undefined, ranges } };
  }
}
