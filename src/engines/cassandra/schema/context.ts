import type { TableName } from "../cql/ast.js";
import { invalid, unauthorized } from "../errors.js";
import type { Catalog } from "./catalog.js";
import { systemNames } from "./system-schema.js";
import type { Index, Table } from "./table.js";

/** What a change of the schema works with. */
export interface SchemaContext {
  readonly catalog: Catalog;
  readonly keyspace: string | undefined;
  readonly dataCenter: string;
  readonly warnings: string[];
  readonly newId: () => Buffer;
  /** Microseconds. */
  readonly timestamp: bigint;
  /** Drops the rows of a table. */
  readonly dropData: (table: Table) => void;
  /** Fills an index from the rows that are there. */
  readonly buildIndex: (table: Table, index: Index) => void;
  readonly dropIndexData: (index: Index) => void;
  /** Drops the cells of a column that were written up to this time, in microseconds. */
  readonly dropCells: (table: Table, column: number, until: bigint) => void;
}

/** The keyspace that a statement means. */
export function keyspaceOf(name: TableName, context: { readonly keyspace: string | undefined }): string {
  const keyspace = name.keyspace ?? context.keyspace;
  if (keyspace === undefined)
    throw invalid("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename");
  return keyspace;
}

export function forbidSystem(keyspace: string): void {
  if (systemNames.includes(keyspace)) throw unauthorized(`${keyspace} keyspace is not user-modifiable.`);
}
