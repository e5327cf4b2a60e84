/** What a SELECT tells of cells: when they were written, and how long they live. */
import type { Term } from "../cql/ast.js";
import { type Cell, isLive } from "../data/cells.js";
import { invalid } from "../errors.js";
import type { Table } from "../schema/table.js";
import { fixedInteger } from "../types/native.js";
import { type CqlType, ListType, MapType, native, SetType, UserType, type Value, writeParts } from "../types/type.js";
import { type RowContext, sortedCells } from "./column-values.js";
import type { Expression, Gathered } from "./expressions.js";

/** writetime(), ttl(), maxwritetime() of a column, or of the cells of one in parts. */
export function cellFacts(
  name: "writetime" | "ttl" | "maxwritetime",
  args: readonly Term[],
  table: Table,
  gathered: Gathered,
  recur: (term: Term, expected?: CqlType) => Expression,
): Expression {
  const [term] = args;
  let of = term;
  while (of !== undefined && (of.kind === "element" || of.kind === "field" || of.kind === "slice")) of = of.of;
  if (args.length !== 1 || of?.kind !== "column") throw invalid(`Invalid number of arguments in call to ${name}`);
  const column = table.columns.get(of.name);
  if (column === undefined) throw invalid(`Undefined column name ${of.name} in table ${table.fullName}`);
  const shown = name === "writetime" ? "writetime" : name === "ttl" ? "ttl" : "maxwritetime";
  if (column.kind === "partition_key" || column.kind === "clustering")
    throw invalid(`Cannot use selection function ${shown} on PRIMARY KEY part ${column.name}`);
  if (column.type.isCounter && name === "ttl")
    throw invalid(`Cannot use selection function ttl on counter column ${column.name}`);
  recur(term!);
  gathered.columns.add(column);
  const isTtl = name === "ttl";
  const one = isTtl ? native("int") : native("bigint");
  const view = (context: RowContext) => (column.kind === "static" ? context.statics : context.row);
  const show = (cell: Cell, now: number): Value => {
    if (!isTtl) return fixedInteger(BigInt(cell.timestamp), 8);
    return cell.ttl === 0 ? null : fixedInteger(cell.deletedAt - now, 4);
  };
  const missing = (context: RowContext) => column.kind === "regular" && !context.hasRow;
  if (!column.type.isMultiCell) {
    return {
      type: one,
      evaluate: (context) => {
        if (missing(context)) return null;
        const cell = view(context).cellOf(column.id);
        return cell === undefined ? null : show(cell, context.run.now);
      },
    };
  }
  const cellsOf = (context: RowContext) => {
    const at = missing(context) ? -1 : view(context).cell[column.id]!;
    if (at < 0) return undefined;
    const { cells } = view(context).partsAt(at);
    if (column.type instanceof UserType) {
      const fields: (Cell | undefined)[] = column.type.fields.names.map(() => undefined);
      for (const [path, cell] of cells)
        if (isLive(cell, context.run.now)) fields[(path.charCodeAt(0) << 8) | path.charCodeAt(1)] = cell;
      return fields;
    }
    const sorted = sortedCells(column.type, cells, context.run.now);
    return sorted.length === 0 ? undefined : sorted.map(({ cell }) => cell);
  };
  if (term!.kind === "element" && !(column.type instanceof UserType)) {
    const { type } = column;
    const keyType = type instanceof MapType ? type.keys : type instanceof SetType ? type.element : undefined;
    if (keyType === undefined)
      throw invalid(`Element selection is only allowed on sets and maps, but ${column.name} is a list`);
    const key = recur(term!.key, keyType);
    return {
      type: one,
      evaluate: (context) => {
        const at = missing(context) ? -1 : view(context).cell[column.id]!;
        const wanted = key.evaluate(context);
        if (at < 0 || wanted === null) return null;
        const cell = view(context).partsAt(at).cells.get(wanted.latin1Slice());
        return cell === undefined || !isLive(cell, context.run.now) ? null : show(cell, context.run.now);
      },
    };
  }
  if (term!.kind === "field" && column.type instanceof UserType) {
    const at = column.type.fields.names.indexOf(term!.name);
    return {
      type: one,
      evaluate: (context) => {
        const cell = cellsOf(context)?.[at];
        return cell === undefined ? null : show(cell, context.run.now);
      },
    };
  }
  if (name === "maxwritetime")
    return {
      type: one,
      evaluate: (context) => {
        const cells = cellsOf(context)?.filter((cell) => cell !== undefined);
        if (cells === undefined || cells.length === 0) return null;
        return show(
          cells.reduce((a, b) => (b.timestamp > a.timestamp ? b : a)),
          context.run.now,
        );
      },
    };
  return {
    type: new ListType(one, true),
    evaluate: (context) => {
      const cells = cellsOf(context);
      if (cells === undefined || cells.every((cell) => cell === undefined)) return null;
      return writeParts(
        cells.map((cell) => (cell === undefined ? null : show(cell, context.run.now))),
        1,
      );
    },
  };
}
