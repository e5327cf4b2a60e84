import type { MongoCollection, MongoGrants } from "./types.js";

/** The least privileges: reading and writing the collections to run; creating collections and indexes to apply. */
export function grantsOf(collections: readonly MongoCollection[]): MongoGrants {
  const names = collections.map((collection) => collection.name);
  return {
    run: names.map((collection) => ({ collection, actions: ["find", "insert", "listIndexes", "remove", "update"] })),
    apply: [
      { collection: "", actions: ["listCollections"] },
      ...names.map((collection) => ({ collection, actions: ["createCollection", "createIndex", "listIndexes"] })),
    ],
  };
}
