import type { Client } from "../client.js";
import { type Command, FLAG_MAY_REPLICATE, FLAG_WRITE, findKeys } from "../commands/spec.js";
import type { Database } from "../data/database.js";
import type { Entry } from "../data/entry.js";
import type { RedisServer } from "../state.js";

/** Commands that change whole databases. */
const sweeping = new Set(["flushall", "flushdb", "swapdb"]);

/**
 * Visits every key that is there when the walk begins, once and as it is then, while clients go on: in pieces, from the
 * end of each database's array to its beginning. A key that is about to change before its turn is visited at once. This
 * takes the place of the copy of the process that Redis makes to save from.
 */
export class KeyWalk {
  readonly #server: RedisServer;
  readonly #visit: (db: Database, entry: Entry) => void;
  /** For each database: the entries below this place are still to be visited. */
  readonly #below = new Map<Database, number>();
  /** Entries below the place that are not to be visited: visited ahead of their turn, or made since the beginning. */
  readonly #skip = new Set<Entry>();
  #at = 0;
  #done = false;

  constructor(server: RedisServer, visit: (db: Database, entry: Entry) => void) {
    this.#server = server;
    this.#visit = visit;
    for (const db of server.dbs) {
      this.#below.set(db, db.size);
      db.walks.add(this);
    }
    server.walks.add(this);
  }

  get done(): boolean {
    return this.#done;
  }

  /** Visits keys for so long; true when all have been. */
  step(budgetMs: number): boolean {
    const until = performance.now() + budgetMs;
    const { dbs } = this.#server;
    let count = 0;
    while (this.#at < dbs.length) {
      const db = dbs[this.#at]!;
      // Removed entries shorten the array; what was added since stands above, or is known to be new.
      let below = Math.min(this.#below.get(db)!, db.size);
      while (below > 0) {
        const entry = db.entryAt(--below);
        this.#below.set(db, below);
        if (this.#skip.delete(entry)) continue;
        this.#visit(db, entry);
        if ((++count & 15) === 0 && performance.now() > until) return false;
      }
      this.#below.set(db, 0);
      this.#at++;
    }
    this.cancel();
    return true;
  }

  /** Visits all that is left, at once. */
  finish(): void {
    this.step(Number.POSITIVE_INFINITY);
  }

  /** Ends the walk where it is. */
  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    for (const db of this.#server.dbs) db.walks.delete(this);
    this.#server.walks.delete(this);
    this.#skip.clear();
  }

  /** Before a command runs: visits the keys that it may change. */
  beforeCommand(client: Client, command: Command, args: readonly string[]): void {
    if ((command.flags & (FLAG_WRITE | FLAG_MAY_REPLICATE)) === 0) return;
    if (sweeping.has(command.name)) {
      this.finish();
      return;
    }
    for (const at of findKeys(command, args) ?? []) {
      const entry = client.db.map.get(args[at]!);
      if (entry !== undefined) this.before(client.db, entry);
    }
  }

  /** Before an entry changes or goes. */
  before(db: Database, entry: Entry): void {
    if (entry.index >= this.#below.get(db)! || this.#skip.has(entry)) return;
    this.#skip.add(entry);
    this.#visit(db, entry);
  }

  /** After an entry was added. */
  added(db: Database, entry: Entry): void {
    if (entry.index < this.#below.get(db)!) this.#skip.add(entry);
  }

  /** After an entry was taken out, and another one came from a place into its place. */
  removed(db: Database, entry: Entry, moved: Entry | undefined, from: number): void {
    this.#skip.delete(entry);
    if (moved === undefined) return;
    const below = this.#below.get(db)!;
    if (from >= below && moved.index < below) this.#skip.add(moved);
  }
}
