import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
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
import { deleteOne } from "./delete.js";
import { insertOne } from "./insert.js";
import { insertMany } from "./insert-many.js";
import { putOne, updateOne } from "./modify.js";
import { readMany } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** One entity's records. A write is one request: of one item, or of a transaction with all that is made of the record. */
export class DynamoEntityStore implements EntityStore {
  readonly #entity: StoredEntity;

  constructor(entity: StoredEntity) {
    this.#entity = entity;
  }

  /** Awaits the work before the deadline's timer ends. */
  async #within<T>(call: Call, work: (entity: StoredEntity, deadline: Deadline) => Promise<T>): Promise<T> {
    using deadline = this.#entity.requests.deadline(call);
    return await work(this.#entity, deadline);
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
