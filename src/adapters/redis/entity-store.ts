import type { RedisEntity } from "../../plan/redis/types.js";
import type { EntityStore } from "../port/adapter.js";
import { compiledStore, type EntityOperations } from "../port/entity-store.js";
import { compileCodec } from "./codec.js";
import { insertMany } from "./insert-many.js";
import { compileKeys } from "./keys.js";
import { readMany } from "./read-records.js";
import type { Requests } from "./requests.js";
import { deleteOne, insertOne, putOne, type StoredEntity, updateOne } from "./write.js";

/** What reading and writing an entity's records takes, compiled once. */
export function compileEntity(requests: Requests, entity: RedisEntity): StoredEntity {
  return {
    requests,
    entity,
    fields: Object.fromEntries(entity.fields.map(({ field, type }) => [field, type])),
    codec: compileCodec(entity),
    keys: compileKeys(entity, requests.prefix),
  };
}

/** Every write is one call of the library, which keeps the record and all that finds it. */
const operations: EntityOperations<StoredEntity> = {
  getMany: readMany,
  insert: insertOne,
  insertMany,
  put: putOne,
  update: updateOne,
  delete: deleteOne,
};

/** One entity's records. */
export const redisEntityStore = (entity: StoredEntity): EntityStore => compiledStore(operations, entity);
