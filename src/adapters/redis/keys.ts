import { PART, tagText, textEncoder } from "../../plan/redis/encoding.js";
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
