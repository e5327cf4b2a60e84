/** Answers as bytes (section 4.2 and 9). */
import { CqlError, errorCode } from "../errors.js";
import type { Prepared } from "../prepare.js";
import type { ColumnSpec, Result } from "../query/result.js";
import type { SchemaChange } from "../schema/catalog.js";
import { type CqlType, ListType, MapType, NativeType, SetType, TupleType, UserType } from "../types/type.js";
import { Output } from "./output.js";

function writeType(out: Output, type: CqlType): void {
  if (type instanceof NativeType) {
    const { id, javaName, name } = type.facts;
    // Version 4 has no number for durations.
    if (id === 0 || name === "duration") {
      out.short(0);
      out.string(javaName);
    } else out.short(id);
  } else if (type instanceof ListType) {
    out.short(0x20);
    writeType(out, type.element);
  } else if (type instanceof MapType) {
    out.short(0x21);
    writeType(out, type.keys);
    writeType(out, type.values);
  } else if (type instanceof SetType) {
    out.short(0x22);
    writeType(out, type.element);
  } else if (type instanceof UserType) {
    out.short(0x30);
    out.string(type.keyspace);
    out.string(type.typeName);
    out.short(type.fields.names.length);
    type.fields.names.forEach((name, at) => {
      out.string(name);
      writeType(out, type.fields.types[at]!);
    });
  } else if (type instanceof TupleType) {
    out.short(0x31);
    out.short(type.types.length);
    for (const each of type.types) writeType(out, each);
  } else {
    out.short(0);
    out.string(type.javaName);
  }
}

const globalTable = 1;
const morePages = 2;
const noMetadata = 4;

function sameTable(columns: readonly ColumnSpec[]): boolean {
  const [first] = columns;
  return (
    first !== undefined && columns.every(({ keyspace, table }) => keyspace === first.keyspace && table === first.table)
  );
}

/** The columns, after flags, count and paging state. */
function writeColumns(out: Output, columns: readonly ColumnSpec[], global: boolean): void {
  if (global) {
    out.string(columns[0]!.keyspace);
    out.string(columns[0]!.table);
  }
  for (const { keyspace, table, name, type } of columns) {
    if (!global) {
      out.string(keyspace);
      out.string(table);
    }
    out.string(name);
    writeType(out, type);
  }
}

// The columns of a prepared statement are the same in each answer.
const written = new WeakMap<readonly ColumnSpec[], { readonly bytes: Buffer; readonly global: boolean }>();

function columnBytes(columns: readonly ColumnSpec[]): { readonly bytes: Buffer; readonly global: boolean } {
  let found = written.get(columns);
  if (found === undefined) {
    const out = new Output(256);
    const global = sameTable(columns);
    writeColumns(out, columns, global);
    found = { bytes: out.take(), global };
    written.set(columns, found);
  }
  return found;
}

/** Forgets what was written of columns: a type that they have may have changed. */
export function writeSchemaChange(out: Output, change: SchemaChange): void {
  out.string(change.change);
  out.string(change.target);
  out.string(change.keyspace);
  if (change.name !== undefined) out.string(change.name);
}

/** The body of a RESULT. */
export function writeResult(out: Output, result: Result, skipMetadata: boolean): void {
  switch (result.kind) {
    case "void":
      out.int(1);
      return;
    case "keyspace":
      out.int(3);
      out.string(result.keyspace);
      return;
    case "schema change":
      out.int(5);
      writeSchemaChange(out, result.change);
      return;
    case "rows": {
      out.int(2);
      const { columns, pagingState } = result;
      const { bytes, global } = columnBytes(columns);
      const more = pagingState === undefined ? 0 : morePages;
      out.int(skipMetadata ? noMetadata | more : (global ? globalTable : 0) | more);
      out.int(columns.length);
      if (pagingState !== undefined) out.value(pagingState);
      if (!skipMetadata) out.raw(bytes);
      out.int(result.count);
      out.raw(result.rows);
      return;
    }
    default: {
      const never: never = result;
      throw new Error(`not a result: ${String(never)}`);
    }
  }
}

/** The body of the answer to PREPARE. */
export function writePrepared(out: Output, prepared: Prepared): void {
  out.int(4);
  out.shortBytes(prepared.id);
  const { markers, keyMarkers, plan } = prepared;
  const global = sameTable(markers);
  out.int(global ? globalTable : 0);
  out.int(markers.length);
  out.int(keyMarkers.length);
  for (const at of keyMarkers) out.short(at);
  writeColumns(out, markers, global);
  if (plan.kind !== "select") {
    out.int(noMetadata);
    out.int(0);
    return;
  }
  const { columns } = plan.select;
  const { bytes, global: sameSource } = columnBytes(columns);
  out.int(sameSource ? globalTable : 0);
  out.int(columns.length);
  out.raw(bytes);
}

/** The body of an ERROR. */
export function writeError(out: Output, error: CqlError): void {
  out.int(error.code);
  out.string(error.message.length > 16_000 ? error.message.slice(0, 16_000) : error.message);
  const { detail } = error;
  if (detail === undefined) return;
  switch (detail.kind) {
    case "unavailable":
      out.short(detail.consistency);
      out.int(detail.required);
      out.int(detail.alive);
      return;
    case "write-timeout":
      out.short(detail.consistency);
      out.int(detail.received);
      out.int(detail.blockFor);
      out.string(detail.writeType);
      return;
    case "read-timeout":
      out.short(detail.consistency);
      out.int(detail.received);
      out.int(detail.blockFor);
      out.byte(detail.dataPresent ? 1 : 0);
      return;
    case "already-exists":
      out.string(detail.keyspace);
      out.string(detail.table);
      return;
    case "unprepared":
      out.shortBytes(detail.id);
      return;
    case "function-failure":
      out.string(detail.keyspace);
      out.string(detail.name);
      out.stringList(detail.args);
      return;
    default: {
      const never: never = detail;
      throw new Error(`not a detail: ${String(never)}`);
    }
  }
}

/** What went wrong inside the engine is told as an error of the server, and does not end the process. */
export function toCqlError(error: unknown): CqlError {
  if (error instanceof CqlError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (process.env["KEYFOLD_DEBUG"] !== undefined) console.error(error);
  if (error instanceof RangeError && /call stack/i.test(text))
    return new CqlError(errorCode.syntax, "the statement is nested too deeply");
  return new CqlError(errorCode.server, `Unexpected error in the embedded engine: ${text}`);
}
