import { DEAD, DONE, GONE, VERSION, WRITES } from "../../plan/cassandra/names.js";
import { deleteText, identifierList, type Qualify, updateText } from "../../plan/cassandra/statements.js";
import type { Codec } from "./codec.js";
import type { Statement } from "./requests.js";

/** Statements on the home table of an entity. */
export interface HomeStatements {
  readonly read: Statement;
  /** A record where none is: all columns, under the condition that there is no version. */
  readonly create: Statement;
  /** Further columns of `create`'s condition: a record of somebody else has no version, but it has these. */
  readonly required: readonly string[];
  /** All columns, where the version is still the one that was read. */
  readonly change: Statement;
  /** The mark of a deleted record. */
  readonly bury: Statement;
  readonly remove: Statement;
  /** The mark that all that is made of a version is written; with a TTL, 0 for none. */
  readonly done: Statement;
}

/** Seconds for which the row of a deleted record remembers its version. */
export const BURIED_SECONDS = 86_400;

/** Columns of a record that are set by `create` and `change`, in their order, before keyfold's own. */
export function homeColumns({ home, entity }: Codec): readonly string[] {
  return entity.columns.map(({ name }) => name).filter((name) => !home.keyColumns.includes(name));
}

/** keyfold's own columns that a home has beside its version. */
export function booksOf({ home }: Codec): readonly string[] {
  const names = home.plan.columns.map(({ name }) => name);
  return [WRITES, GONE, DEAD].filter((name) => names.includes(name));
}

/** Makes the statements once. */
export function homeStatements(codec: Codec, qualify: Qualify): HomeStatements {
  const { home, entity } = codec;
  const { name } = home.plan;
  const key = home.keyColumns;
  const own = homeColumns(codec);
  const books = [VERSION, ...booksOf(codec)];
  const statement = (operation: string, query: string): Statement => ({ query, operation, table: name });
  const required = entity.columns
    .filter(({ name: column, type }) => own.includes(column) && !type.optional && !type.nullable)
    .slice(0, 1)
    .map(({ name: column }) => column);
  const ttl = codec.expires === undefined ? {} : { using: " USING TTL ?" };
  const all = [...own, ...books];
  const columns = [...new Set([...key, ...own, ...home.plan.columns.map((column) => column.name)])];
  return {
    read: statement(
      "SELECT",
      `SELECT ${identifierList(columns)} FROM ${qualify(name)} WHERE ${key.map((column) => `${identifierList([column])} = ?`).join(" AND ")}`,
    ),
    required,
    create: statement("UPDATE", updateText(name, all, key, qualify, { ...ttl, conditions: [VERSION, ...required] })),
    change: statement("UPDATE", updateText(name, all, key, qualify, { ...ttl, conditions: [VERSION] })),
    bury: statement(
      "UPDATE",
      updateText(name, all, key, qualify, { using: ` USING TTL ${BURIED_SECONDS}`, conditions: [VERSION] }),
    ),
    remove: statement("DELETE", deleteText(name, key, qualify, [VERSION])),
    done: statement("UPDATE", updateText(name, [DONE], key, qualify, { using: " USING TTL ?" })),
  };
}
