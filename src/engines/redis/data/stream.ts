import { type Int, normalInt } from "./numbers.js";
import { compareIds, IdMap, type StreamId, zeroId } from "./stream-ids.js";

/** Some entries in a row, as Redis keeps them in one listpack: what trimming by "about" goes by. */
interface Node {
  ms: Int[];
  seq: Int[];
  fields: string[][];
  /** Entries that were deleted from it; they count when it is decided whether it is full. */
  deleted: number;
  bytes: number;
}

/** An entry that was handed to a consumer and is not acknowledged. */
export interface Pending {
  consumer: Consumer;
  deliveredAt: number;
  deliveries: number;
}

export class Consumer {
  readonly name: string;
  /** When it last asked, and when it last got something (−1: never). */
  seenAt: number;
  activeAt = -1;
  readonly pending = new IdMap<Pending>();

  constructor(name: string, now: number) {
    this.name = name;
    this.seenAt = now;
  }
}

export class Group {
  readonly name: string;
  lastId: StreamId;
  /** How many entries of the stream it has read, or −1 when that is not known. */
  entriesRead: Int;
  readonly pending = new IdMap<Pending>();
  readonly consumers = new Map<string, Consumer>();

  constructor(name: string, lastId: StreamId, entriesRead: Int) {
    this.name = name;
    this.lastId = lastId;
    this.entriesRead = entriesRead;
  }

  /** Consumers by name. */
  sortedConsumers(): Consumer[] {
    return [...this.consumers.values()].sort((x, y) => (x.name < y.name ? -1 : 1));
  }
}

export interface StreamEntry {
  readonly id: StreamId;
  readonly fields: readonly string[];
}

/** How a stream is cut: to a length, or from an id on. */
export interface Trim {
  readonly strategy: "maxlen" | "minid";
  readonly maxLength: number;
  readonly minId: StreamId;
  readonly approximate: boolean;
  /** At most so many entries go; 0 for no limit. */
  readonly limit: number;
}

export class StreamData {
  #nodes: Node[] = [];
  length = 0;
  bytes = 0;
  lastId: StreamId = zeroId;
  firstId: StreamId = zeroId;
  maxDeletedId: StreamId = zeroId;
  entriesAdded: Int = 0;
  readonly groups = new Map<string, Group>();

  /** How many nodes there are. */
  get nodeCount(): number {
    return this.#nodes.length;
  }

  sortedGroups(): Group[] {
    return [...this.groups.values()].sort((x, y) => (x.name < y.name ? -1 : 1));
  }

  /** Adds at the end; the id must be greater than the last. */
  append(id: StreamId, fields: string[], maxEntries: number, maxBytes: number): void {
    let bytes = 0;
    for (let i = 0; i < fields.length; i++) bytes += fields[i]!.length;
    let node = this.#nodes.at(-1);
    if (
      node === undefined ||
      (maxBytes > 0 && node.bytes + bytes >= maxBytes) ||
      (maxEntries > 0 && node.ms.length + node.deleted >= maxEntries)
    ) {
      node = { ms: [], seq: [], fields: [], deleted: 0, bytes: 0 };
      this.#nodes.push(node);
    }
    node.ms.push(id.ms);
    node.seq.push(id.seq);
    node.fields.push(fields);
    node.bytes += bytes + fields.length + 8;
    this.bytes += bytes;
    this.length++;
    this.entriesAdded = addOne(this.entriesAdded);
    this.lastId = id;
    if (this.length === 1) this.firstId = id;
  }

  /** Index of the last node whose first entry is not after an id; −1 when all are after it. */
  #nodeFor(id: StreamId): number {
    const nodes = this.#nodes;
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const node = nodes[middle]!;
      const ms = node.ms[0]!;
      if (ms < id.ms || (ms === id.ms && node.seq[0]! <= id.seq)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Index in a node of the first entry that is not before an id. */
  static #indexIn(node: Node, id: StreamId): number {
    let low = 0;
    let high = node.ms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ms = node.ms[middle]!;
      if (ms < id.ms || (ms === id.ms && node.seq[middle]! < id.seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get(id: StreamId): StreamEntry | undefined {
    const node = this.#nodes[this.#nodeFor(id)];
    if (node === undefined) return undefined;
    const at = StreamData.#indexIn(node, id);
    if (at >= node.ms.length || node.ms[at] !== id.ms || node.seq[at] !== id.seq) return undefined;
    return { id, fields: node.fields[at]! };
  }

  /** Up to `count` entries (0: all) between two ids, both included. */
  range(from: StreamId, to: StreamId, count: number, reverse: boolean): StreamEntry[] {
    const out: StreamEntry[] = [];
    const nodes = this.#nodes;
    if (nodes.length === 0 || compareIds(from, to) > 0) return out;
    if (reverse) {
      let n = this.#nodeFor(to);
      if (n < 0) return out;
      let node = nodes[n]!;
      let at = StreamData.#indexIn(node, to);
      if (at >= node.ms.length || compareIds({ ms: node.ms[at]!, seq: node.seq[at]! }, to) > 0) at--;
      while (true) {
        for (; at >= 0; at--) {
          const id = { ms: node.ms[at]!, seq: node.seq[at]! };
          if (compareIds(id, from) < 0) return out;
          out.push({ id, fields: node.fields[at]! });
          if (out.length === count) return out;
        }
        if (--n < 0) return out;
        node = nodes[n]!;
        at = node.ms.length - 1;
      }
    }
    let n = Math.max(0, this.#nodeFor(from));
    let node = nodes[n]!;
    let at = StreamData.#indexIn(node, from);
    while (true) {
      for (; at < node.ms.length; at++) {
        const id = { ms: node.ms[at]!, seq: node.seq[at]! };
        if (compareIds(id, to) > 0) return out;
        out.push({ id, fields: node.fields[at]! });
        if (out.length === count) return out;
      }
      if (++n >= nodes.length) return out;
      node = nodes[n]!;
      at = 0;
    }
  }

  #edge(): void {
    const node = this.#nodes[0];
    this.firstId = node === undefined ? zeroId : { ms: node.ms[0]!, seq: node.seq[0]! };
  }

  /** The last entry that is there, or 0-0. */
  lastValidId(): StreamId {
    const node = this.#nodes.at(-1);
    return node === undefined ? zeroId : { ms: node.ms.at(-1)!, seq: node.seq.at(-1)! };
  }

  delete(id: StreamId): boolean {
    const n = this.#nodeFor(id);
    const node = this.#nodes[n];
    if (node === undefined) return false;
    const at = StreamData.#indexIn(node, id);
    if (at >= node.ms.length || node.ms[at] !== id.ms || node.seq[at] !== id.seq) return false;
    for (const text of node.fields[at]!) this.bytes -= text.length;
    node.ms.splice(at, 1);
    node.seq.splice(at, 1);
    node.fields.splice(at, 1);
    node.deleted++;
    this.length--;
    if (node.ms.length === 0) this.#nodes.splice(n, 1);
    if (compareIds(id, this.maxDeletedId) > 0) this.maxDeletedId = id;
    if (this.length === 0 || compareIds(id, this.firstId) === 0) this.#edge();
    return true;
  }

  /** Cuts the beginning; tells how many entries went. */
  trim(how: Trim): number {
    let removed = 0;
    let whole = 0;
    const nodes = this.#nodes;
    while (whole < nodes.length) {
      if (how.strategy === "maxlen" && this.length <= how.maxLength) break;
      const node = nodes[whole]!;
      const count = node.ms.length;
      if (how.limit > 0 && removed + count > how.limit) break;
      const all =
        how.strategy === "maxlen"
          ? this.length - count >= how.maxLength
          : compareIds({ ms: node.ms.at(-1)!, seq: node.seq.at(-1)! }, how.minId) < 0;
      if (all) {
        for (const fields of node.fields) for (const text of fields) this.bytes -= text.length;
        whole++;
        this.length -= count;
        removed += count;
        continue;
      }
      if (how.approximate) break;
      const part = how.strategy === "maxlen" ? this.length - how.maxLength : StreamData.#indexIn(node, how.minId);
      for (let i = 0; i < part; i++) for (const text of node.fields[i]!) this.bytes -= text.length;
      node.ms.splice(0, part);
      node.seq.splice(0, part);
      node.fields.splice(0, part);
      node.deleted += part;
      this.length -= part;
      removed += part;
      break;
    }
    if (whole > 0) nodes.splice(0, whole);
    if (removed > 0) this.#edge();
    return removed;
  }

  /** Whether entries from an id on were deleted, so that counting is not possible. */
  hasTombstones(from: StreamId): boolean {
    if (this.length === 0 || compareIds(this.maxDeletedId, zeroId) === 0) return false;
    if (compareIds(this.firstId, this.maxDeletedId) > 0) return false;
    return compareIds(from, this.maxDeletedId) <= 0;
  }

  /** How many entries were ever added up to this id, when that can be told; else −1. */
  distanceFromFirst(id: StreamId): Int {
    if (this.entriesAdded === 0) return 0;
    const toLast = compareIds(id, this.lastId);
    if (this.length === 0 && toLast < 1) return this.entriesAdded;
    if (toLast === 0) return this.entriesAdded;
    if (toLast > 0) return -1;
    const toFirst = compareIds(id, this.firstId);
    if (compareIds(this.maxDeletedId, zeroId) === 0 || compareIds(this.maxDeletedId, this.firstId) < 0) {
      const before = normalInt(BigInt(this.entriesAdded) - BigInt(this.length));
      if (toFirst < 0) return before;
      if (toFirst === 0) return addOne(before);
    }
    return -1;
  }

  /** How far a group is behind, or undefined when that cannot be told. */
  lag(group: Group): Int | undefined {
    if (this.entriesAdded === 0) return 0;
    let read: Int = -1;
    if (group.entriesRead !== -1 && !this.hasTombstones(group.lastId)) read = group.entriesRead;
    else read = this.distanceFromFirst(group.lastId);
    return read === -1 ? undefined : normalInt(BigInt(this.entriesAdded) - BigInt(read));
  }

  copy(): StreamData {
    const copy = new StreamData();
    copy.#nodes = this.#nodes.map((node) => ({
      ms: node.ms.slice(),
      seq: node.seq.slice(),
      fields: node.fields.slice(),
      deleted: node.deleted,
      bytes: node.bytes,
    }));
    copy.length = this.length;
    copy.bytes = this.bytes;
    copy.lastId = this.lastId;
    copy.firstId = this.firstId;
    copy.maxDeletedId = this.maxDeletedId;
    copy.entriesAdded = this.entriesAdded;
    for (const group of this.groups.values()) {
      const made = new Group(group.name, group.lastId, group.entriesRead);
      for (const consumer of group.consumers.values()) {
        const twin = new Consumer(consumer.name, consumer.seenAt);
        twin.activeAt = consumer.activeAt;
        made.consumers.set(twin.name, twin);
      }
      group.pending.each((id, pending) => {
        const twin = { ...pending, consumer: made.consumers.get(pending.consumer.name)! };
        made.pending.set(id, twin);
        twin.consumer.pending.set(id, twin);
        return true;
      });
      copy.groups.set(made.name, made);
    }
    return copy;
  }
}

/** The next whole number. */
export function addOne(value: Int): Int {
  return typeof value === "number" && value < Number.MAX_SAFE_INTEGER ? value + 1 : normalInt(BigInt(value) + 1n);
}
