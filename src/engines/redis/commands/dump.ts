import type { Client } from "../client.js";
import { NOTIFY_GENERIC } from "../data/database.js";
import type { Value } from "../data/entry.js";
import { HashData } from "../data/hash.js";
import { ListData } from "../data/list.js";
import { type LoadedValue, loadedTypes, RdbReader, readValue, verifyDump } from "../data/rdb-read.js";
import { dumpValue } from "../data/rdb-write.js";
import { SetData } from "../data/set.js";
import { SortedSetData } from "../data/sorted-set.js";
import { ErrorReply, err, OK, type Reply, SYNTAX } from "../protocol/reply.js";
import { long } from "./arguments.js";
import { fitsListpack } from "./list.js";
import { putScore } from "./zset.js";

export function dump(c: Client, a: string[]): Reply {
  const entry = c.db.read(a[1]!);
  return entry === undefined ? null : dumpValue(entry);
}

/** Puts a value together under this server's limits; undefined when it is none (twice the same member, or empty). */
export function assemble(c: Client, loaded: LoadedValue): Value | undefined {
  const { config } = c.server;
  switch (loaded.kind) {
    case "string":
      return loaded.text;
    case "list": {
      const list = new ListData();
      for (const item of loaded.items) list.pushRight(item);
      list.quick = !fitsListpack(list, config.listMaxListpackSize);
      return list.length === 0 ? undefined : list;
    }
    case "set": {
      const set = new SetData();
      for (const item of loaded.items) {
        if (!set.add(item, config.setMaxIntsetEntries, config.setMaxListpackEntries, config.setMaxListpackValue)) {
          return undefined;
        }
      }
      return set.size === 0 ? undefined : set;
    }
    case "zset": {
      const zset = new SortedSetData();
      for (const { member, score } of loaded.items) {
        if (Number.isNaN(score) || !putScore(c, zset, member, score)) return undefined;
      }
      return zset.size === 0 ? undefined : zset;
    }
    case "hash": {
      const hash = new HashData();
      if (loaded.items.length % 2 !== 0) return undefined;
      for (let i = 0; i < loaded.items.length; i += 2) {
        const field = loaded.items[i]!;
        const value = loaded.items[i + 1]!;
        if (!hash.set(field, value)) return undefined;
        if (Math.max(field.length, value.length) > config.hashMaxListpackValue) hash.compact = false;
      }
      if (hash.size > config.hashMaxListpackEntries) hash.compact = false;
      return hash.size === 0 ? undefined : hash;
    }
    default:
      return loaded.stream;
  }
}

export function restore(c: Client, a: string[]): Reply {
  let replace = false;
  let absolute = false;
  let idle = -1;
  let frequency = -1;
  for (let i = 4; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    const more = i + 1 < a.length;
    if (option === "REPLACE") replace = true;
    else if (option === "ABSTTL") absolute = true;
    else if (option === "IDLETIME" && more && frequency === -1) {
      idle = long(a[++i]!);
      if (idle < 0) return err("Invalid IDLETIME value, must be >= 0");
    } else if (option === "FREQ" && more && idle === -1) {
      frequency = long(a[++i]!);
      if (frequency < 0 || frequency > 255) return err("Invalid FREQ value, must be >= 0 and <= 255");
    } else return SYNTAX;
  }
  const { db, server } = c;
  const key = a[1]!;
  const existing = db.write(key);
  if (!replace && existing !== undefined) return new ErrorReply("BUSYKEY Target key name already exists.");
  let ttl = long(a[2]!);
  if (ttl < 0) return err("Invalid TTL value, must be >= 0");
  const data = Buffer.from(a[3]!, "latin1");
  if (!verifyDump(data)) return err("DUMP payload version or checksum are wrong");
  let loaded: LoadedValue;
  let value: Value | undefined;
  try {
    const reader = new RdbReader(data.subarray(0, data.length - 10));
    loaded = readValue(reader, reader.byte());
    value = assemble(c, loaded);
  } catch {
    return err("Bad data format");
  }
  if (value === undefined) return err("Bad data format");
  if (existing !== undefined) db.delete(existing);
  if (ttl > 0 && !absolute) ttl += server.now;
  if (ttl > 0 && ttl <= server.now && !c.trusted) {
    if (existing !== undefined) {
      c.rewrite("DEL", key);
      db.signal(key, c);
      server.notify(NOTIFY_GENERIC, "del", key, db);
      server.dirty++;
    }
    return OK;
  }
  const entry = db.add(key, loadedTypes[loaded.kind], value);
  if (ttl > 0) {
    db.setExpiry(entry, ttl);
    if (!absolute) c.rewrite(a[0]!, key, String(ttl), ...a.slice(3), "ABSTTL");
  }
  if (frequency >= 0 && server.lfu) entry.access = (entry.access & ~255) | frequency;
  if (idle >= 0 && !server.lfu) entry.access = Math.floor(server.now / 1000) - idle;
  db.changed(key, c);
  server.notify(NOTIFY_GENERIC, "restore", key, db);
  server.dirty++;
  return OK;
}
