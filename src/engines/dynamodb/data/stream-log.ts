import type { Tree } from "../../storage/store.js";
import { equalItems, type Item, itemSize } from "../values/attribute-value.js";
import type { StreamDefinition } from "./definition.js";
import type { Table, Writer } from "./table.js";

/** How long DynamoDB keeps records of a stream. */
export const retentionMs = 24 * 3600 * 1000;

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

const numberBytes = 7;

function recordKey(number: number): string {
  let key = "";
  for (let at = numberBytes - 1; at >= 0; at--) key += String.fromCharCode(Math.floor(number / 256 ** at) % 256);
  return key;
}

function recordNumber(key: string): number {
  let number = 0;
  for (let at = 0; at < numberBytes; at++) number = number * 256 + key.charCodeAt(at);
  return number;
}

/** Numbers of records as a stream tells them: texts of one length, so that they are in the order of texts too. */
export function sequenceText(number: number): string {
  return `1${String(number).padStart(20, "0")}`;
}

/** The number in such a text; undefined for another text. */
export function sequenceNumber(text: string): number | undefined {
  return /^1[0-9]{20}$/.test(text) ? Number(text.slice(1)) : undefined;
}

/** The records of one stream, in one shard. */
export class StreamLog {
  readonly definition: StreamDefinition;
  readonly #tree: Tree;
  #next: number;

  constructor(definition: StreamDefinition, tree: Tree) {
    this.definition = definition;
    this.#tree = tree;
    const last = tree.last();
    this.#next = last === undefined ? 1 : recordNumber(last) + 1;
  }

  /** The one shard that a stream has here. */
  get shardId(): string {
    return `shardId-${String(this.definition.createdMs).padStart(20, "0")}-00000001`;
  }

  /** The number that the next record will have. */
  get next(): number {
    const last = this.#tree.last();
    // Records that were taken back with their write leave their numbers unused; those of an empty log go on.
    return Math.max(this.#next, last === undefined ? 1 : recordNumber(last) + 1);
  }

  /** The number of the oldest record that is kept; that of the next one when there is none. */
  get first(): number {
    const key = this.#tree.first();
    return key === undefined ? this.next : recordNumber(key);
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

  /** Records from a number on, with their numbers. */
  read(from: number, limit: number, mostBytes: number): { number: number; record: StoredRecord }[] {
    const out: { number: number; record: StoredRecord }[] = [];
    const cursor = this.#tree.scan({ from: recordKey(from) });
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
  isOld(nowMs: number): boolean {
    const cursor = this.#tree.scan();
    if (!cursor.next()) return false;
    const { ms } = JSON.parse(cursor.value.toString("utf8")) as StoredRecord;
    return ms <= nowMs - retentionMs && cursor.key !== this.#tree.last();
  }

  /** Removes records that are older than a day; only inside a write of the store. */
  trim(nowMs: number, most: number): number {
    const keys: string[] = [];
    const cursor = this.#tree.scan();
    while (keys.length < most && cursor.next()) {
      const { ms } = JSON.parse(cursor.value.toString("utf8")) as StoredRecord;
      if (ms > nowMs - retentionMs) break;
      keys.push(cursor.key);
    }
    // The newest stays, so that numbers go on after a restart.
    if (keys[keys.length - 1] === this.#tree.last()) keys.pop();
    for (const key of keys) this.#tree.delete(key);
    return keys.length;
  }
}
