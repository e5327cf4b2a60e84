import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { RedisEntity } from "../../plan/redis/types.js";
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
import { compileCodec } from "./codec.js";
import { insertMany } from "./insert-many.js";
import { compileKeys } from "./keys.js";
import type { Requests } from "./requests.js";
import { deleteOne, insertOne, putOne, type StoredEntity, updateOne } from "./write.js";

/** Keys of one MGET. */
const KEYS_PER_READ = 1_000;

/** One entity's records. Every write is one call of the library, which keeps the record and all that finds it. */
export class RedisEntityStore implements EntityStore {
  readonly stored: StoredEntity;

  constructor(requests: Requests, entity: RedisEntity) {
    this.stored = {
      requests,
      entity,
      fields: Object.fromEntries(entity.fields.map(({ field, type }) => [field, type])),
      codec: compileCodec(entity),
      keys: compileKeys(entity, requests.prefix),
    };
  }

  /** Awaits the work before the deadline's timer ends. */
  async #within<T>(call: Call, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    using deadline = this.stored.requests.deadline(call);
    return await work(deadline);
  }

  getMany(keys: readonly RecordData[], call: ReadCall): Promise<readonly (Versioned | undefined)[]> {
    return this.#within(call, async (deadline) => {
      const { requests, codec, keys: names } = this.stored;
      const found: (Versioned | undefined)[] = new Array(keys.length);
      const read = async (base: string, positions: readonly number[]): Promise<void> => {
        const asked = positions.map((position) => names.record(keys[position]!));
        const texts = (await requests.read(base, "MGET", asked, asked[0]!, call, deadline)) as (string | null)[];
        // Decoded for each caller: two of them must not share one object.
        for (const [i, text] of texts.entries()) found[positions[i]!] = text === null ? undefined : codec.decode(text);
      };
      // One MGET, or one for each partition, all under way at once.
      const places = new Map<string, number[]>();
      for (const [position, key] of keys.entries()) {
        const base = names.base(key);
        const place = places.get(requests.link.cluster ? base : "");
        if (place === undefined) places.set(requests.link.cluster ? base : "", [position]);
        else place.push(position);
      }
      const reads: Promise<void>[] = [];
      for (const [base, positions] of places) {
        for (let from = 0; from < positions.length; from += KEYS_PER_READ)
          reads.push(read(base, positions.slice(from, from + KEYS_PER_READ)));
      }
      await Promise.all(reads);
      return found;
    });
  }

  insert(record: RecordData, call: WriteCall): Promise<WriteOutcome> {
    return this.#within(call, (deadline) => insertOne(record, this.stored, call, deadline));
  }

  async insertMany(records: readonly RecordData[], call: WriteCall): Promise<readonly WriteOutcome[]> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        "insertMany takes no writeId: a record's key already makes its insert harmless to repeat.",
      );
    }
    return this.#within(call, (deadline) => insertMany(records, this.stored, call, deadline));
  }

  put(record: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    return this.#within(call, (deadline) => putOne(record, this.stored, call, deadline));
  }

  update(key: RecordData, changes: Changes, call: ConditionalCall): Promise<WriteOutcome> {
    return this.#within(call, (deadline) => updateOne(key, changes, this.stored, call, deadline));
  }

  async delete(key: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError("INPUT_INVALID", "A delete takes no writeId: the record that would remember it is gone.", {
        fix: "Use ifVersion, which makes it harmless to delete twice.",
      });
    }
    return this.#within(call, (deadline) => deleteOne(key, this.stored, call, deadline));
  }
}
