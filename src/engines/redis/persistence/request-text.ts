import type { Change } from "../propagation.js";

/** A command as clients send it, and as an append-only file holds it. */
export function requestText(args: readonly string[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return text;
}

const MULTI = requestText(["MULTI"]);
const EXEC = requestText(["EXEC"]);

/** Writes changes one after the other, with a SELECT wherever the database is another one than before. */
export class ChangeWriter {
  #db = -1;

  /** The next text begins a file, or follows what another wrote: it selects its database. */
  reset(): void {
    this.#db = -1;
  }

  one(db: number, args: readonly string[]): string {
    if (db === this.#db) return requestText(args);
    this.#db = db;
    return requestText(["SELECT", String(db)]) + requestText(args);
  }

  /** What one command, transaction or script changed: several changes stand between MULTI and EXEC, as in Redis 7. */
  unit(changes: readonly Change[]): string {
    if (changes.length === 1) return this.one(changes[0]!.db, changes[0]!.args);
    let text = "";
    // The first SELECT stands before MULTI.
    if (changes[0]!.db !== this.#db) {
      this.#db = changes[0]!.db;
      text = requestText(["SELECT", String(this.#db)]);
    }
    text += MULTI;
    for (const { db, args } of changes) text += this.one(db, args);
    return text + EXEC;
  }
}
