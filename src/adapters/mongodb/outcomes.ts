import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { DuplicateKey } from "./errors.js";

/** Fields of the record that a unique index is over. */
export function fieldsOf(duplicate: DuplicateKey, collection: MongoCollection): readonly string[] {
  const paths =
    duplicate.fields.length > 0
      ? duplicate.fields
      : Object.keys(collection.indexes.find((index) => index.name === duplicate.index)?.key ?? {});
  return paths.map((path) => collection.fields.find((stored) => stored.path === path)?.field ?? path);
}
