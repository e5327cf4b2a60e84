/** One execution of a SELECT: reads rows, gathers groups, and writes pages. */

import type { Cursor } from "../../storage/store.js";
import type { Reader } from "../cluster/reader.js";
import { above, kind, partitionKeyOf, prefixLength, splitKey } from "../data/keys.js";
import { RowView } from "../data/row.js";
import { Output } from "../protocol/output.js";
import type { Column, Table } from "../schema/table.js";
import { keyPart, type Value } from "../types/type.js";
import { columnValue, type RowContext } from "./column-values.js";
import type { AggregateUse, Expression } from "./expressions.js";
import type { Filter } from "./filters.js";
import type { Accumulator } from "./functions/function.js";
import { IndexCursor } from "./index-scan.js";
import { readPagingState, writePagingState } from "./paging.js";
import type { Restrictions } from "./restrictions.js";
import type { ColumnSpec, RowsResult } from "./result.js";
import type { Run } from "./run.js";
import type { Slice } from "./slices.js";

/** One column of the result. */
export interface Selected {
  readonly spec: ColumnSpec;
  readonly expression: Expression;
  /** Set where it can be copied as it lies in the row. */
  readonly copied: Column | undefined;
}

/** What a scan works by; made once for a statement. */
export interface ScanPlan {
  readonly selected: readonly Selected[];
  readonly aggregates: readonly AggregateUse[];
  readonly isAggregate: boolean;
  readonly groupBy: readonly Expression[];
  readonly reversed: boolean;
  readonly orderColumns: readonly Column[];
  readonly distinct: boolean;
  readonly readsStatics: boolean;
  readonly returnsStatics: boolean;
}

/** A prepared SELECT, as a scan sees it. */
interface Scannable {
  readonly table: Table;
  readonly restrictions: Restrictions;
  readonly columns: readonly ColumnSpec[];
  readonly plan: ScanPlan;
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

// Queries end before the next one begins, so all of them share one output.
const output = new Output(64 * 1024);
/** Above this the shared output is given back. */
const keptOutput = 4 * 1024 * 1024;

/** One execution. */
export class Scan {
  readonly #select: Scannable;
  readonly #plan: ScanPlan;
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
    select: Scannable,
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
