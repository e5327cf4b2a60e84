/** What UPDATE, INSERT and DELETE do to columns. */

import type { Assignment, Deletion } from "../cql/ast.js";
import type { Row } from "../data/cells.js";
import { isParts, never } from "../data/cells.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import { type CqlType, ListType, MapType, native, quoted, readParts, SetType, UserType } from "../types/type.js";
import {
  before,
  currentCells,
  deleteParts,
  fieldPath,
  liveCell,
  partsOf,
  path,
  putCell,
  putPart,
  putParts,
  tombstone,
  type WriteContext,
} from "./cell-changes.js";
import { unset } from "./run.js";
import { termText } from "./term-text.js";
import { type BoundTerm, type Preparing, prepareTerm, type Receiver } from "./terms.js";

/** A change of one column. */
export interface Operation {
  readonly column: Column;
  /** Whether it needs the row as it is. */
  readonly reads: boolean;
  readonly apply: (row: Row, context: WriteContext) => void;
}

function receiverOf(table: Table, column: Column, name = column.name, type: CqlType = column.type): Receiver {
  return { keyspace: table.keyspace, table: table.name, name, type };
}

/** `column = value` */
export function setColumn(column: Column, term: BoundTerm): Operation {
  const { id, type } = column;
  if (!type.isMultiCell)
    return {
      column,
      reads: false,
      apply: (row, context) => {
        const value = term.evaluate(context.run);
        if (value === unset) return;
        putCell(row, id, value === null ? tombstone(context) : liveCell(context, value));
      },
    };
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const value = term.evaluate(context.run);
      if (value === unset) return;
      // What was there goes, a microsecond before what comes; null comes too: of one batch it takes nothing away.
      deleteParts(row, column, context, before(context.timestamp));
      if (value !== null) putParts(column, value, row, context);
    },
  };
}

function counterDelta(column: Column, term: BoundTerm, sign: bigint): Operation {
  const what = sign > 0n ? "increment" : "decrement";
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const value = term.evaluate(context.run);
      if (value === null || (value !== unset && value.length === 0))
        throw invalid(`Invalid null value for counter ${what}`);
      if (value === unset) return;
      const delta = value.readBigInt64BE(0);
      if (sign < 0n && delta === -0x8000000000000000n)
        throw invalid(`The negation of ${delta} overflows supported counter precision (signed 8 bytes integer)`);
      const bytes = Buffer.allocUnsafe(8);
      const earlier = row.cells.get(column.id);
      const sum = earlier !== undefined && !isParts(earlier) ? earlier.value!.readBigInt64BE(0) : 0n;
      bytes.writeBigInt64BE(BigInt.asIntN(64, sum + delta * sign));
      row.cells.set(column.id, { timestamp: context.timestamp, ttl: 0, deletedAt: never, value: bytes });
    },
  };
}

function assignmentText(assignment: Assignment): string {
  const column = quoted(assignment.column);
  const value = termText(assignment.value);
  switch (assignment.kind) {
    case "set":
      return `${column} = ${value}`;
    case "add":
      return `${column} = ${column} + ${value}`;
    case "subtract":
      return `${column} = ${column} - ${value}`;
    case "prepend":
      return `${column} = ${value} + ${column}`;
    case "element":
      return `${column}[${termText(assignment.key)}] = ${value}`;
    case "field":
      return `${column}.${assignment.field} = ${value}`;
    default: {
      const no: never = assignment;
      throw new Error(`not an assignment: ${String(no)}`);
    }
  }
}

/** An assignment, named and typed. */
export function assignment(of: Assignment, column: Column, table: Table, prepare: Preparing): Operation {
  const { type } = column;
  const wrong = (what: string) => invalid(`Invalid operation (${assignmentText(of)}) for ${what} ${column.name}`);
  switch (of.kind) {
    case "set": {
      if (type.isCounter)
        throw invalid(
          `Cannot set the value of counter column ${column.name} (counters can only be incremented/decremented, not set)`,
        );
      return setColumn(column, prepareTerm(of.value, receiverOf(table, column), prepare));
    }
    case "add":
    case "subtract": {
      if (type.isCounter)
        return counterDelta(
          column,
          prepareTerm(of.value, receiverOf(table, column), prepare),
          of.kind === "add" ? 1n : -1n,
        );
      const isCollection = type instanceof ListType || type instanceof SetType || type instanceof MapType;
      if (!isCollection) throw wrong(of.kind === "add" ? "non counter column" : "non counter column");
      if (!type.isMultiCell) throw wrong("frozen collection column");
      return of.kind === "add" ? addTo(column, of, table, prepare) : takeFrom(column, of, table, prepare);
    }
    case "prepend": {
      if (!(type instanceof ListType)) {
        if (type.isCounter || !(type instanceof SetType || type instanceof MapType)) throw wrong("non list column");
        throw wrong("non list column");
      }
      if (!type.isMultiCell) throw wrong("frozen list column");
      const term = prepareTerm(of.value, receiverOf(table, column), prepare);
      return {
        column,
        reads: false,
        apply: (row, context) => {
          const value = term.evaluate(context.run);
          if (value === unset || value === null) return;
          const { cells } = partsOf(row, column);
          for (const item of readParts(value, 1).reverse())
            cells.set(context.before().latin1Slice(), liveCell(context, item!));
        },
      };
    }
    case "element":
      return setElement(of, column, table, prepare, wrong);
    case "field": {
      if (!(type instanceof UserType)) throw wrong("non-UDT column");
      if (!type.isMultiCell) throw wrong("frozen UDT column");
      const at = type.fields.names.indexOf(of.field);
      if (at < 0) throw invalid(`UDT column ${column.name} does not have a field named ${of.field}`);
      const term = prepareTerm(
        of.value,
        receiverOf(table, column, `${column.name}.${of.field}`, type.fields.types[at]!),
        prepare,
      );
      return {
        column,
        reads: false,
        apply: (row, context) => {
          const value = term.evaluate(context.run);
          if (value === unset) return;
          putPart(
            partsOf(row, column).cells,
            fieldPath(at),
            value === null ? tombstone(context) : liveCell(context, value),
          );
        },
      };
    }
    default: {
      const no: never = of;
      throw new Error(`not an assignment: ${String(no)}`);
    }
  }
}

function addTo(column: Column, of: Assignment, table: Table, prepare: Preparing): Operation {
  const term = prepareTerm(of.value, receiverOf(table, column), prepare);
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const value = term.evaluate(context.run);
      if (value === unset || value === null) return;
      putParts(column, value, row, context);
    },
  };
}

function takeFrom(column: Column, of: Assignment, table: Table, prepare: Preparing): Operation {
  const { type } = column;
  // From a map one takes keys.
  const given = type instanceof MapType ? new SetType(type.keys, false) : type;
  const term = prepareTerm(of.value, receiverOf(table, column, column.name, given), prepare);
  if (type instanceof ListType) {
    return {
      column,
      reads: true,
      apply: (row, context) => {
        const value = term.evaluate(context.run);
        if (value === unset || value === null) return;
        const gone = readParts(value, 1) as Buffer[];
        const { cells } = partsOf(row, column);
        for (const { path: at, value: item } of currentCells(column, row, context))
          if (gone.some((each) => type.element.compare(each, item) === 0))
            putPart(cells, at.latin1Slice(), tombstone(context));
      },
    };
  }
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const value = term.evaluate(context.run);
      if (value === unset || value === null) return;
      const { cells } = partsOf(row, column);
      for (const item of readParts(value, 1)) putPart(cells, path(item!), tombstone(context));
    },
  };
}

function listPath(column: Column, index: BoundTerm, row: Row, context: WriteContext): string {
  const at = index.evaluate(context.run);
  if (at === null) throw invalid("Invalid null value for list index");
  if (at === unset) throw invalid("Invalid unset value for list index");
  const cells = currentCells(column, row, context);
  if (context.current === undefined || cells.length === 0)
    throw invalid("Attempted to set an element on a list which is null");
  const position = at.readInt32BE(0);
  const cell = cells[position];
  if (position < 0 || cell === undefined)
    throw invalid(`List index ${position} out of bound, list has size ${cells.length}`);
  return cell.path.latin1Slice();
}

function setElement(
  of: Extract<Assignment, { kind: "element" }>,
  column: Column,
  table: Table,
  prepare: Preparing,
  wrong: (what: string) => Error,
): Operation {
  const { type } = column;
  if (type instanceof ListType) {
    if (!type.isMultiCell) throw wrong("frozen collection column");
    const index = prepareTerm(of.key, receiverOf(table, column, `idx(${column.name})`, native("int")), prepare);
    const term = prepareTerm(of.value, receiverOf(table, column, `value(${column.name})`, type.element), prepare);
    return {
      column,
      reads: true,
      apply: (row, context) => {
        const at = listPath(column, index, row, context);
        const value = term.evaluate(context.run);
        if (value === unset) return;
        putPart(partsOf(row, column).cells, at, value === null ? tombstone(context) : liveCell(context, value));
      },
    };
  }
  if (!(type instanceof MapType)) {
    if (type instanceof SetType) throw wrong("set column");
    throw wrong("non collection column");
  }
  if (!type.isMultiCell) throw wrong("frozen collection column");
  const key = prepareTerm(of.key, receiverOf(table, column, `key(${column.name})`, type.keys), prepare);
  const term = prepareTerm(of.value, receiverOf(table, column, `value(${column.name})`, type.values), prepare);
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const at = key.evaluate(context.run);
      if (at === null) throw invalid("Invalid null map key");
      if (at === unset) throw invalid("Invalid unset map key");
      const value = term.evaluate(context.run);
      if (value === unset) return;
      putPart(partsOf(row, column).cells, path(at), value === null ? tombstone(context) : liveCell(context, value));
    },
  };
}

/** One column, element or field of a DELETE. */
export function deletion(of: Deletion, column: Column, table: Table, prepare: Preparing): Operation {
  const { type } = column;
  if (of.kind === "column")
    return {
      column,
      reads: false,
      apply: (row, context) => {
        if (type.isMultiCell) deleteParts(row, column, context, context.timestamp);
        else putCell(row, column.id, tombstone(context));
      },
    };
  if (of.kind === "field") {
    if (!(type instanceof UserType))
      throw invalid(`Invalid field deletion operation for non-UDT column ${column.name}`);
    if (!type.isMultiCell) throw invalid(`Frozen UDT column ${column.name} does not support field deletions`);
    const at = type.fields.names.indexOf(of.field);
    if (at < 0) throw invalid(`UDT column ${column.name} does not have a field named ${of.field}`);
    return {
      column,
      reads: false,
      apply: (row, context) => {
        putPart(partsOf(row, column).cells, fieldPath(at), tombstone(context));
      },
    };
  }
  const isCollection = type instanceof ListType || type instanceof SetType || type instanceof MapType;
  if (!isCollection) throw invalid(`Invalid deletion operation for non collection column ${column.name}`);
  if (!type.isMultiCell) throw invalid(`Invalid deletion operation for frozen collection column ${column.name}`);
  if (type instanceof ListType) {
    const index = prepareTerm(of.key, receiverOf(table, column, `idx(${column.name})`, native("int")), prepare);
    return {
      column,
      reads: true,
      apply: (row, context) => {
        const at = index.evaluate(context.run);
        if (at === null) throw invalid("Invalid null value for list index");
        if (at === unset) return;
        const cells = currentCells(column, row, context);
        if (cells.length === 0) throw invalid("Attempted to delete an element from a list which is null");
        const position = at.readInt32BE(0);
        const cell = cells[position];
        if (position < 0 || cell === undefined)
          throw invalid(`List index ${position} out of bound, list has size ${cells.length}`);
        putPart(partsOf(row, column).cells, cell.path.latin1Slice(), tombstone(context));
      },
    };
  }
  const keyType = type instanceof MapType ? type.keys : (type as SetType).element;
  const name = type instanceof MapType ? `key(${column.name})` : `value(${column.name})`;
  const key = prepareTerm(of.key, receiverOf(table, column, name, keyType), prepare);
  return {
    column,
    reads: false,
    apply: (row, context) => {
      const at = key.evaluate(context.run);
      if (at === null)
        throw invalid(
          type instanceof MapType ? "Invalid null value for map key" : "Invalid null value for set element",
        );
      if (at === unset) throw invalid("Invalid unset value for map key");
      putPart(partsOf(row, column).cells, path(at), tombstone(context));
    },
  };
}
