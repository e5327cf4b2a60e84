import type { Tree } from "../../storage/store.js";
import { equalItems, type Item, itemSize } from "../values/attribute-value.js";
import type { StreamDefinition } from "./definition.js";
import { retentionMs, type Shard, Shards } from "./shards.js";
import { recordKey, recordNumber } from "./stream-numbers.js";
import type { Table, Writer } from "./table.js";

/** A record as it is stored; `GetRecords` adds what is the same for all. */
export interface StoredRecord {
  readonly name: "INSERT" | "MODIFY" | "REMOVE";
  readonly ms: number;
  readonly keys: Item;
  readonly after?: Item;
  readonly before?: Item;
  readonly bytes: number;
  readonly byTtl?: true;
}

/** The first key that a record can have. */
const firstKey = recordKey(1);
/** Under it, the number of the newest record that was removed because of its age. */
const trimmedKey = `${recordKey(0)}\xff`;

/** The records of one stream, in its shards. */
export class StreamLog {
  readonly definition: StreamDefinition;
  readonly #tree: Tree;
  readonly #shards: Shards;
  #next: number;

  constructor(definition: StreamDefinition, tree: Tree, shardMs: number) {
    this.definition = definition;
    this.#tree = tree;
    this.#shards = new Shards(definition, tree, shardMs);
    this.#next = Math.max(this.#newest + 1, this.#shards.floor);
  }

  /** The number of the newest record; 0 when there is none. */
  get #newest(): number {
    const last = this.#tree.last();
    return last === undefined || last < firstKey ? 0 : recordNumber(last);
  }

  /** The number that the next record will have: numbers of writes that were taken back are left unused. */
  get next(): number {
    return Math.max(this.#next, this.#newest + 1);
  }

  /** The shards that are kept, oldest first. */
  shards(nowMs: number): Shard[] {
    return this.#shards.list(nowMs, this.#next);
  }

  /** The lowest number that can still be read: all records before it are older than a day. */
  horizon(nowMs: number): number {
    let number = Number(this.#tree.get(trimmedKey)?.toString("latin1") ?? 0) + 1;
    const cursor = this.#tree.scan({ from: firstKey });
    while (cursor.next() && isOld(cursor.value, nowMs)) number = recordNumber(cursor.key) + 1;
    return number;
  }

  /** Whether the open shard has to be closed. */
  isDue(nowMs: number): boolean {
    return this.definition.disabledMs === undefined && this.#shards.isDue(nowMs);
  }

  /** Closes the open shard and opens the next; only inside a write of the store. */
  roll(nowMs: number): void {
    this.#next = this.#shards.roll(nowMs, this.next);
  }

  /** Adds what a write did; nothing for a write that changed nothing. */
  append(
    table: Table,
    before: Item | undefined,
    after: Item | undefined,
    sizeBefore: number,
    sizeAfter: number,
    writer: Writer,
    nowMs: number,
  ): void {
    if (before !== undefined && after !== undefined && equalItems(before, after)) return;
    if (this.#shards.isDue(nowMs)) this.roll(nowMs);
    const { view } = this.definition;
    const wantsAfter = view === "NEW_IMAGE" || view === "NEW_AND_OLD_IMAGES";
    const wantsBefore = view === "OLD_IMAGE" || view === "NEW_AND_OLD_IMAGES";
    const keys = table.keyItem((after ?? before)!);
    const record: StoredRecord = {
      name: before === undefined ? "INSERT" : after === undefined ? "REMOVE" : "MODIFY",
      ms: nowMs,
      keys,
      ...(wantsAfter && after !== undefined ? { after } : {}),
      ...(wantsBefore && before !== undefined ? { before } : {}),
      bytes:
        itemSize(keys) +
        (wantsAfter && after !== undefined ? sizeAfter : 0) +
        (wantsBefore && before !== undefined ? sizeBefore : 0),
      ...(writer === "ttl" ? { byTtl: true as const } : {}),
    };
    this.#tree.put(recordKey(this.#next), Buffer.from(JSON.stringify(record)));
    this.#next++;
  }

  /** Records from a number on, with their numbers; up to another one where it is given. */
  read(
    from: number,
    to: number | undefined,
    limit: number,
    mostBytes: number,
  ): { number: number; record: StoredRecord }[] {
    const out: { number: number; record: StoredRecord }[] = [];
    const range = { from: recordKey(from), ...(to === undefined ? {} : { to: recordKey(to + 1) }) };
    const cursor = this.#tree.scan(range);
    let bytes = 0;
    while (out.length < limit && cursor.next()) {
      bytes += cursor.value.length;
      if (out.length > 0 && bytes > mostBytes) break;
      out.push({
        number: recordNumber(cursor.key),
        record: JSON.parse(cursor.value.toString("utf8")) as StoredRecord,
      });
    }
    return out;
  }

  /** Whether there are records that {@link trim} would remove. */
  hasOld(nowMs: number): boolean {
    const cursor = this.#tree.scan({ from: firstKey });
    return cursor.next() && isOld(cursor.value, nowMs) && cursor.key !== this.#tree.last();
  }

  /** Removes records that are older than a day; only inside a write of the store. */
  trim(nowMs: number, most: number): number {
    const keys: string[] = [];
    const cursor = this.#tree.scan({ from: firstKey });
    while (keys.length < most && cursor.next() && isOld(cursor.value, nowMs)) keys.push(cursor.key);
    // The newest stays, so that numbers go on after a restart.
    if (keys[keys.length - 1] === this.#tree.last()) keys.pop();
    for (const key of keys) this.#tree.delete(key);
    const newest = keys.at(-1);
    if (newest !== undefined) this.#tree.put(trimmedKey, Buffer.from(String(recordNumber(newest)), "latin1"));
    return keys.length;
  }
}

function isOld(stored: Buffer, nowMs: number): boolean {
  const { ms } = JSON.parse(stored.toString("utf8")) as StoredRecord;
  return ms <= nowMs - retentionMs;
}
