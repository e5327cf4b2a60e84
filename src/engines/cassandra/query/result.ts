import type { SchemaChange } from "../schema/catalog.js";
import type { CqlType, Value } from "../types/type.js";
import { writeParts } from "../types/type.js";

/** A column of a result, or of the markers of a statement. */
export interface ColumnSpec {
  readonly keyspace: string;
  readonly table: string;
  readonly name: string;
  readonly type: CqlType;
}

/** Rows that are already written as the protocol has them. */
export interface RowsResult {
  readonly kind: "rows";
  readonly columns: readonly ColumnSpec[];
  readonly count: number;
  /** The values, each with its length. */
  readonly rows: Buffer;
  readonly pagingState: Buffer | undefined;
}

export type Result =
  | { readonly kind: "void" }
  | RowsResult
  | { readonly kind: "keyspace"; readonly keyspace: string }
  | { readonly kind: "schema change"; readonly change: SchemaChange };

export const voidResult: Result = { kind: "void" };

/** Rows from their values. */
export function rowsOf(columns: readonly ColumnSpec[], rows: readonly (readonly Value[])[]): RowsResult {
  const bytes = writeParts(rows.flat(), 1).subarray(4);
  return { kind: "rows", columns, count: rows.length, rows: bytes, pagingState: undefined };
}
