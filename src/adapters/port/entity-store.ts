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
} from "./adapter.js";
import type { WriteOutcome } from "./outcome.js";

/**
 * What an engine does with one entity's records; `E` is what it has compiled for the entity. Each is as in
 * {@link EntityStore}, within a deadline that the store begins and ends.
 */
export interface EntityOperations<E> {
  getMany(
    keys: readonly RecordData[],
    entity: E,
    call: ReadCall,
    deadline: Deadline,
  ): Promise<readonly (Versioned | undefined)[]>;
  insert(record: RecordData, entity: E, call: WriteCall, deadline: Deadline): Promise<WriteOutcome>;
  insertMany(
    records: readonly RecordData[],
    entity: E,
    call: Call,
    deadline: Deadline,
  ): Promise<readonly WriteOutcome[]>;
  put(record: RecordData, entity: E, call: ConditionalCall, deadline: Deadline): Promise<WriteOutcome>;
  update(
    key: RecordData,
    changes: Changes,
    entity: E,
    call: ConditionalCall,
    deadline: Deadline,
  ): Promise<WriteOutcome>;
  delete(key: RecordData, entity: E, call: ConditionalCall, deadline: Deadline): Promise<WriteOutcome>;
}

/** Where a store's deadlines and its entity come from. */
export interface EntitySource<E> {
  /** Begins the deadline of a call. */
  deadline(call: Call): Deadline;
  /** The entity, at once where it is compiled, else when the server was asked what that takes. */
  entity(deadline: Deadline): E | Promise<E>;
}

/** The store of an entity that is compiled from the start; deadlines are those of its requests. */
export function compiledStore<E extends { readonly requests: { deadline(call: Call): Deadline } }>(
  operations: EntityOperations<E>,
  entity: E,
): EntityStore {
  return entityStore(operations, { deadline: (call) => entity.requests.deadline(call), entity: () => entity });
}

/** An entity's store, from what an engine does: deadlines, and what no engine can take, are the same for all. */
export function entityStore<E>(operations: EntityOperations<E>, source: EntitySource<E>): EntityStore {
  /** Awaits the work before the deadline's timer ends. */
  async function within<T>(call: Call, work: (entity: E, deadline: Deadline) => Promise<T>): Promise<T> {
    using deadline = source.deadline(call);
    const entity = source.entity(deadline);
    return await work(entity instanceof Promise ? await entity : entity, deadline);
  }
  return {
    getMany: (keys, call) => within(call, (entity, deadline) => operations.getMany(keys, entity, call, deadline)),
    insert: (record, call) => within(call, (entity, deadline) => operations.insert(record, entity, call, deadline)),
    async insertMany(records, call) {
      if (call.writeId !== undefined) {
        throw new KeyfoldError(
          "INPUT_INVALID",
          "insertMany takes no writeId: a record's key already makes its insert harmless to repeat.",
        );
      }
      return within(call, (entity, deadline) => operations.insertMany(records, entity, call, deadline));
    },
    put: (record, call) => within(call, (entity, deadline) => operations.put(record, entity, call, deadline)),
    update: (key, changes, call) =>
      within(call, (entity, deadline) => operations.update(key, changes, entity, call, deadline)),
    async delete(key, call) {
      if (call.writeId !== undefined) {
        throw new KeyfoldError(
          "INPUT_INVALID",
          "A delete takes no writeId: the record that would remember it is gone.",
          { fix: "Use ifVersion, which makes it harmless to delete twice." },
        );
      }
      return within(call, (entity, deadline) => operations.delete(key, entity, call, deadline));
    },
  };
}
