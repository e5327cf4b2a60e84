import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type {
  Call,
  Changes,
  ConditionalCall,
  EntityStore,
  ReadCall,
  RecordData,
  Versioned,
  WriteCall,
} from "../port/adapter.js";
import type { WriteOutcome } from "../port/outcome.js";
import { type Codec, compileCodec } from "./codec.js";
import { deleteOne } from "./delete.js";
import { insertOne } from "./insert.js";
import { insertMany } from "./insert-many.js";
import { putOne, updateOne } from "./modify.js";
import { readMany } from "./read-records.js";
import type { Requests } from "./requests.js";
import type { StoredEntity } from "./write.js";

/** One collection's records. Every write is one command on one document, or independent inserts. */
export class MongoEntityStore implements EntityStore {
  readonly #requests: Requests;
  readonly #collection: MongoCollection;
  #stored: StoredEntity | undefined;

  constructor(requests: Requests, collection: MongoCollection) {
    this.#requests = requests;
    this.#collection = collection;
  }

  /** The codec, compiled when the driver's version of bson is known. */
  async codec(deadline: Deadline): Promise<Codec> {
    return (await this.#compile(deadline)).codec;
  }

  async #compile(deadline: Deadline): Promise<StoredEntity> {
    if (this.#stored === undefined) {
      const { values, exactResend } = await this.#requests.deployment(deadline);
      const collection = this.#collection;
      this.#stored ??= {
        requests: this.#requests,
        collection,
        fields: Object.fromEntries(collection.fields.map((stored) => [stored.field, stored.type])),
        codec: compileCodec(collection, values),
        values,
        exactResend,
      };
    }
    return this.#stored;
  }

  /** Awaits the work before the deadline's timer ends. */
  async #within<T>(call: Call, work: (entity: StoredEntity, deadline: Deadline) => Promise<T>): Promise<T> {
    using deadline = this.#requests.deadline(call);
    return await work(this.#stored ?? (await this.#compile(deadline)), deadline);
  }

  getMany(keys: readonly RecordData[], call: ReadCall): Promise<readonly (Versioned | undefined)[]> {
    return this.#within(call, (entity, deadline) => readMany(keys, entity, call, deadline));
  }

  insert(record: RecordData, call: WriteCall): Promise<WriteOutcome> {
    return this.#within(call, (entity, deadline) => insertOne(record, entity, call, deadline));
  }

  async insertMany(records: readonly RecordData[], call: WriteCall): Promise<readonly WriteOutcome[]> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        "insertMany takes no writeId: a record's key already makes its insert harmless to repeat.",
      );
    }
    return this.#within(call, (entity, deadline) => insertMany(records, entity, call, deadline));
  }

  put(record: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    return this.#within(call, (entity, deadline) => putOne(record, entity, call, deadline));
  }

  update(key: RecordData, changes: Changes, call: ConditionalCall): Promise<WriteOutcome> {
    return this.#within(call, (entity, deadline) => updateOne(key, changes, entity, call, deadline));
  }

  async delete(key: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError("INPUT_INVALID", "A delete takes no writeId: the record that would remember it is gone.", {
        fix: "Use ifVersion, which makes it harmless to delete twice.",
      });
    }
    return this.#within(call, (entity, deadline) => deleteOne(key, entity, call, deadline));
  }
}
