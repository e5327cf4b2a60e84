import { type Int, normalInt, parseUint64, UINT64_MAX } from "./numbers.js";

/** An entry's id: milliseconds and a sequence, both up to 64 bits. */
export interface StreamId {
  readonly ms: Int;
  readonly seq: Int;
}

export const zeroId: StreamId = { ms: 0, seq: 0 };
export const maxId: StreamId = { ms: UINT64_MAX, seq: UINT64_MAX };

export function compareIds(a: StreamId, b: StreamId): number {
  if (a.ms < b.ms) return -1;
  if (a.ms > b.ms) return 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0;
}

export function formatId(id: StreamId): string {
  return `${id.ms}-${id.seq}`;
}

/** An id as clients write it: `ms-seq` or `ms`, for which the sequence is given; undefined when it is none. */
export function parseId(text: string, missingSeq: Int): StreamId | undefined {
  const dash = text.indexOf("-");
  const ms = parseUint64(dash < 0 ? text : text.slice(0, dash));
  if (ms === undefined) return undefined;
  if (dash < 0) return { ms, seq: missingSeq };
  const seq = parseUint64(text.slice(dash + 1));
  return seq === undefined ? undefined : { ms, seq };
}

/** The id after this one; undefined after the last. */
export function nextId(id: StreamId): StreamId | undefined {
  if (id.seq === UINT64_MAX) return id.ms === UINT64_MAX ? undefined : { ms: normalInt(BigInt(id.ms) + 1n), seq: 0 };
  return { ms: id.ms, seq: normalInt(BigInt(id.seq) + 1n) };
}

/** The id before this one; undefined before 0-0. */
export function previousId(id: StreamId): StreamId | undefined {
  if (id.seq === 0) return id.ms === 0 ? undefined : { ms: normalInt(BigInt(id.ms) - 1n), seq: UINT64_MAX };
  return { ms: id.ms, seq: normalInt(BigInt(id.seq) - 1n) };
}

const chunkSize = 128;

interface Chunk<T> {
  ids: StreamId[];
  values: T[];
}

/** Values by id, in order: sorted chunks, quick to append to and to take out of. */
export class IdMap<T> {
  #chunks: Chunk<T>[] = [];
  size = 0;

  /** Index of the chunk in which an id is or belongs. */
  #chunkFor(id: StreamId): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#chunks[middle]!.ids[0]!, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  static #indexIn(ids: readonly StreamId[], id: StreamId): number {
    let low = 0;
    let high = ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(ids[middle]!, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get(id: StreamId): T | undefined {
    const chunk = this.#chunks[this.#chunkFor(id)];
    if (chunk === undefined) return undefined;
    const at = IdMap.#indexIn(chunk.ids, id);
    return at < chunk.ids.length && compareIds(chunk.ids[at]!, id) === 0 ? chunk.values[at] : undefined;
  }

  set(id: StreamId, value: T): void {
    const n = this.#chunkFor(id);
    const chunk = this.#chunks[n];
    if (chunk === undefined) {
      this.#chunks.push({ ids: [id], values: [value] });
      this.size++;
      return;
    }
    const at = IdMap.#indexIn(chunk.ids, id);
    if (at < chunk.ids.length && compareIds(chunk.ids[at]!, id) === 0) {
      chunk.values[at] = value;
      return;
    }
    this.size++;
    if (at === chunk.ids.length && chunk.ids.length >= chunkSize) {
      this.#chunks.splice(n + 1, 0, { ids: [id], values: [value] });
      return;
    }
    chunk.ids.splice(at, 0, id);
    chunk.values.splice(at, 0, value);
    if (chunk.ids.length > chunkSize) {
      const half = chunkSize >> 1;
      this.#chunks.splice(n + 1, 0, { ids: chunk.ids.splice(half), values: chunk.values.splice(half) });
    }
  }

  delete(id: StreamId): boolean {
    const n = this.#chunkFor(id);
    const chunk = this.#chunks[n];
    if (chunk === undefined) return false;
    const at = IdMap.#indexIn(chunk.ids, id);
    if (at >= chunk.ids.length || compareIds(chunk.ids[at]!, id) !== 0) return false;
    chunk.ids.splice(at, 1);
    chunk.values.splice(at, 1);
    if (chunk.ids.length === 0) this.#chunks.splice(n, 1);
    this.size--;
    return true;
  }

  /** Visits in order from an id on, until the visitor returns false. The map must not change meanwhile. */
  each(visit: (id: StreamId, value: T) => boolean, from: StreamId = zeroId): void {
    for (let n = this.#chunkFor(from); n < this.#chunks.length; n++) {
      const chunk = this.#chunks[n]!;
      for (let at = IdMap.#indexIn(chunk.ids, from); at < chunk.ids.length; at++) {
        if (!visit(chunk.ids[at]!, chunk.values[at]!)) return;
      }
    }
  }

  first(): StreamId | undefined {
    return this.#chunks[0]?.ids[0];
  }

  last(): StreamId | undefined {
    return this.#chunks.at(-1)?.ids.at(-1);
  }
}
