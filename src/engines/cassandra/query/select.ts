/** SELECT: names and types first, once; then rows, again and again. */

import type { Reader } from "../cluster/reader.js";
import type { Selector, SelectStatement, Term } from "../cql/ast.js";
import { partitionPrefix, splitKey } from "../data/keys.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import { keyPart, native } from "../types/type.js";
import { columnName } from "./column-names.js";
import { type Expression, type Gathered, prepareExpression } from "./expressions.js";
import { Restrictions } from "./restrictions.js";
import type { ColumnSpec, RowsResult } from "./result.js";
import { type Run, unset } from "./run.js";
import { type PageOptions, Scan, type ScanPlan, type Selected } from "./scan.js";
import { type BoundTerm, type Preparing, prepareTerm } from "./terms.js";

function limitTerm(term: Term | undefined, name: string, table: Table, prepare: Preparing): BoundTerm | undefined {
  if (term === undefined) return undefined;
  return prepareTerm(term, { keyspace: table.keyspace, table: table.name, name, type: native("int") }, prepare);
}

function limitValue(term: BoundTerm | undefined, what: string, run: Run): number {
  if (term === undefined) return -1;
  const value = term.evaluate(run);
  if (value === unset) return -1;
  if (value === null || value.length === 0)
    throw invalid(`Invalid null value of ${what === "LIMIT" ? "limit" : what.toLowerCase()}`);
  const limit = value.readInt32BE(0);
  if (limit <= 0) throw invalid(`${what} must be strictly positive`);
  return limit;
}

export class PreparedSelect {
  readonly table: Table;
  readonly restrictions: Restrictions;
  readonly columns: readonly ColumnSpec[];
  readonly #selected: readonly Selected[];
  readonly #gathered: Gathered = { aggregates: [], columns: new Set() };
  readonly #isAggregate: boolean;
  readonly #groupBy: readonly Expression[];
  readonly #limit: BoundTerm | undefined;
  readonly #perPartition: BoundTerm | undefined;
  readonly #reversed: boolean;
  readonly #orderColumns: readonly Column[];
  readonly #distinct: boolean;
  readonly #readsStatics: boolean;
  readonly #returnsStatics: boolean;

  constructor(statement: SelectStatement, table: Table, prepare: Preparing) {
    this.table = table;
    const selectors: readonly Selector[] =
      statement.selectors.length === 0
        ? table.all.map((column) => ({ term: { kind: "column", name: column.name } as Term, alias: undefined }))
        : statement.selectors;
    this.#selected = selectors.map(({ term, alias }) => {
      const expression = prepareExpression(term, table, prepare, this.#gathered);
      const { column } = expression;
      const copied = column !== undefined && !(column.type.isMultiCell || column.type.isCounter) ? column : undefined;
      // A cast to the type that it has is nothing.
      const name = alias ?? (term.kind === "cast" && column !== undefined ? columnName(term.term) : columnName(term));
      return {
        spec: { keyspace: table.keyspace, table: table.name, name, type: expression.type },
        expression,
        copied,
      };
    });
    const selectedColumns = this.#gathered.columns;
    const onlyStatics =
      statement.selectors.length > 0 &&
      selectedColumns.size > 0 &&
      [...selectedColumns].every(({ kind: each }) => each === "static" || each === "partition_key") &&
      [...selectedColumns].some(({ kind: each }) => each === "static");
    this.restrictions = new Restrictions(table, statement.where, prepare, {
      kind: "select",
      allowFiltering: statement.allowFiltering,
      selectsOnlyStatics: onlyStatics,
      isDistinct: statement.distinct,
    });
    this.#distinct = statement.distinct;
    if (statement.distinct) this.#checkDistinct(statement, selectedColumns);
    this.#groupBy = this.#prepareGroupBy(statement, prepare);
    this.#isAggregate = this.#gathered.aggregates.length > 0 || this.#groupBy.length > 0;
    this.#perPartition = limitTerm(statement.perPartitionLimit, "[per_partition_limit]", table, prepare);
    this.#limit = limitTerm(statement.limit, "[limit]", table, prepare);
    if (this.#perPartition !== undefined) {
      if (statement.distinct) throw invalid("PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries");
      if (this.#isAggregate && this.#groupBy.length === 0)
        throw invalid("PER PARTITION LIMIT is not allowed with aggregate queries.");
    }
    const order = this.#prepareOrder(statement);
    this.#reversed = order.reversed;
    this.#orderColumns = order.columns;
    this.columns = this.#selected.map(({ spec }) => spec);
    const filterColumns = this.restrictions.filtered.flatMap((each) => each.columns);
    this.#returnsStatics = !this.restrictions.hasClustering && !this.restrictions.hasRegular;
    this.#readsStatics =
      table.statics.length > 0 &&
      (this.#returnsStatics || [...selectedColumns, ...filterColumns].some((column) => column.kind === "static"));
  }

  #checkDistinct(statement: SelectStatement, columns: ReadonlySet<Column>): void {
    const { table, restrictions } = this;
    if (restrictions.hasClustering || restrictions.hasRegular)
      throw invalid(
        "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.",
      );
    if (statement.selectors.length === 0) {
      const wrong = table.all.find(({ kind: each }) => each !== "partition_key" && each !== "static");
      if (wrong !== undefined)
        throw invalid(
          `SELECT DISTINCT queries must only request partition key columns and/or static columns (not ${wrong.name})`,
        );
    }
    for (const column of columns)
      if (column.kind !== "partition_key" && column.kind !== "static")
        throw invalid(
          `SELECT DISTINCT queries must only request partition key columns and/or static columns (not ${column.name})`,
        );
    if (restrictions.isKeyRange)
      for (const column of table.partitionKey)
        if (!columns.has(column))
          throw invalid(`SELECT DISTINCT queries must request all the partition key columns (missing ${column.name})`);
  }

  #prepareGroupBy(statement: SelectStatement, prepare: Preparing): Expression[] {
    const { table } = this;
    const keys = [...table.partitionKey, ...table.clustering];
    let next = 0;
    const expressions: Expression[] = [];
    let clusteringUsed = false;
    statement.groupBy.forEach((term, position) => {
      const gathered: Gathered = { aggregates: [], columns: new Set() };
      const expression = prepareExpression(term, table, prepare, gathered);
      const [column] = [...gathered.columns];
      if (column === undefined || gathered.columns.size > 1 || gathered.aggregates.length > 0)
        throw invalid(
          "Group by currently only support groups of columns following their declared order in the PRIMARY KEY",
        );
      if (column.kind !== "partition_key" && column.kind !== "clustering")
        throw invalid(`Group by is currently only supported on the columns of the PRIMARY KEY, got ${column.name}`);
      if (term.kind !== "column" && position !== statement.groupBy.length - 1)
        throw invalid("Functions are only supported on the last element of the GROUP BY clause");
      // Columns that are fixed by the WHERE may be left out.
      while (next < keys.length && keys[next] !== column && this.restrictions.isFixed(keys[next]!)) next++;
      if (keys[next] !== column)
        throw invalid(
          "Group by currently only support groups of columns following their declared order in the PRIMARY KEY",
        );
      next++;
      if (column.kind === "clustering") clusteringUsed = true;
      expressions.push(expression);
    });
    if (statement.groupBy.length > 0 && keys[next]?.kind === "partition_key")
      throw invalid("Group by is not supported on only a part of the partition key");
    if (statement.groupBy.length > 0 && clusteringUsed && this.#distinct)
      throw invalid("Grouping on clustering columns is not allowed for SELECT DISTINCT queries");
    return expressions;
  }

  #prepareOrder(statement: SelectStatement): { reversed: boolean; columns: Column[] } {
    const { table, restrictions } = this;
    if (statement.orderBy.length === 0) return { reversed: false, columns: [] };
    if (statement.orderBy.some((each) => each.ann !== undefined))
      throw invalid("ANN ordering is not supported by the embedded engine");
    if (restrictions.usesIndex) throw invalid("ORDER BY with 2ndary indexes is not supported.");
    if (restrictions.isKeyRange)
      throw invalid("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.");
    const columns: Column[] = [];
    let reversed: boolean | undefined;
    let position = 0;
    for (const { column: name, descending } of statement.orderBy) {
      const column = table.columns.get(name);
      if (column === undefined) throw invalid(`Undefined column name ${name} in table ${table.fullName}`);
      if (column.kind !== "clustering")
        throw invalid(
          `Order by is currently only supported on the clustered columns of the PRIMARY KEY, got ${column.name}`,
        );
      while (position !== column.position) {
        const skipped = table.clustering[position];
        if (skipped === undefined || position > column.position || !restrictions.isFixed(skipped))
          throw invalid(
            "Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY",
          );
        position++;
      }
      position++;
      // What is sorted afterwards has to be read.
      if (statement.distinct && restrictions.hasKeyIn)
        throw invalid(
          `SELECT DISTINCT queries must only request partition key columns and/or static columns (not ${name})`,
        );
      const turns = descending !== column.descending;
      if (reversed !== undefined && reversed !== turns) throw invalid("Unsupported order by relation");
      reversed = turns;
      columns.push(column);
    }
    return { reversed: reversed ?? false, columns };
  }

  /** Whether it reads a range of partitions. */
  get isRange(): boolean {
    return this.restrictions.isKeyRange;
  }

  /** The partitions that it reads; undefined for a range. */
  prefixes(run: Run): string[] | undefined {
    const keys = this.restrictions.partitionKeys(run);
    if (keys === undefined) return undefined;
    if (keys.length === 1) return [partitionPrefix(keys[0]!)];
    // In the order of their values, each once.
    const types = this.table.partitionKey.map((column) => column.type);
    const ordered = keys.map((key) => ({
      prefix: partitionPrefix(key),
      order: splitKey(key, types.length)
        .map((value, at) => keyPart(types[at]!, value))
        .join(""),
    }));
    ordered.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
    return [...new Set(ordered.map(({ prefix }) => prefix))];
  }

  /** Runs it. `prefixes` are those of {@link prefixes}. */
  execute(reader: Reader, run: Run, page: PageOptions, prefixes: readonly string[] | undefined): RowsResult {
    const limit = limitValue(this.#limit, "LIMIT", run);
    const perPartition = this.#distinct ? 1 : limitValue(this.#perPartition, "PER PARTITION LIMIT", run);
    const sorts = this.restrictions.hasKeyIn && this.#orderColumns.length > 0;
    if (sorts && page.size > 0)
      throw invalid(
        "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the ORDER BY or the IN and sort client side, or disable paging for this query",
      );
    const scan = new Scan(this, reader, run, page, limit, perPartition, sorts);
    return scan.run(prefixes);
  }

  /** @internal What a scan needs of the plan. */
  get plan(): ScanPlan {
    return {
      selected: this.#selected,
      aggregates: this.#gathered.aggregates,
      isAggregate: this.#isAggregate,
      groupBy: this.#groupBy,
      reversed: this.#reversed,
      orderColumns: this.#orderColumns,
      distinct: this.#distinct,
      readsStatics: this.#readsStatics,
      returnsStatics: this.#returnsStatics,
    };
  }
}
