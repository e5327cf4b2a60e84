import { KeyfoldError } from "../../internal/errors.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { Codec } from "./codec.js";
import type { Doc } from "./driver.js";

/** MongoDB's limit for one document. */
export const MAX_DOCUMENT_BYTES = 16_777_216;

/** The error of a record that is larger than a document may be. */
export function tooLarge(collection: MongoCollection, bytes: number): KeyfoldError {
  return new KeyfoldError(
    "TOO_LARGE",
    `A record of ${collection.entity} takes about ${(bytes / 1_048_576).toFixed(1)} MB; MongoDB stores at most 16 MB in one document.`,
    { fix: "Keep the large part in records of its own.", data: { bytes, limit: MAX_DOCUMENT_BYTES } },
  );
}

/** The document's bytes, exactly where they come near the limit; throws TOO_LARGE. */
export function checkSize(document: Doc, codec: Codec, collection: MongoCollection): number {
  const bound = codec.lastSize() + 64;
  if (bound <= MAX_DOCUMENT_BYTES) return bound;
  const exact = byteLength(document) + 64;
  if (exact > MAX_DOCUMENT_BYTES) throw tooLarge(collection, exact);
  return exact;
}

/** Bytes of a document as BSON. */
export function byteLength(document: object): number {
  let bytes = 5;
  for (const [name, value] of Object.entries(document)) bytes += 2 + Buffer.byteLength(name) + valueLength(value);
  return bytes;
}

function valueLength(value: unknown): number {
  switch (typeof value) {
    case "string":
      return 5 + Buffer.byteLength(value);
    case "number":
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 4 : 8;
    case "boolean":
      return 1;
    case "bigint":
      return 8;
    case "object": {
      if (value === null) return 0;
      if (value instanceof Date) return 8;
      const tag = (value as { readonly _bsontype?: string })._bsontype;
      if (tag === "Decimal128") return 16;
      if (tag === "Binary") return 5 + (value as { readonly position: number }).position;
      if (tag !== undefined) return 8;
      return byteLength(value);
    }
    default:
      return 0;
  }
}
