/** Statements as text: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/dml.html */

import { identifier } from "./names.js";
import type { CqlRelation, CqlSelect } from "./types.js";

/** Puts a table's name into a statement: with its keyspace, where there is one. */
export type Qualify = (table: string) => string;

/** Names alone, as a plan shows them. */
export const unqualified: Qualify = identifier;

/** Names in a keyspace. */
export function inKeyspace(keyspace: string): Qualify {
  const space = identifier(keyspace);
  return (table) => `${space}.${identifier(table)}`;
}

/** One relation; more columns than one, and all of an order, as tuples. */
function relationText({ columns, operator, slots }: CqlRelation): string {
  if (operator === "=" && columns.length === 1) return `${identifier(columns[0] as string)} = ?`;
  return `(${columns.map(identifier).join(", ")}) ${operator} (${slots.map(() => "?").join(", ")})`;
}

/** A SELECT; optional relations only where they are wanted. */
export function selectText(
  select: CqlSelect,
  qualify: Qualify,
  wanted: (relation: CqlRelation) => boolean,
  limit = true,
): string {
  const where = select.where.filter((relation) => !relation.optional || wanted(relation)).map(relationText);
  const order =
    select.order.length === 0
      ? ""
      : ` ORDER BY ${select.order.map(({ column, direction }) => `${identifier(column)} ${direction.toUpperCase()}`).join(", ")}`;
  return `SELECT ${identifierList(select.columns)} FROM ${qualify(select.table)} WHERE ${where.join(" AND ")}${order}${limit ? " LIMIT ?" : ""}`;
}

/** Names with commas between them. */
export function identifierList(columns: readonly string[]): string {
  return columns.map(identifier).join(", ");
}

/** An INSERT of all these columns. */
export function insertText(table: string, columns: readonly string[], qualify: Qualify, using = ""): string {
  return `INSERT INTO ${qualify(table)} (${identifierList(columns)}) VALUES (${columns.map(() => "?").join(", ")})${using}`;
}

function equals(columns: readonly string[]): string {
  return columns.map((name) => `${identifier(name)} = ?`).join(" AND ");
}

/** An UPDATE of these columns by a key; `conditions` are columns that must have a value. */
export function updateText(
  table: string,
  columns: readonly string[],
  key: readonly string[],
  qualify: Qualify,
  more: { readonly using?: string; readonly conditions?: readonly string[] } = {},
): string {
  const sets = columns.map((name) => `${identifier(name)} = ?`).join(", ");
  const conditions = more.conditions === undefined ? "" : ` IF ${equals(more.conditions)}`;
  return `UPDATE ${qualify(table)}${more.using ?? ""} SET ${sets} WHERE ${equals(key)}${conditions}`;
}

/** A DELETE of a row by its key. */
export function deleteText(
  table: string,
  key: readonly string[],
  qualify: Qualify,
  conditions?: readonly string[],
): string {
  return `DELETE FROM ${qualify(table)} WHERE ${equals(key)}${conditions === undefined ? "" : ` IF ${equals(conditions)}`}`;
}
