import type { EngineClock } from "../../engine.js";
import type { Store } from "../../storage/store.js";
import { Doc, encodeDoc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import { sessionTree } from "./catalog.js";

/** After this long without a command a session and its records are forgotten, as hello announces. */
export const sessionTimeoutMinutes = 30;

/** What a statement of a retryable write did, kept so that its repetition is answered and not applied. */
export interface StatementResult {
  readonly n: number;
  readonly nModified?: number;
  readonly upserted?: Value;
  /** The whole answer, for findAndModify. */
  readonly reply?: Doc;
}

interface Session {
  lastUse: number;
  txnNumber: bigint;
  statements: Map<number, StatementResult>;
}

/** The sessions that clients use, and the last retryable write of each. */
export class Sessions {
  readonly #clock: EngineClock;
  readonly #store: Store;
  readonly #sessions = new Map<string, Session>();
  #swept: number;

  constructor(store: Store, clock: EngineClock) {
    this.#store = store;
    this.#clock = clock;
    this.#swept = clock.now();
    this.load();
  }

  /** Reads the records of retryable writes from the store again. */
  load(): void {
    this.#sessions.clear();
    const now = this.#clock.now();
    const cursor = this.#store.tree(sessionTree).scan();
    while (cursor.next()) {
      const entry = Doc.raw(Buffer.from(cursor.value));
      const statements = new Map<number, StatementResult>();
      for (const each of entry.get("statements") as Doc[]) {
        const upserted = each.get("upserted");
        const nModified = each.get("nModified");
        const reply = each.get("reply");
        const result: StatementResult = {
          n: Number(each.get("n")),
          ...(nModified === undefined ? {} : { nModified: Number(nModified) }),
          ...(upserted === undefined ? {} : { upserted }),
          ...(reply instanceof Doc ? { reply } : {}),
        };
        const from = Number(each.get("from"));
        const to = Number(each.get("to"));
        for (let statement = from; statement <= to; statement++) statements.set(statement, result);
      }
      this.#sessions.set(cursor.key, { lastUse: now, txnNumber: entry.get("txn") as bigint, statements });
    }
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Notes that a command used the session. */
  touch(id: string): void {
    const now = this.#clock.now();
    const session = this.#sessions.get(id);
    if (session === undefined) this.#sessions.set(id, { lastUse: now, txnNumber: -1n, statements: new Map() });
    else session.lastUse = now;
    if (now - this.#swept > 60_000) this.#sweep(now);
  }

  #sweep(now: number): void {
    this.#swept = now;
    const old: string[] = [];
    for (const [id, session] of this.#sessions) {
      if (now - session.lastUse > sessionTimeoutMinutes * 60_000) old.push(id);
    }
    this.end(old);
  }

  /** Forgets sessions. */
  end(ids: readonly string[]): void {
    const kept: string[] = [];
    for (const id of ids) {
      const session = this.#sessions.get(id);
      if (session === undefined) continue;
      this.#sessions.delete(id);
      if (session.txnNumber >= 0n && this.#store.durable) kept.push(id);
    }
    if (kept.length === 0) return;
    // Nobody waits for this: a record that stays behind is swept after the next start.
    Promise.resolve(
      this.#store.write(() => {
        for (const id of kept) this.#store.tree(sessionTree).delete(id);
      }),
    ).catch(() => {});
  }

  /** Forgets all of them. */
  endAll(): void {
    this.end([...this.#sessions.keys()]);
  }

  clear(): void {
    this.#sessions.clear();
  }

  /**
   * Begins a statement's write: what it did before, when this is a repetition.
   *
   * @throws MongoError 225 when the session has gone on to a later transaction number
   */
  begin(id: string, txnNumber: bigint): ReadonlyMap<number, StatementResult> {
    this.touch(id);
    const session = this.#sessions.get(id)!;
    if (txnNumber < session.txnNumber) {
      throw mongoError(
        225,
        `Retryable write with txnNumber ${txnNumber} is prohibited on session ${id} because a newer retryable write with txnNumber ${session.txnNumber} has already started on this session.`,
      );
    }
    if (txnNumber > session.txnNumber) {
      session.txnNumber = txnNumber;
      session.statements = new Map();
    }
    return session.statements;
  }

  /** Keeps what statements did; inside the same write of the store as their changes. */
  record(id: string, txnNumber: bigint, results: Iterable<readonly [number, StatementResult]>): void {
    const session = this.#sessions.get(id);
    if (session === undefined || session.txnNumber !== txnNumber) return;
    for (const [statement, result] of results) session.statements.set(statement, result);
    if (!this.#store.durable) return;
    const statements: Doc[] = [];
    let last: { from: number; to: number; result: StatementResult } | undefined;
    const flush = (): void => {
      if (last === undefined) return;
      const { from, to, result } = last;
      const doc = Doc.from([
        ["from", from],
        ["to", to],
        ["n", result.n],
      ]);
      if (result.nModified !== undefined) doc.set("nModified", result.nModified);
      if (result.upserted !== undefined) doc.set("upserted", result.upserted);
      if (result.reply !== undefined) doc.set("reply", result.reply);
      statements.push(doc);
    };
    for (const [statement, result] of [...session.statements].sort((a, b) => a[0] - b[0])) {
      const plain = result.upserted === undefined && result.reply === undefined;
      if (
        last !== undefined &&
        plain &&
        statement === last.to + 1 &&
        result.n === last.result.n &&
        result.nModified === last.result.nModified &&
        last.result.upserted === undefined &&
        last.result.reply === undefined
      ) {
        last.to = statement;
        continue;
      }
      flush();
      last = { from: statement, to: statement, result };
    }
    flush();
    const entry = Doc.from([
      ["txn", txnNumber],
      ["statements", statements],
    ]);
    this.#store.tree(sessionTree).put(id, encodeDoc(entry));
  }
}
