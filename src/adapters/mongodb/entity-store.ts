import type { Deadline } from "../../internal/deadline.js";
import { ended, notEnded } from "../../plan/mongodb/requests.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { EntityStore } from "../port/adapter.js";
import { type EntityOperations, entityStore } from "../port/entity-store.js";
import { compileCodec } from "./codec.js";
import { deleteOne } from "./delete.js";
import { insertOne } from "./insert.js";
import { insertMany } from "./insert-many.js";
import { putOne, updateOne } from "./modify.js";
import { readMany } from "./read-records.js";
import type { Requests } from "./requests.js";
import type { StoredEntity } from "./write.js";

/** One collection, compiled when the driver's version of bson is known. */
export class MongoEntity {
  readonly #requests: Requests;
  readonly #collection: MongoCollection;
  #stored: StoredEntity | undefined;

  constructor(requests: Requests, collection: MongoCollection) {
    this.#requests = requests;
    this.#collection = collection;
  }

  stored(deadline: Deadline): StoredEntity | Promise<StoredEntity> {
    return this.#stored ?? this.#compile(deadline);
  }

  async #compile(deadline: Deadline): Promise<StoredEntity> {
    const { values, exactResend } = await this.#requests.deployment(deadline);
    const collection = this.#collection;
    this.#stored ??= {
      requests: this.#requests,
      collection,
      fields: Object.fromEntries(collection.fields.map((stored) => [stored.field, stored.type])),
      codec: compileCodec(collection, values),
      values,
      ends:
        collection.expires === undefined
          ? undefined
          : { no: notEnded(collection.expires), yes: ended(collection.expires) },
      exactResend,
    };
    return this.#stored;
  }
}

/** Every write is one command on one document, or independent inserts. */
const operations: EntityOperations<StoredEntity> = {
  getMany: readMany,
  insert: insertOne,
  insertMany,
  put: putOne,
  update: updateOne,
  delete: deleteOne,
};

/** One collection's records. */
export function mongoEntityStore(requests: Requests, entity: MongoEntity): EntityStore {
  return entityStore(operations, {
    deadline: (call) => requests.deadline(call),
    entity: (deadline) => entity.stored(deadline),
  });
}
