import type { EntityStore } from "../port/adapter.js";
import { compiledStore, type EntityOperations } from "../port/entity-store.js";
import { insertMany } from "./insert-many.js";
import { deleteOne, insertOne, putOne, updateOne } from "./modify.js";
import { readMany } from "./read-records.js";
import type { StoredEntity } from "./write.js";

const operations: EntityOperations<StoredEntity> = {
  getMany: readMany,
  insert: insertOne,
  insertMany,
  put: putOne,
  update: updateOne,
  delete: deleteOne,
};

/** One entity's records. */
export const cqlEntityStore = (entity: StoredEntity): EntityStore => compiledStore(operations, entity);
