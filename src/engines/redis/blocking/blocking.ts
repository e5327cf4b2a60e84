import type { Blocked, Client } from "../client.js";
import type { Database } from "../data/database.js";
import { TYPE_LIST, TYPE_STREAM, TYPE_ZSET } from "../data/entry.js";
import { type ErrorReply, NO_REPLY, type Reply } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";

const kindOfType = new Map<number, Blocked["kind"]>([
  [TYPE_LIST, "list"],
  [TYPE_ZSET, "zset"],
  [TYPE_STREAM, "stream"],
]);

function timeoutReply({ onTimeout }: Blocked): Reply {
  return typeof onTimeout === "function" ? onTimeout() : onTimeout;
}

/** The longest wait that Node's timers take. */
const maxTimer = 2_147_483_647;

/**
 * Clients that wait for keys. When a key gets what a client waits for, the client's command is run once more, in the
 * order in which clients began to wait, after the command that made it so is done.
 */
export class Blocking {
  readonly #server: RedisServer;
  readonly clients = new Set<Client>();
  #ready: { db: Database; key: string }[] = [];
  readonly #known = new Map<Database, Set<string>>();
  #serving = false;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  /** Makes the running command wait; what it returns is its reply for now. */
  wait(client: Client, blocked: Blocked): Reply {
    const again = client.retrying;
    const state = again === undefined ? blocked : { ...blocked, deadline: again.deadline };
    client.blocked = state;
    this.clients.add(client);
    for (const key of state.keys) {
      let waiters = state.db.waiting.get(key);
      if (waiters === undefined) {
        waiters = new Set();
        state.db.waiting.set(key, waiters);
      }
      waiters.add(client);
    }
    if (state.deadline > 0 && client.timer === undefined) this.#arm(client, state.deadline);
    return NO_REPLY;
  }

  #arm(client: Client, deadline: number): void {
    const ms = Math.min(maxTimer, Math.max(0, deadline - this.#server.clock.now()));
    client.timer = setTimeout(() => {
      client.timer = undefined;
      this.expire(client);
    }, ms);
  }

  /** Ends a wait whose time is over. */
  expire(client: Client): void {
    const { blocked } = client;
    if (blocked === undefined || blocked.deadline === 0) return;
    if (this.#server.clock.now() < blocked.deadline) {
      if (client.timer === undefined) this.#arm(client, blocked.deadline);
      return;
    }
    this.release(client);
    this.#count(blocked, false);
    client.reply(timeoutReply(blocked));
    this.#after(client);
  }

  /** More of the changes are on the disk: ends the waits that were for that. */
  acknowledged(): void {
    for (const client of [...this.clients]) {
      const { blocked } = client;
      const reply = blocked?.until?.();
      if (blocked === undefined || reply === undefined) continue;
      this.release(client);
      this.#count(blocked, false);
      client.reply(reply);
      this.#after(client);
    }
  }

  /** Ends a wait with an answer (CLIENT UNBLOCK). */
  unblock(client: Client, error?: ErrorReply): void {
    const { blocked } = client;
    if (blocked === undefined) return;
    this.release(client);
    this.#count(blocked, error !== undefined);
    if (error !== undefined) this.#server.stats.countError("UNBLOCKED");
    client.reply(error ?? timeoutReply(blocked));
    this.#after(client);
  }

  /** A wait that ends without the command having run again counts as one call. */
  #count({ command }: Blocked, failed: boolean): void {
    command.stats.calls++;
    if (failed) command.stats.failed++;
    this.#server.stats.commands++;
  }

  #after(client: Client): void {
    this.#server.flushLater(client);
    client.transport?.resume();
  }

  /** Takes a client out of all waits. */
  release(client: Client): void {
    const { blocked } = client;
    if (blocked === undefined) return;
    client.blocked = undefined;
    this.clients.delete(client);
    for (const key of blocked.keys) {
      const waiters = blocked.db.waiting.get(key);
      if (waiters === undefined) continue;
      waiters.delete(client);
      if (waiters.size === 0) blocked.db.waiting.delete(key);
    }
    if (client.timer !== undefined && client.retrying === undefined) {
      clearTimeout(client.timer);
      client.timer = undefined;
    }
  }

  /** A key may now have what clients wait for. */
  ready(db: Database, key: string): void {
    if (!db.waiting.has(key)) return;
    let known = this.#known.get(db);
    if (known === undefined) {
      known = new Set();
      this.#known.set(db, known);
    }
    if (known.has(key)) return;
    known.add(key);
    this.#ready.push({ db, key });
  }

  get hasReady(): boolean {
    return this.#ready.length !== 0;
  }

  /** Serves those who wait for keys that became ready; `rerun` runs a client's command again. */
  serve(rerun: (client: Client, blocked: Blocked) => void): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#ready.length > 0) {
        const ready = this.#ready;
        this.#ready = [];
        for (const { db, key } of ready) {
          this.#known.get(db)?.delete(key);
          this.#serveKey(db, key, rerun);
        }
      }
    } finally {
      this.#serving = false;
    }
  }

  #serveKey(db: Database, key: string, rerun: (client: Client, blocked: Blocked) => void): void {
    const waiters = db.waiting.get(key);
    if (waiters === undefined) return;
    for (const client of [...waiters]) {
      const { blocked } = client;
      if (blocked === undefined || blocked.db !== db || !waiters.has(client)) continue;
      const entry = db.peek(key);
      const fits = entry !== undefined && kindOfType.get(entry.type) === blocked.kind;
      if (!fits && !blocked.onGone) continue;
      client.retrying = blocked;
      this.release(client);
      try {
        rerun(client, blocked);
      } finally {
        client.retrying = undefined;
      }
      if (client.blocked === undefined) {
        if (client.timer !== undefined) {
          clearTimeout(client.timer);
          client.timer = undefined;
        }
        this.#after(client);
      }
    }
  }
}
