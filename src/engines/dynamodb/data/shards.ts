import type { Tree } from "../../storage/store.js";
import type { StreamDefinition } from "./definition.js";
import { recordKey, recordNumber } from "./stream-numbers.js";

/** How long DynamoDB keeps records of a stream, and a shard behind its last one. */
export const retentionMs = 24 * 3600 * 1000;

/** How long a shard is written to, unless the engine is started with another time: about as long as on AWS. */
export const usualShardMs = 4 * 3600 * 1000;

/** A part of a stream's records. They lie one behind the other: each is the child of the one before. */
export interface Shard {
  readonly id: string;
  readonly parentId: string | undefined;
  /** Numbers that it has: from the first, up to the last once it is closed. */
  readonly first: number;
  readonly last: number | undefined;
}

/** What is stored of a shard, under its first number. */
interface StoredShard {
  readonly ms: number;
  readonly ordinal: number;
  readonly parentId: string;
}

/** Keys of shards: behind that of number 0, which no record has. */
const prefix = recordKey(0);
const [from, to] = [prefix, `${prefix}\xff`];

/** An id as AWS makes it: the time at which the shard begins, and something that tells two of one time apart. */
function idOf(ms: number, ordinal: number): string {
  return `shardId-${String(ms).padStart(20, "0")}-${String(ordinal).padStart(8, "0")}`;
}

/**
 * The shards of one stream. On AWS a shard is closed after about four hours, or when its partition splits, and the ones
 * that take over name it as their parent: a consumer reads the parent to its end first
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html). Here partitions do not split.
 */
export class Shards {
  readonly #definition: StreamDefinition;
  readonly #tree: Tree;
  /** Milliseconds that a shard is open. */
  readonly #shardMs: number;
  #dueMs: number | undefined;

  constructor(definition: StreamDefinition, tree: Tree, shardMs: number) {
    this.#definition = definition;
    this.#tree = tree;
    this.#shardMs = shardMs;
  }

  /** Those that are kept, oldest first. `next` is the number of the next record. */
  list(nowMs: number, next: number): Shard[] {
    const { createdMs, disabledMs } = this.#definition;
    const all = [{ first: 1, id: idOf(createdMs, 1), parentId: undefined as string | undefined, ms: createdMs }];
    for (const { first, stored } of this.#stored()) {
      const { ms, ordinal, parentId } = stored;
      all.push({ first, id: idOf(ms, ordinal), parentId, ms });
    }
    return all.flatMap(({ first, id, parentId }, at) => {
      const child = all[at + 1];
      const closedMs = child === undefined ? disabledMs : child.ms;
      if (closedMs !== undefined && closedMs <= nowMs - retentionMs) return [];
      const last = child !== undefined ? child.first - 1 : disabledMs === undefined ? undefined : next - 1;
      return [{ id, parentId, first, last: last === undefined ? undefined : Math.max(first, last) }];
    });
  }

  *#stored(): Iterable<{ first: number; stored: StoredShard }> {
    const cursor = this.#tree.scan({ from, to });
    while (cursor.next()) {
      const stored = JSON.parse(cursor.value.toString("utf8")) as StoredShard;
      yield { first: recordNumber(cursor.key.slice(prefix.length)), stored };
    }
  }

  #newest(): { first: number; stored: StoredShard } | undefined {
    return [...this.#stored()].at(-1);
  }

  /** The lowest number that a record in the open shard can have. */
  get floor(): number {
    const newest = this.#newest();
    return newest === undefined ? 1 : newest.first + 1;
  }

  /** Whether the open shard has been open long enough. */
  isDue(nowMs: number): boolean {
    this.#dueMs ??= (this.#newest()?.stored.ms ?? this.#definition.createdMs) + this.#shardMs;
    return nowMs >= this.#dueMs;
  }

  /**
   * Closes the open shard and opens its child, and forgets those that nobody can read any more; only inside a write of
   * the store.
   *
   * @param next the number of the next record; the child's first number, which is left unused so that no shard is empty
   * @returns the next number from now on
   */
  roll(nowMs: number, next: number): number {
    const { createdMs } = this.#definition;
    const newest = this.#newest();
    const parentId = newest === undefined ? idOf(createdMs, 1) : idOf(newest.stored.ms, newest.stored.ordinal);
    const first = Math.max(2, next);
    const stored: StoredShard = { ms: nowMs, ordinal: (newest?.stored.ordinal ?? 1) + 1, parentId };
    const old = [...this.#stored()];
    this.#tree.put(prefix + recordKey(first), Buffer.from(JSON.stringify(stored)));
    old.forEach((each, at) => {
      const closedMs = old[at + 1]?.stored.ms ?? nowMs;
      if (closedMs <= nowMs - retentionMs) this.#tree.delete(prefix + recordKey(each.first));
    });
    // Read again when it is asked for: the write may be taken back.
    this.#dueMs = undefined;
    return first + 1;
  }
}
