/**
 * What an index holds: an entry for each value that a row has in the index's column. A key is the value, as bytes that
 * sort, and the key of the row; the entry's value is the row's key again. Rows may have changed since in ways that time
 * brings (what has ended is still there until it is swept), so whoever finds a row by an index looks at it again.
 */
import type { Column, Index, Table } from "../schema/table.js";
import { keyPart, ListType, MapType } from "../types/type.js";
import { type Cell, isParts, type Row } from "./cells.js";
import { kind, prefixLength, splitKey } from "./keys.js";
import { clusteringOf, decodeRow } from "./row.js";

/** Longer values share the entries of their beginnings: keys of a durable store are short. */
const longestPart = 256;

/** A value as the beginning of keys of an index. */
export function indexPart(part: string): string {
  return part.length > longestPart ? part.slice(0, longestPart) : part;
}

/** Whether the entries of this value are its own. */
export function isWholePart(part: string): boolean {
  return part.length <= longestPart;
}

/** Above every key that begins with a part: the keys of rows begin with tokens, which may be 0xFF throughout. */
export const aboveRows = "\xff".repeat(11);

/** What an entry of a map is called, of its key's and its value's parts. */
export function entryPart(key: string, value: string): string {
  return key + value;
}

function partsOfCell(index: Index, column: Column, path: string, cell: Cell): string | undefined {
  if (cell.value === null) return undefined;
  const { type } = column;
  if (type instanceof MapType) {
    const key = () => keyPart(type.keys, Buffer.from(path, "latin1"));
    const value = () => keyPart(type.values, cell.value);
    if (index.of === "keys") return key();
    return index.of === "values" ? value() : entryPart(key(), value());
  }
  if (type instanceof ListType) return keyPart(type.element, cell.value);
  const { element } = type as unknown as { element: Column["type"] };
  return keyPart(element, Buffer.from(path, "latin1"));
}

/** The values that a stored row has in the column of an index. */
function partsOf(index: Index, column: Column, key: string, bytes: Buffer, table: Table): string[] {
  const at = prefixLength(key);
  const isStatic = key[at] === kind.staticRow;
  switch (column.kind) {
    case "partition_key": {
      const values = splitKey(Buffer.from(key.slice(10, at), "latin1"), table.partitionKey.length);
      return [keyPart(column.type, values[column.position]!)];
    }
    case "clustering": {
      if (isStatic) return [];
      const value = clusteringOf(bytes, table.clustering.length)[column.position];
      return value === undefined || value === null ? [] : [keyPart(column.type, value)];
    }
    default: {
      if (isStatic !== (column.kind === "static")) return [];
      const row: Row = decodeRow(bytes, isStatic ? 0 : table.clustering.length);
      const cell = row.cells.get(column.id);
      if (cell === undefined) return [];
      if (!isParts(cell)) return cell.value === null ? [] : [keyPart(column.type, cell.value)];
      const parts: string[] = [];
      for (const [path, part] of cell.cells) {
        const text = partsOfCell(index, column, path, part);
        if (text !== undefined) parts.push(text);
      }
      return parts;
    }
  }
}

/** The keys that a stored row has in an index; none for what is no row. */
export function indexKeys(index: Index, table: Table, key: string, bytes: Buffer | undefined): ReadonlySet<string> {
  if (bytes === undefined || key[prefixLength(key)] === kind.deletions) return nothing;
  const column = table.columns.get(index.column)!;
  return new Set(partsOf(index, column, key, bytes, table).map((part) => indexPart(part) + key));
}

const nothing: ReadonlySet<string> = new Set();
