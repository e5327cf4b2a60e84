import type { EngineClock } from "../../engine.js";
import type { Doc } from "../bson/doc.js";
import { mongoError } from "../errors.js";

/** After this long without a getMore an idle cursor is closed, as in MongoDB (cursorTimeoutMillis). */
const idleTimeoutMs = 600_000;

/** Bytes of documents that one batch may hold. */
const maxBatchBytes = 16 * 1024 * 1024;
const firstBatchDefault = 101;

/** Something that gives documents one by one. */
export interface DocumentSource {
  /** The next document; `undefined` at the end. */
  next(): Doc | undefined;
}

/** A cursor that a client may ask for more. */
export class OpenCursor {
  readonly id: bigint;
  readonly ns: string;
  readonly source: DocumentSource;
  readonly noTimeout: boolean;
  readonly sessionId: string | undefined;
  readonly maxTimeMs: number | undefined;
  lastUse: number;
  /** A document that did not fit into the last batch. */
  held: Doc | undefined;

  constructor(
    id: bigint,
    ns: string,
    source: DocumentSource,
    options: { noTimeout: boolean; sessionId: string | undefined; maxTimeMs?: number | undefined; now: number },
  ) {
    this.id = id;
    this.ns = ns;
    this.source = source;
    this.noTimeout = options.noTimeout;
    this.sessionId = options.sessionId;
    this.maxTimeMs = options.maxTimeMs;
    this.lastUse = options.now;
  }
}

/** A batch, and whether the source is at its end. */
export interface Batch {
  readonly documents: Doc[];
  readonly done: boolean;
  readonly held: Doc | undefined;
}

/** Takes a batch: up to `limit` documents (default 101 for a first batch, else no bound), and up to 16 MB. */
export function takeBatch(source: DocumentSource, limit: number | undefined, first: boolean, held?: Doc): Batch {
  const most = limit ?? (first ? firstBatchDefault : Number.POSITIVE_INFINITY);
  const documents: Doc[] = [];
  let bytes = 0;
  let next = held;
  while (documents.length < most) {
    next ??= source.next();
    if (next === undefined) return { documents, done: true, held: undefined };
    if (next.bytes === null) next = toRaw(next);
    const size = next.bytes!.readInt32LE(next.start);
    if (documents.length > 0 && bytes + size > maxBatchBytes) return { documents, done: false, held: next };
    bytes += size;
    documents.push(next);
    next = undefined;
  }
  return { documents, done: false, held: undefined };
}

function toRaw(doc: Doc): Doc {
  return (doc.constructor as typeof Doc).raw(doc.toBytes());
}

/** All open cursors. */
export class Cursors {
  readonly #clock: EngineClock;
  readonly #random: () => number;
  readonly #open = new Map<bigint, OpenCursor>();
  #opened = 0;
  #timedOut = 0;
  #swept: number;

  constructor(clock: EngineClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.#swept = clock.now();
  }

  get size(): number {
    return this.#open.size;
  }

  get opened(): number {
    return this.#opened;
  }

  get timedOut(): number {
    return this.#timedOut;
  }

  /** Keeps what is left of a source for later batches. */
  open(
    ns: string,
    source: DocumentSource,
    options: { noTimeout: boolean; sessionId: string | undefined; maxTimeMs?: number | undefined },
  ): OpenCursor {
    const now = this.#clock.now();
    this.#sweep(now);
    let id: bigint;
    do id = BigInt(Math.floor(this.#random() * 2 ** 31)) * 4294967296n + BigInt(Math.floor(this.#random() * 2 ** 32));
    while (id === 0n || this.#open.has(id));
    const cursor = new OpenCursor(id, ns, source, { ...options, now });
    this.#open.set(id, cursor);
    this.#opened++;
    return cursor;
  }

  /** @throws MongoError 43 */
  get(id: bigint): OpenCursor {
    this.#sweep(this.#clock.now());
    const cursor = this.#open.get(id);
    if (cursor === undefined) throw mongoError(43, `cursor id ${id} not found`);
    cursor.lastUse = this.#clock.now();
    return cursor;
  }

  close(id: bigint): boolean {
    return this.#open.delete(id);
  }

  has(id: bigint): boolean {
    return this.#open.has(id);
  }

  /** Closes the cursors that sessions left open. */
  closeOfSessions(ids: ReadonlySet<string>): void {
    for (const cursor of this.#open.values()) {
      if (cursor.sessionId !== undefined && ids.has(cursor.sessionId)) this.#open.delete(cursor.id);
    }
  }

  clear(): void {
    this.#open.clear();
  }

  #sweep(now: number): void {
    if (now - this.#swept < 1000) return;
    this.#swept = now;
    for (const cursor of this.#open.values()) {
      if (cursor.noTimeout || now - cursor.lastUse <= idleTimeoutMs) continue;
      this.#open.delete(cursor.id);
      this.#timedOut++;
    }
  }
}
