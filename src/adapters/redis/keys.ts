import { NO_KEY, PART, tagText, textEncoder } from "../../plan/redis/encoding.js";
import type { RedisEntity } from "../../plan/redis/types.js";
import type { RecordData } from "../port/adapter.js";

/** Names of an entity's keys. */
export interface RecordKeys {
  /** What all keys of a record's partition begin with: `shop:{line}`. */
  base(key: RecordData): string;
  /** The record's own key. */
  record(key: RecordData): string;
}

/** Compiles the names of an entity's keys once. */
export function compileKeys(entity: RedisEntity, prefix: string): RecordKeys {
  const encoders = new Map(
    entity.fields
      .filter(({ field }) => entity.key.includes(field))
      .map(({ field, type }) => [field, textEncoder(type)]),
  );
  const joined = (fields: readonly string[], key: RecordData): string =>
    fields.map((field) => encoders.get(field)!(key[field])).join(PART);
  const head = `${prefix}:{${tagText(entity.storedAs)}`;
  const whole = `${head}}`;
  const base =
    entity.partition.length === 0
      ? () => whole
      : (key: RecordData) => `${head}:${tagText(joined(entity.partition, key))}}`;
  return { base, record: (key) => `${base(key)}:${joined(entity.rest, key)}` };
}

/**
 * A partition's keys and one that is never there, so that a function does not run on a part of the partition while a
 * Cluster moves its slot. A write has its mark, which is not there either.
 */
export function withNoKey(keys: readonly string[]): readonly string[] {
  const [first = ""] = keys;
  return [...keys, first.slice(0, first.indexOf("}") + 1) + NO_KEY];
}
