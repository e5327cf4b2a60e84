import type { Client } from "../client.js";
import { call, unwatch as forget, discard as leave } from "../execute.js";
import { ErrorReply, err, NULL_ARRAY, OK, type Reply } from "../protocol/reply.js";

export function multi(c: Client): Reply {
  if (c.queue !== undefined) return err("MULTI calls can not be nested");
  if (c.scripted) return err("Command not allowed inside a transaction");
  c.queue = [];
  return OK;
}

export function discard(c: Client): Reply {
  if (c.queue === undefined) return err("DISCARD without MULTI");
  leave(c);
  return OK;
}

/** Whether a watched key has expired since it was watched. */
function watchExpired(c: Client): boolean {
  for (const [db, keys] of c.watching) {
    for (const [key, expired] of keys) {
      if (expired) continue;
      const entry = db.map.get(key);
      if (entry !== undefined && entry.expireAt !== 0 && c.server.now > entry.expireAt) return true;
    }
  }
  return false;
}

export function exec(c: Client): Reply {
  const { queue, server } = c;
  if (queue === undefined) return err("EXEC without MULTI");
  if (c.queueFailed) {
    leave(c);
    return new ErrorReply("EXECABORT Transaction discarded because of previous errors.");
  }
  if (c.watchFailed || watchExpired(c)) {
    leave(c);
    return NULL_ARRAY;
  }
  forget(c);
  c.queue = undefined;
  c.queueFlags = 0;
  const out: Reply[] = [];
  const denied = c.denyBlocking;
  const own = c.lastCommand;
  c.denyBlocking = true;
  c.inTransaction = true;
  server.enterUnit();
  try {
    for (const { command, args } of queue) {
      c.lastCommand = command;
      out.push(call(server, c, command, args));
    }
  } finally {
    server.current = c;
    c.lastCommand = own;
    c.inTransaction = false;
    c.denyBlocking = denied;
    server.leaveUnit();
  }
  return out;
}

export function watch(c: Client, a: string[]): Reply {
  if (c.queue !== undefined) return err("WATCH inside MULTI is not allowed");
  // A transaction that will fail need not watch more.
  if (c.watchFailed) return OK;
  for (const key of a.slice(1)) {
    let keys = c.watching.get(c.db);
    if (keys === undefined) {
      keys = new Map();
      c.watching.set(c.db, keys);
    }
    if (keys.has(key)) continue;
    const entry = c.db.map.get(key);
    keys.set(key, entry !== undefined && entry.expireAt !== 0 && c.server.now > entry.expireAt);
    let clients = c.db.watched.get(key);
    if (clients === undefined) {
      clients = new Set();
      c.db.watched.set(key, clients);
    }
    clients.add(c);
  }
  return OK;
}

export function unwatch(c: Client): Reply {
  forget(c);
  return OK;
}
