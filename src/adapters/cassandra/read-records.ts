import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { inParallel } from "../../internal/in-parallel.js";
import type { ReadCall, RecordData, Versioned } from "../port/adapter.js";
import { readLevel } from "./levels.js";
import type { StoredEntity } from "./write.js";

/** Reads of one call under way at once: each goes to the replicas of its own partition. */
const IN_FLIGHT = 128;

/** Reads records by their keys, each from its own partition; one answer for each, in order. */
export async function readMany(
  keys: readonly RecordData[],
  entity: StoredEntity,
  call: ReadCall,
  deadline: Deadline,
): Promise<readonly (Versioned | undefined)[]> {
  const { codec } = entity;
  if (call.consistency === "strong" && codec.entity.writes === "plain") {
    throw new KeyfoldError(
      "CONSISTENCY_UNSUPPORTED",
      `${codec.entity.entity} is append-only: it is written without lightweight transactions, which a "strong" read would need.`,
      {
        fix: 'Read it at "session", or declare the entity without appendOnly.',
      },
    );
  }
  const level = readLevel(call.consistency, entity.requests.levels);
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) return [await readOne(only, entity, level, deadline)];
  // The same key twice is read once.
  const distinct = new Map(keys.map((key) => [codec.identity(key), key]));
  const found = new Map<string, Versioned | undefined>();
  await inParallel([...distinct], IN_FLIGHT, async ([identity, key]) => {
    found.set(identity, await readOne(key, entity, level, deadline));
  });
  return keys.map((key) => found.get(codec.identity(key)));
}

/** Whether no record can have this key: an empty or too long one, which the server does not even look for. */
export function isNoKey(key: RecordData, { codec }: StoredEntity): boolean {
  return codec.home.fault(codec.home.key(key, codec.identity(key))) !== undefined;
}

async function readOne(
  key: RecordData,
  entity: StoredEntity,
  level: number,
  deadline: Deadline,
): Promise<Versioned | undefined> {
  if (isNoKey(key, entity)) return undefined;
  const { requests, codec, home } = entity;
  const { rows } = await requests.read(home.read, codec.home.key(key, codec.identity(key)), level, deadline);
  const row = rows?.[0];
  const stored = row === undefined ? undefined : codec.stored(row, requests.clock.now());
  return stored?.record === undefined ? undefined : { record: stored.record, version: stored.version };
}
