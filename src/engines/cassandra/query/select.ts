/** SELECT: names and types first, once; then rows, again and again. */

import type { Cursor } from "../../storage/store.js";
import type { Reader } from "../cluster/reader.js";
import type { Selector, SelectStatement, Term } from "../cql/ast.js";
import { above, kind, partitionKeyOf, partitionPrefix, prefixLength, splitKey } from "../data/keys.js";
import { RowView } from "../data/row.js";
import { invalid } from "../errors.js";
import { Output } from "../protocol/output.js";
import type { Column, Table } from "../schema/table.js";
import { keyPart, native, type Value } from "../types/type.js";
import {
  columnName,
  columnValue,
  type Expression,
  type Gathered,
  prepareExpression,
  type RowContext,
} from "./expressions.js";
import type { Accumulator } from "./functions/function.js";
import { IndexCursor } from "./index-scan.js";
import { readPagingState, writePagingState } from "./paging.js";
import { type Filter, Restrictions, type Slice } from "./restrictions.js";
import type { ColumnSpec, RowsResult } from "./result.js";
import { type Run, unset } from "./run.js";
import { type BoundTerm, type Preparing, prepareTerm } from "./terms.js";

/** One column of the result. */
interface Selected {
  readonly spec: ColumnSpec;
  readonly expression: Expression;
  /** Set where it can be copied as it lies in the row. */
  readonly copied: Column | undefined;
}

/** How a result is cut into pages. */
export interface PageOptions {
  /** Rows; 0 or less for all. */
  readonly size: number;
  readonly state: Buffer | undefined;
}

/** What a group of rows has gathered. */
interface Group {
  readonly key: string;
  readonly accumulators: readonly Accumulator[];
  readonly partitionKey: readonly Buffer[];
  readonly row: Buffer | undefined;
  readonly statics: Buffer | undefined;
}

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

// Queries end before the next one begins, so all of them share one output.
const output = new Output(64 * 1024);
/** Above this the shared output is given back. */
const keptOutput = 4 * 1024 * 1024;

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
  readonly #rowOnly: boolean;

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
    this.#rowOnly = this.#selected.every(
      ({ copied }) => copied !== undefined && (copied.kind === "regular" || copied.kind === "clustering"),
    );
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
  get plan() {
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
      rowOnly: this.#rowOnly,
    };
  }
}

/** One execution. */
class Scan {
  readonly #select: PreparedSelect;
  readonly #plan: PreparedSelect["plan"];
  readonly #reader: Reader;
  readonly #run: Run;
  readonly #context: RowContext & { aggregates: readonly Value[] };
  readonly #filter: Filter | undefined;
  readonly #pageSize: number;
  readonly #perPartition: number;
  #remaining: number;
  readonly #cut: number;
  #inPartition = 0;
  #count = 0;
  #lastKey = "";
  #rowBytes: Buffer | undefined;
  #staticBytes: Buffer | undefined;
  #group: Group | undefined;
  #groupLastKey = "";
  #groupLastInPartition = 0;
  #pageFull = false;
  #distinctPartition = "";
  readonly #sorts: boolean;
  readonly #sorted: { readonly key: string; readonly start: number; readonly end: number }[] = [];
  readonly #resume: ReturnType<typeof readPagingState> | undefined;

  constructor(
    select: PreparedSelect,
    reader: Reader,
    run: Run,
    page: PageOptions,
    limit: number,
    perPartition: number,
    sorts: boolean,
  ) {
    this.#select = select;
    this.#plan = select.plan;
    this.#reader = reader;
    this.#run = run;
    const { table } = select;
    const columns = table.facts.nextColumn;
    this.#context = {
      run,
      table,
      partitionKey: [],
      row: new RowView(columns, table.clustering.length, table.present),
      hasRow: false,
      statics: new RowView(table.statics.length > 0 ? columns : 0, 0, table.present),
      aggregates: [],
    };
    this.#filter = select.restrictions.filter(run);
    this.#sorts = sorts;
    // Aggregates of all rows are one row, whatever the page.
    this.#pageSize = page.size <= 0 || (this.#plan.isAggregate && this.#plan.groupBy.length === 0) ? -1 : page.size;
    // What is sorted afterwards is cut afterwards.
    this.#cut = limit;
    this.#remaining = sorts ? -1 : limit;
    this.#perPartition = perPartition;
    if (page.state !== undefined && this.#pageSize >= 0) {
      this.#resume = readPagingState(page.state);
      this.#remaining = this.#resume.remaining;
    }
  }

  run(prefixes: readonly string[] | undefined): RowsResult {
    if (output.bytes.length > keptOutput) output.bytes = Buffer.allocUnsafe(64 * 1024);
    output.size = 0;
    if (this.#remaining !== 0) {
      if (prefixes === undefined) this.#range();
      else this.#partitions(prefixes);
    }
    if (this.#group !== undefined && !this.#pageFull) this.#endGroup();
    else if (this.#plan.isAggregate && this.#plan.groupBy.length === 0 && this.#count === 0) this.#emptyGroup();
    if (this.#sorts) return this.#sortedRows();
    let pagingState: Buffer | undefined;
    if (this.#pageFull && this.#remaining !== 0)
      pagingState = writePagingState({
        key: this.#plan.isAggregate ? this.#groupLastKey : this.#lastKey,
        remaining: this.#remaining,
        remainingInPartition:
          this.#perPartition < 0
            ? -1
            : this.#perPartition - (this.#plan.isAggregate ? this.#groupLastInPartition : this.#inPartition),
      });
    return {
      kind: "rows",
      columns: this.#select.columns,
      count: this.#count,
      rows: output.take(),
      pagingState,
    };
  }

  #sortedRows(): RowsResult {
    const { reversed } = this.#plan;
    this.#sorted.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key === !reversed ? -1 : 1));
    const kept = this.#cut < 0 ? this.#sorted : this.#sorted.slice(0, this.#cut);
    const rows = Buffer.concat(kept.map(({ start, end }) => output.bytes.subarray(start, end)));
    return { kind: "rows", columns: this.#select.columns, count: kept.length, rows, pagingState: undefined };
  }

  #openPartition(prefix: string, statics: Buffer | undefined): void {
    const context = this.#context;
    context.partitionKey = splitKey(partitionKeyOf(prefix), context.table.partitionKey.length);
    this.#staticBytes = statics;
    if (statics === undefined) context.statics.clear();
    else context.statics.open(statics, this.#run.now);
    this.#inPartition = 0;
  }

  #partitions(prefixes: readonly string[]): void {
    const { restrictions } = this.#select;
    const { readsStatics, returnsStatics, reversed, distinct } = this.#plan;
    const slices: readonly Slice[] = restrictions.slices(this.#run);
    const order = reversed ? [...slices].reverse() : slices;
    let start = 0;
    let resumeKey: string | undefined;
    if (this.#resume !== undefined) {
      const { key } = this.#resume;
      const prefix = key.slice(0, prefixLength(key));
      start = prefixes.indexOf(prefix);
      if (start < 0) return;
      if (key[prefix.length] === kind.row && !distinct) resumeKey = key.slice(prefix.length + 1);
      else start++;
    }
    for (let at = start; at < prefixes.length; at++) {
      const prefix = prefixes[at]!;
      const resuming = at === start && resumeKey !== undefined;
      this.#openPartition(prefix, readsStatics ? this.#reader.get(prefix, undefined) : undefined);
      if (resuming && this.#perPartition >= 0)
        this.#inPartition = this.#perPartition - this.#resume!.remainingInPartition;
      let seen = resuming;
      let more = true;
      for (const slice of order) {
        let { from, to } = slice;
        if (resuming) {
          if (reversed) {
            if (from >= resumeKey!) continue;
            if (to > resumeKey!) to = resumeKey!;
          } else {
            if (to <= resumeKey!) continue;
            if (from <= resumeKey!) from = `${resumeKey!}\x00`;
          }
        }
        const result = this.#slice(prefix, from, to, reversed);
        if (result !== "none") seen = true;
        if (result === "full") return;
        if (result === "partition") {
          more = false;
          break;
        }
      }
      if (more && !seen && returnsStatics && this.#context.statics.exists && !this.#staticsOnly(prefix)) return;
    }
  }

  /** Rows of one slice: what came of it. */
  #slice(prefix: string, from: string, to: string, reversed: boolean): "none" | "some" | "partition" | "full" {
    const context = this.#context;
    const { row } = context;
    const { now } = this.#run;
    const filter = this.#filter;
    // A whole key: no cursor is needed.
    if (to.length === from.length + 1 && to.charCodeAt(from.length) === 0 && to.startsWith(from)) {
      const bytes = this.#reader.get(prefix, from);
      if (bytes === undefined) return "none";
      row.open(bytes, now);
      if (!row.exists) return "none";
      context.hasRow = true;
      if (filter !== undefined && !filter(context)) return "none";
      this.#rowBytes = bytes;
      if (!this.#emit(prefix + kind.row + from)) return "full";
      return this.#perPartition >= 0 && this.#inPartition >= this.#perPartition ? "partition" : "some";
    }
    const cursor = this.#reader.rows(prefix, from, to, reversed);
    let any = false;
    while (cursor.next()) {
      const bytes = cursor.value;
      row.open(bytes, now);
      if (!row.exists) continue;
      context.hasRow = true;
      if (filter !== undefined && !filter(context)) continue;
      if (this.#perPartition >= 0 && this.#inPartition >= this.#perPartition && !this.#plan.isAggregate)
        return "partition";
      any = true;
      this.#rowBytes = bytes;
      if (!this.#emit(cursor.key)) return "full";
    }
    return any ? "some" : "none";
  }

  /** The static row where the partition has no other; false at the end of the page. */
  #staticsOnly(prefix: string): boolean {
    const context = this.#context;
    context.hasRow = false;
    context.row.clear();
    this.#rowBytes = undefined;
    if (this.#filter !== undefined && !this.#filter(context)) return true;
    return this.#emit(prefix + kind.staticRow);
  }

  #range(): void {
    const context = this.#context;
    const { now } = this.#run;
    const { distinct, returnsStatics } = this.#plan;
    const { from, to } = this.#select.restrictions.tokenRange(this.#run);
    let start = from;
    let prefix = "";
    let seen = false;
    if (this.#resume !== undefined) {
      const { key } = this.#resume;
      const length = prefixLength(key);
      if (distinct || key[length] !== kind.row) start = key.slice(0, length) + above;
      else {
        start = `${key}\x00`;
        prefix = key.slice(0, length);
        seen = true;
        this.#openPartition(prefix, this.#reader.get(prefix, undefined));
        if (this.#perPartition >= 0) this.#inPartition = this.#perPartition - this.#resume.remainingInPartition;
      }
    }
    const use = this.#select.restrictions.indexUse(this.#run);
    const scan = (lower: string): Cursor =>
      use === undefined ? this.#reader.scan(lower, to) : new IndexCursor(this.#reader, use, lower, to);
    let cursor = scan(start);
    const leave = (): boolean => {
      if (prefix === "" || seen || !returnsStatics || !context.statics.exists) return true;
      return this.#staticsOnly(prefix);
    };
    while (cursor.next()) {
      const { key } = cursor;
      if (prefix === "" || !key.startsWith(prefix)) {
        if (!leave()) return;
        prefix = key.slice(0, prefixLength(key));
        seen = false;
        this.#openPartition(prefix, undefined);
      }
      const mark = key[prefix.length];
      if (mark === kind.deletions) continue;
      const bytes = cursor.value;
      if (mark === kind.staticRow) {
        this.#staticBytes = bytes;
        context.statics.open(bytes, now);
        continue;
      }
      context.row.open(bytes, now);
      if (!context.row.exists) continue;
      context.hasRow = true;
      if (this.#filter !== undefined && !this.#filter(context)) continue;
      if (this.#perPartition >= 0 && this.#inPartition >= this.#perPartition && !this.#plan.isAggregate) {
        seen = true;
        cursor = scan(prefix + above);
        continue;
      }
      seen = true;
      this.#rowBytes = bytes;
      if (!this.#emit(key)) return;
    }
    leave();
  }

  /** One row that the query selects; false where the result is at its end. */
  #emit(key: string): boolean {
    if (this.#plan.isAggregate) {
      const partition = key.slice(0, prefixLength(key));
      if (this.#plan.distinct && partition === this.#distinctPartition) return true;
      this.#distinctPartition = partition;
      return this.#gather(key);
    }
    this.#write(key);
    this.#lastKey = key;
    this.#inPartition++;
    return this.#counted();
  }

  #counted(): boolean {
    this.#count++;
    if (this.#remaining > 0 && --this.#remaining === 0) return false;
    if (this.#pageSize >= 0 && this.#count >= this.#pageSize) {
      this.#pageFull = true;
      return false;
    }
    return true;
  }

  #write(_key: string): void {
    const context = this.#context;
    const start = output.size;
    const { selected } = this.#plan;
    for (let at = 0; at < selected.length; at++) {
      const { copied, expression } = selected[at]!;
      if (copied === undefined) {
        output.value(expression.evaluate(context));
        continue;
      }
      switch (copied.kind) {
        case "partition_key":
          output.value(context.partitionKey[copied.position]!);
          break;
        case "clustering": {
          const { row } = context;
          const from = context.hasRow ? row.clusteringStart[copied.position]! : -1;
          if (from < 0) output.int(-1);
          else output.slice(row.bytes, from, row.clusteringEnd[copied.position]!);
          break;
        }
        default: {
          const view = copied.kind === "static" ? context.statics : context.row;
          const from = copied.kind === "static" || context.hasRow ? view.start[copied.id]! : -1;
          if (from < 0) output.int(-1);
          else output.slice(view.bytes, from, view.end[copied.id]!);
        }
      }
    }
    if (this.#sorts) {
      let key = "";
      for (const column of this.#plan.orderColumns) {
        const value = columnValue(column, context);
        const part = keyPart(column.type, value);
        key += column.descending ? invert(part) : part;
      }
      this.#sorted.push({ key, start, end: output.size });
    }
  }

  #gather(key: string): boolean {
    const context = this.#context;
    const { groupBy, aggregates } = this.#plan;
    let groupKey = "";
    for (const expression of groupBy) groupKey += keyPart(expression.type, expression.evaluate(context));
    if (this.#group !== undefined && this.#group.key !== groupKey) {
      const row = this.#rowBytes;
      const statics = this.#staticBytes;
      const partitionKey = context.partitionKey;
      const { hasRow } = context;
      const more = this.#endGroup();
      if (!more) return false;
      // Back to the row that begins the next group.
      context.partitionKey = partitionKey;
      this.#restore(row, statics, hasRow);
    }
    if (this.#group === undefined) {
      if (this.#perPartition >= 0 && this.#inPartition >= this.#perPartition) return true;
      this.#inPartition++;
      this.#group = {
        key: groupKey,
        accumulators: aggregates.map((each) => each.start()),
        partitionKey: context.partitionKey,
        row: context.hasRow ? this.#rowBytes : undefined,
        statics: this.#staticBytes,
      };
    }
    const { accumulators } = this.#group;
    aggregates.forEach(({ args }, at) => {
      accumulators[at]!.add(args.map((argument) => argument.evaluate(context)));
    });
    this.#lastKey = key;
    this.#groupLastKey = key;
    this.#groupLastInPartition = this.#inPartition;
    return true;
  }

  #restore(row: Buffer | undefined, statics: Buffer | undefined, hasRow: boolean): void {
    const context = this.#context;
    const { now } = this.#run;
    context.hasRow = hasRow;
    if (row === undefined || !hasRow) context.row.clear();
    else context.row.open(row, now);
    if (statics === undefined) context.statics.clear();
    else context.statics.open(statics, now);
  }

  #endGroup(): boolean {
    const group = this.#group!;
    this.#group = undefined;
    const context = this.#context;
    context.partitionKey = group.partitionKey;
    this.#restore(group.row, group.statics, group.row !== undefined);
    context.aggregates = group.accumulators.map((accumulator) => accumulator.result());
    this.#write(this.#groupLastKey);
    return this.#counted();
  }

  /** Aggregates of no rows at all are one row. */
  #emptyGroup(): void {
    const context = this.#context;
    context.hasRow = false;
    context.row.clear();
    context.statics.clear();
    context.aggregates = this.#plan.aggregates.map((each) => each.start().result());
    context.partitionKey = [];
    for (const { expression } of this.#plan.selected) output.value(expression.evaluate(context));
    this.#count = 1;
  }
}

function invert(text: string): string {
  let out = "";
  for (let at = 0; at < text.length; at++) out += String.fromCharCode(text.charCodeAt(at) ^ 0xff);
  return out;
}
