import type { EntityStore } from "../port/adapter.js";
import { compiledStore, type EntityOperations } from "../port/entity-store.js";
import { deleteOne } from "./delete.js";
import { insertOne } from "./insert.js";
import { insertMany } from "./insert-many.js";
import { putOne, updateOne } from "./modify.js";
import { readMany } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** A write is one request: of one item, or of a transaction with all that is made of the record. */
const operations: EntityOperations<StoredEntity> = {
  getMany: readMany,
  insert: insertOne,
  insertMany,
  put: putOne,
  update: updateOne,
  delete: deleteOne,
};

/** One entity's records. */
export const dynamoEntityStore = (entity: StoredEntity): EntityStore => compiledStore(operations, entity);
