/** How a file's columns become a record's fields: what a model file exports as `mappings.<entity>`. Plain data and functions. */

/** A row as it stands in the file: its cells by column name, and where it is. */
export interface SourceRow {
  /** Text of a CSV cell, or the value of an NDJSON member; undefined where there is none. */
  readonly cells: { readonly [column: string]: unknown };
  /** Position among the data rows, from 1; the header does not count, and a rejected row does. */
  readonly row: number;
  /** Physical line in the file, from 1. */
  readonly line: number;
}

/**
 * Where one field's value comes from:
 * - a column's name: read as the field's type asks (an empty CSV cell is no value);
 * - `column` with `parse`: what the function makes of the cell's text; undefined is no value, a thrown error rejects the row;
 *   it depends on the text alone, and is not called again for an equal neighbour;
 * - `compute`: from the fields that come from columns, which are read first, and from the row;
 * - `row: "number"`: the position of the row in the file, from 1.
 */
export type FieldSource<R, F extends keyof R> =
  | string
  | { readonly column: string; readonly parse?: (text: string) => R[F] | undefined; readonly empty?: "absent" | "keep" }
  | { readonly compute: (record: Partial<R>, row: SourceRow) => R[F] | undefined }
  | { readonly row: "number" };

/**
 * The mapping of one entity: a source for each field. A field that is left out is read from the column of its own name,
 * where the file has one.
 *
 * @example
 * ```ts
 * export const mappings = {
 *   line: {
 *     seq: { row: "number" },
 *     invoiceNo: "InvoiceNo",
 *     total: { compute: ({ quantity, unitPrice }) => multiply(quantity, unitPrice) },
 *   } satisfies Mapping<typeof line>,
 * };
 * ```
 */
export type Mapping<E extends { readonly $record: unknown }> = {
  readonly [F in keyof E["$record"] & string]?: FieldSource<E["$record"], F>;
};

/** A mapping as the loader sees it, without types. */
export type MappingData = { readonly [field: string]: SourceData };
export type SourceData =
  | string
  | { readonly column: string; readonly parse?: (text: string) => unknown; readonly empty?: "absent" | "keep" }
  | { readonly compute: (record: Record<string, unknown>, row: SourceRow) => unknown }
  | { readonly row: "number" };
