import type { LongValue } from "./bson-values.js";
import type { Doc } from "./driver.js";
import type { DuplicateKey } from "./errors.js";

/** Documents of a reply's first batch, as bytes. */
export function firstBatch(reply: Doc): readonly Uint8Array[] {
  return (reply["cursor"] as { readonly firstBatch: readonly Uint8Array[] }).firstBatch;
}

/** Whether a cursor id says that there is more. */
export function isOpen(id: unknown): boolean {
  if (typeof id === "number") return id !== 0;
  if (typeof id === "bigint") return id !== 0n;
  const long = id as Partial<LongValue> | null | undefined;
  return long != null && (long.low !== 0 || long.high !== 0);
}

/** A count or a version of a reply. */
export function asNumber(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  const long = value as LongValue | null | undefined;
  return long == null ? 0 : long.high * 4_294_967_296 + (long.low >>> 0);
}

/** Errors of single writes in a command's reply. */
export function writeErrors(reply: Doc): readonly Doc[] {
  return (reply["writeErrors"] as readonly Doc[] | undefined) ?? [];
}

/** Whether it is the key that is taken, and not a value of another unique index. */
export function isKey(duplicate: DuplicateKey): boolean {
  return duplicate.index === "_id_" || (duplicate.fields.length === 1 && duplicate.fields[0] === "_id");
}
