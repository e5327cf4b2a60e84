import type { Client } from "../client.js";
import { err, type Reply, SYNTAX } from "../protocol/reply.js";
import { long, longIn } from "./arguments.js";

/** What brings data to the disk, and what waits until it is there. */

export const NO_FILES = err("this server keeps its data in memory: start it with a data directory to keep it on disk");

export function save(c: Client): Reply {
  return c.server.persistence?.save() ?? NO_FILES;
}

export function bgsave(c: Client, a: string[]): Reply {
  if (a.length > 2 || (a.length === 2 && a[1]!.toUpperCase() !== "SCHEDULE")) return SYNTAX;
  return c.server.persistence?.backgroundSave(a.length === 2) ?? NO_FILES;
}

export function bgrewriteaof(c: Client): Reply {
  return c.server.persistence?.rewrite() ?? NO_FILES;
}

export function lastsave(c: Client): Reply {
  return c.server.lastSave;
}

/** There are no replicas: a wait for some ends with none, at its timeout. */
export function wait(c: Client, a: string[]): Reply {
  const replicas = long(a[1]!);
  const until = timeoutMs(c, a[2]!);
  if (replicas <= 0 || c.denyBlocking) return 0;
  return c.server.blocking.wait(c, {
    kind: "wait",
    keys: [],
    db: c.db,
    deadline: until,
    onTimeout: 0,
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}

function timeoutMs(c: Client, text: string): number {
  const ms = long(text, err("timeout is not an integer or out of range"));
  if (ms < 0) throw err("timeout is negative");
  return ms === 0 ? 0 : c.server.now + ms;
}

export function waitaof(c: Client, a: string[]): Reply {
  const local = longIn(a[1]!, 0, 1, err("value is out of range, must be between 0 and 1"));
  const replicas = long(a[2]!);
  const until = timeoutMs(c, a[3]!);
  const { persistence, config } = c.server;
  if (local > 0 && (persistence === undefined || !config.appendonly)) {
    return err("WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  const kept = (): number => (persistence !== undefined && persistence.durableOffset >= c.changedAt ? 1 : 0);
  if ((kept() >= local && replicas <= 0) || c.denyBlocking) return [kept(), 0];
  if (kept() < local) persistence!.syncSoon();
  return c.server.blocking.wait(c, {
    kind: "wait",
    keys: [],
    db: c.db,
    deadline: until,
    onTimeout: () => [kept(), 0],
    ...(replicas <= 0 ? { until: () => (kept() >= local ? [kept(), 0] : undefined) } : {}),
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}
