import { KeyfoldError } from "../../internal/errors.js";
import type { CqlTable } from "../../plan/cassandra/types.js";

/** Longest key of a partition, and most bytes of a row's clustering values: each has a length of 16 bits. */
const MOST_BYTES = 65_535;
/** Bytes of a value in a composite key beside its own. */
const COMPOSITE_BYTES = 3;

/** Finds what the server refuses about a row's key; undefined: nothing. */
export type KeyCheck = (key: readonly unknown[]) => KeyfoldError | undefined;

/**
 * Compiles the check of a table's keys: an only partition column may not be empty, and no key longer than 65,535 bytes
 * (https://cassandra.apache.org/doc/5.0/cassandra/reference/cql-commands/create-table.html; `Validation.validateKey`).
 */
export function compileKeyCheck({ name, partition, clustering, bucketsTable }: CqlTable, entity: string): KeyCheck {
  const width = partition.length;
  // The table of a group's buckets has the group alone as its key.
  const group = partition.flatMap(({ source }, at) => {
    const asked = source.kind === "field" || (source.kind === "bucket" && source.asked);
    return bucketsTable === undefined || asked ? [at] : [];
  });
  const only = group.length === 1 ? (group[0] as number) : undefined;
  const fields = [...partition, ...clustering].map(({ source, name: column }) =>
    source.kind === "shard" ? column : source.field,
  );
  return (key) => {
    if (only !== undefined && key[only] !== undefined && lengthOf(key[only]) === 0) {
      return new KeyfoldError("INPUT_INVALID", `${entity}.${fields[only]} is empty, and ${name} has it as its key.`, {
        fix: "Cassandra and ScyllaDB take no empty key: store a value, or leave an optional field out.",
        data: { entity, field: fields[only], table: name },
      });
    }
    let [bytes, inRow] = [width > 1 ? width * COMPOSITE_BYTES : 0, 0];
    for (let at = 0; at < key.length; at++) {
      if (at < width) bytes += lengthOf(key[at]);
      else inRow += lengthOf(key[at]);
    }
    const most = Math.max(bytes, inRow);
    if (most <= MOST_BYTES) return undefined;
    const named = bytes > MOST_BYTES ? fields.slice(0, width) : fields.slice(width);
    return new KeyfoldError("TOO_LARGE", `${named.join(", ")} of ${entity} has ${most} bytes as a key of ${name}.`, {
      fix: `A key has at most ${MOST_BYTES.toLocaleString("en")} bytes: put a digest of the value beside it, and ask by that.`,
      data: { entity, fields: named, table: name, bytes: most, limit: MOST_BYTES },
    });
  };
}

/** Bytes of a key's value; of those that are neither text nor bytes no more than they have. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.byteLength : 8;
}
