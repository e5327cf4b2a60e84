import { Binary } from "bson";
import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { MongoError } from "../errors.js";

/** About how many bytes a value takes in memory; raw documents share the bytes that they were read from. */
export function approximateBytes(value: Value | undefined): number {
  if (typeof value === "string") return 32 + value.length;
  if (value instanceof Doc) {
    if (value.isRaw) return 96 + value.toBytes().length;
    let bytes = 96;
    for (const name of value.keys()) bytes += 16 + name.length;
    for (const each of value.values()) bytes += approximateBytes(each);
    return bytes;
  }
  if (Array.isArray(value)) {
    let bytes = 32;
    for (const each of value) bytes += 8 + approximateBytes(each);
    return bytes;
  }
  if (value instanceof Binary) return 64 + value.length();
  return 16;
}

/** What one stage may hold at once: MongoDB would spill to disk beyond 100 MB, this engine keeps all in memory. */
export const stageLimitBytes = 512 * 1024 * 1024;

/** The error of a stage that holds more than {@link stageLimitBytes}. */
export function stageTooLarge(stage: string): MongoError {
  return new MongoError(
    292,
    "QueryExceededMemoryLimitNoDiskUseAllowed",
    `Exceeded memory limit for ${stage}: this engine keeps what a stage holds in memory, up to ${stageLimitBytes} bytes`,
  );
}
