import type { RedisServer } from "../state.js";
import { type Database, NOTIFY_EVICTED } from "./database.js";
import type { Entry } from "./entry.js";

/*
 * Least recently and least frequently used, by samples, as Redis does it: access marks are seconds, or 16 bits of
 * minutes above 8 bits of a counter that grows with the logarithm of accesses and decays with time.
 */

export function isLfu(policy: string): boolean {
  return policy.endsWith("-lfu");
}

function minutes(now: number): number {
  return Math.floor(now / 60_000) & 0xffff;
}

const initialCounter = 5;

export function lfuInitial(now: number): number {
  return (minutes(now) << 8) | initialCounter;
}

/** The counter as it is now, decayed. */
export function lfuCounter(access: number, server: RedisServer): number {
  const counter = access & 255;
  const { lfuDecayTime } = server.config;
  if (lfuDecayTime === 0) return counter;
  const last = (access >>> 8) & 0xffff;
  const passed = (minutes(server.now) - last + 0x10000) & 0xffff;
  return Math.max(0, counter - Math.floor(passed / lfuDecayTime));
}

/** The access mark after one more access. */
export function lfuTouched(access: number, server: RedisServer): number {
  let counter = lfuCounter(access, server);
  if (counter < 255) {
    const base = Math.max(0, counter - initialCounter);
    if (server.random() < 1 / (base * server.config.lfuLogFactor + 1)) counter++;
  }
  return (minutes(server.now) << 8) | counter;
}

/** Seconds since the last access. */
export function idleSeconds(entry: Entry, server: RedisServer): number {
  return Math.max(0, Math.floor(server.now / 1000) - entry.access);
}

/** How much better than another it is to evict this entry; the greatest goes first. */
function score(entry: Entry, server: RedisServer, policy: string): number {
  if (policy.endsWith("-lru")) return idleSeconds(entry, server);
  if (policy.endsWith("-lfu")) return 255 - lfuCounter(entry.access, server);
  return -entry.expireAt;
}

function pick(server: RedisServer, policy: string): { db: Database; entry: Entry } | undefined {
  const volatileOnly = policy.startsWith("volatile-");
  const random = policy.endsWith("-random");
  let best: { db: Database; entry: Entry } | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const db of server.dbs) {
    const size = volatileOnly ? db.expiries.size : db.size;
    if (size === 0) continue;
    const samples = random ? 1 : Math.min(size, server.config.maxmemorySamples * 2);
    for (let i = 0; i < samples; i++) {
      const at = Math.floor(server.random() * size);
      const entry = volatileOnly ? db.expiries.at(at) : db.entryAt(at);
      if (random) {
        if (best === undefined || server.random() < 0.5) best = { db, entry };
        continue;
      }
      const value = score(entry, server, policy);
      if (value > bestScore) {
        bestScore = value;
        best = { db, entry };
      }
    }
  }
  return best;
}

/** Evicts until the memory is within its limit; false when it cannot be brought there. */
export function makeRoom(server: RedisServer): boolean {
  const { maxmemory, maxmemoryPolicy } = server.config;
  if (maxmemory === 0 || server.limitedMemory() <= maxmemory) return true;
  if (maxmemoryPolicy === "noeviction" || server.pauseKind !== undefined) return false;
  const started = performance.now();
  while (server.limitedMemory() > maxmemory) {
    const victim = pick(server, maxmemoryPolicy);
    if (victim === undefined) return false;
    const { db, entry } = victim;
    db.delete(entry);
    server.stats.evictedKeys++;
    server.notify(NOTIFY_EVICTED, "evicted", entry.key, db);
    server.propagateExtra(db, ["DEL", entry.key]);
    db.signal(entry.key);
  }
  server.latency.add("eviction-cycle", performance.now() - started);
  return true;
}
