import type { Client } from "../client.js";
import { NOTIFY_STREAM } from "../data/database.js";
import { TYPE_STREAM } from "../data/entry.js";
import type { Int } from "../data/numbers.js";
import { type Consumer, Group, type Pending, StreamData } from "../data/stream.js";
import { compareIds, formatId, maxId, type StreamId, zeroId } from "../data/stream-ids.js";
import { EMPTY_ARRAY, ErrorReply, err, NULL_ARRAY, OK, type Reply, ReplyMap, SYNTAX } from "../protocol/reply.js";
import { int64, long, longIn, streamAt } from "./arguments.js";
import { help } from "./generic.js";
import { boundId, entryReply, strictId } from "./stream.js";
import { consumerOf, propagateClaim } from "./stream-read.js";

const KEY_NEEDED = err(
  "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);

function noGroup(key: string, group: string): ErrorReply {
  return new ErrorReply(`NOGROUP No such consumer group '${group}' for key name '${key}'`);
}

function subcommandSyntax(a: readonly string[]): ErrorReply {
  return err(`unknown subcommand or wrong number of arguments for '${a[1]}'. Try ${a[0]!.toUpperCase()} HELP.`);
}

function groupAt(c: Client, a: string[]): { stream: StreamData; group: Group } {
  const stream = streamAt(c.db.write(a[2]!));
  if (stream === undefined) throw KEY_NEEDED;
  const group = stream.groups.get(a[3]!);
  if (group === undefined) throw noGroup(a[2]!, a[3]!);
  return { stream, group };
}

function entriesRead(text: string): Int {
  const value = int64(text);
  if (value < 0 && value !== -1) throw err("value for ENTRIESREAD must be positive or -1");
  return value;
}

export function xgroupCreate(c: Client, a: string[]): Reply {
  let make = false;
  let read: Int = -1;
  for (let i = 5; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "MKSTREAM") make = true;
    else if (option === "ENTRIESREAD" && i + 1 < a.length) read = entriesRead(a[++i]!);
    else return subcommandSyntax(a);
  }
  const { db, server } = c;
  const key = a[2]!;
  let stream = streamAt(db.write(key));
  if (stream === undefined && !make) return KEY_NEEDED;
  const id = a[4] === "$" ? (stream?.lastId ?? zeroId) : strictId(a[4]!);
  if (stream === undefined) {
    stream = new StreamData();
    db.changed(key, c, db.add(key, TYPE_STREAM, stream));
  }
  if (stream.groups.has(a[3]!)) return new ErrorReply("BUSYGROUP Consumer Group name already exists");
  stream.groups.set(a[3]!, new Group(a[3]!, id, read));
  if (a[4] === "$") c.rewrite(...a.slice(0, 4), formatId(id), ...a.slice(5));
  server.dirty++;
  server.notify(NOTIFY_STREAM, "xgroup-create", key, db);
  return OK;
}

export function xgroupSetid(c: Client, a: string[]): Reply {
  let read: Int = -1;
  for (let i = 5; i < a.length; i++) {
    if (a[i]!.toUpperCase() === "ENTRIESREAD" && i + 1 < a.length) read = entriesRead(a[++i]!);
    else return subcommandSyntax(a);
  }
  const { stream, group } = groupAt(c, a);
  if (a[4] === "$") group.lastId = stream.lastId;
  else if (a[4] === "-") group.lastId = zeroId;
  else if (a[4] === "+") group.lastId = maxId;
  else group.lastId = strictId(a[4]!);
  group.entriesRead = read;
  c.rewrite("XGROUP", "SETID", a[2]!, a[3]!, formatId(group.lastId), "ENTRIESREAD", String(read));
  c.server.dirty++;
  c.server.notify(NOTIFY_STREAM, "xgroup-setid", a[2]!, c.db);
  return OK;
}

export function xgroupDestroy(c: Client, a: string[]): Reply {
  const stream = streamAt(c.db.write(a[2]!));
  if (stream === undefined) return KEY_NEEDED;
  if (!stream.groups.delete(a[3]!)) return 0;
  c.server.dirty++;
  c.server.notify(NOTIFY_STREAM, "xgroup-destroy", a[2]!, c.db);
  // Whoever waits for the group learns that it is gone.
  c.server.keyReady(c.db, a[2]!);
  return 1;
}

export function xgroupCreateconsumer(c: Client, a: string[]): Reply {
  const { group } = groupAt(c, a);
  if (group.consumers.has(a[4]!)) return 0;
  consumerOf(c, a[2]!, group, a[4]!);
  return 1;
}

export function xgroupDelconsumer(c: Client, a: string[]): Reply {
  const { group } = groupAt(c, a);
  const consumer = group.consumers.get(a[4]!);
  if (consumer === undefined) return 0;
  const pending = consumer.pending.size;
  consumer.pending.each((id) => {
    group.pending.delete(id);
    return true;
  });
  group.consumers.delete(a[4]!);
  c.server.dirty++;
  c.server.notify(NOTIFY_STREAM, "xgroup-delconsumer", a[2]!, c.db);
  return pending;
}

export function xgroupHelp(): Reply {
  return help("XGROUP", [
    "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
    "    Make a consumer group.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Make a consumer.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove a consumer.",
    "DESTROY <key> <groupname>",
    "    Remove a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD <n>]",
    "    Move a group.",
  ]);
}

export function xack(c: Client, a: string[]): Reply {
  const group = streamAt(c.db.read(a[1]!))?.groups.get(a[2]!);
  if (group === undefined) return 0;
  const ids = a.slice(3).map((text) => strictId(text));
  let acknowledged = 0;
  for (const id of ids) {
    const pending = group.pending.get(id);
    if (pending === undefined) continue;
    group.pending.delete(id);
    pending.consumer.pending.delete(id);
    acknowledged++;
    c.server.dirty++;
  }
  return acknowledged;
}

export function xpending(c: Client, a: string[]): Reply {
  let at = 3;
  let minIdle = 0;
  if (a.length > 3 && a[3]!.toUpperCase() === "IDLE") {
    if (a.length < 8) return SYNTAX;
    minIdle = long(a[4]!);
    at = 5;
  }
  const summary = a.length === 3;
  if (!summary && (a.length < at + 3 || a.length > at + 4)) return SYNTAX;
  const count = summary ? 0 : Math.max(0, long(a[at + 2]!));
  const start = summary ? zeroId : boundId(a[at]!, true);
  const end = summary ? maxId : boundId(a[at + 1]!, false);
  const stream = streamAt(c.db.read(a[1]!));
  const group = stream?.groups.get(a[2]!);
  if (group === undefined) {
    return new ErrorReply(`NOGROUP No such key '${a[1]}' or consumer group '${a[2]}'`);
  }
  if (summary) {
    if (group.pending.size === 0) return [0, null, null, NULL_ARRAY];
    return [
      group.pending.size,
      formatId(group.pending.first()!),
      formatId(group.pending.last()!),
      group
        .sortedConsumers()
        .filter((consumer) => consumer.pending.size > 0)
        .map((consumer) => [consumer.name, String(consumer.pending.size)]),
    ];
  }
  const name = a[at + 3];
  const consumer = name === undefined ? undefined : group.consumers.get(name);
  if (name !== undefined && consumer === undefined) return EMPTY_ARRAY;
  if (count === 0) return EMPTY_ARRAY;
  const out: Reply[] = [];
  const { now } = c.server;
  (consumer?.pending ?? group.pending).each((id, pending) => {
    if (compareIds(id, end) > 0) return false;
    const idle = Math.max(0, now - pending.deliveredAt);
    if (minIdle > 0 && idle < minIdle) return true;
    out.push([formatId(id), pending.consumer.name, idle, pending.deliveries]);
    return out.length < count;
  }, start);
  return out;
}

/** Gives a pending entry to another consumer. */
function hand(id: StreamId, pending: Pending, consumer: Consumer): void {
  if (pending.consumer === consumer) return;
  pending.consumer.pending.delete(id);
  pending.consumer = consumer;
  consumer.pending.set(id, pending);
}

export function xclaim(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const stream = streamAt(db.read(a[1]!));
  const group = stream?.groups.get(a[2]!);
  if (stream === undefined || group === undefined) {
    return new ErrorReply(`NOGROUP No such key '${a[1]}' or consumer group '${a[2]}'`);
  }
  const minIdle = Math.max(0, long(a[4]!, err("Invalid min-idle-time argument for XCLAIM")));
  let first = 5;
  for (; first < a.length; first++) {
    // Ids come first; the first argument that is none begins the options.
    try {
      strictId(a[first]!);
    } catch {
      break;
    }
  }
  const ids = a.slice(5, first).map((text) => strictId(text));
  let deliveredAt: number | undefined;
  let retries = -1;
  let force = false;
  let justId = false;
  for (let i = first; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    const more = a.length - 1 - i;
    if (option === "FORCE") force = true;
    else if (option === "JUSTID") justId = true;
    else if (option === "IDLE" && more > 0) {
      deliveredAt = server.now - long(a[++i]!, err("Invalid IDLE option argument for XCLAIM"));
    } else if (option === "TIME" && more > 0) {
      deliveredAt = long(a[++i]!, err("Invalid TIME option argument for XCLAIM"));
    } else if (option === "RETRYCOUNT" && more > 0) {
      retries = long(a[++i]!, err("Invalid RETRYCOUNT option argument for XCLAIM"));
    } else if (option === "LASTID" && more > 0) {
      const last = strictId(a[++i]!);
      if (compareIds(last, group.lastId) > 0) {
        group.lastId = last;
        server.dirty++;
      }
    } else return err(`Unrecognized XCLAIM option '${a[i]}'`);
  }
  if (deliveredAt === undefined || deliveredAt < 0 || deliveredAt > server.now) deliveredAt = server.now;
  if (server.propagator !== undefined) c.rewritten = [];
  const consumer = consumerOf(c, a[1]!, group, a[3]!);
  consumer.seenAt = server.now;
  const out: Reply[] = [];
  for (const id of ids) {
    let pending = group.pending.get(id);
    const entry = stream.get(id);
    if (entry === undefined) {
      // What is gone from the stream is pending no more.
      if (pending !== undefined) {
        propagateClaim(c, a[1]!, group, id, pending);
        group.pending.delete(id);
        pending.consumer.pending.delete(id);
        server.dirty++;
      }
      continue;
    }
    if (pending === undefined) {
      if (!force) continue;
      pending = { consumer, deliveredAt: server.now, deliveries: 1 };
      group.pending.set(id, pending);
      consumer.pending.set(id, pending);
    } else if (minIdle > 0 && server.now - pending.deliveredAt < minIdle) continue;
    hand(id, pending, consumer);
    pending.deliveredAt = deliveredAt;
    if (retries >= 0) pending.deliveries = retries;
    else if (!justId) pending.deliveries++;
    out.push(justId ? formatId(id) : entryReply(entry));
    consumer.activeAt = server.now;
    propagateClaim(c, a[1]!, group, id, pending);
    server.dirty++;
  }
  return out;
}

export function xautoclaim(c: Client, a: string[]): Reply {
  const minIdle = Math.max(0, long(a[4]!, err("Invalid min-idle-time argument for XAUTOCLAIM")));
  const start = boundId(a[5]!, true);
  let count = 100;
  let justId = false;
  for (let i = 6; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "COUNT" && i + 1 < a.length) {
      count = longIn(a[++i]!, 1, 2 ** 59, err("COUNT must be > 0"));
    } else if (option === "JUSTID") justId = true;
    else return SYNTAX;
  }
  const { db, server } = c;
  const stream = streamAt(db.read(a[1]!));
  const group = stream?.groups.get(a[2]!);
  if (stream === undefined || group === undefined) {
    return new ErrorReply(`NOGROUP No such key '${a[1]}' or consumer group '${a[2]}'`);
  }
  if (server.propagator !== undefined) c.rewritten = [];
  const consumer = consumerOf(c, a[1]!, group, a[3]!);
  consumer.seenAt = server.now;
  const seen: { id: StreamId; pending: Pending }[] = [];
  let next = zeroId;
  let attempts = count * 10;
  const out: Reply[] = [];
  const gone: Reply[] = [];
  group.pending.each((id, pending) => {
    if (attempts-- <= 0 || out.length + gone.length + seen.length >= count) {
      next = id;
      return false;
    }
    if (stream.get(id) !== undefined && minIdle > 0 && server.now - pending.deliveredAt < minIdle) return true;
    seen.push({ id, pending });
    return true;
  }, start);
  for (const { id, pending } of seen) {
    const entry = stream.get(id);
    if (entry === undefined) {
      propagateClaim(c, a[1]!, group, id, pending);
      group.pending.delete(id);
      pending.consumer.pending.delete(id);
      gone.push(formatId(id));
      server.dirty++;
      continue;
    }
    hand(id, pending, consumer);
    pending.deliveredAt = server.now;
    if (!justId) pending.deliveries++;
    out.push(justId ? formatId(id) : entryReply(entry));
    consumer.activeAt = server.now;
    propagateClaim(c, a[1]!, group, id, pending);
    server.dirty++;
  }
  return [formatId(next), out, gone];
}

function lagReply(stream: StreamData, group: Group): Reply {
  return stream.lag(group) ?? null;
}

function readReply(group: Group): Reply {
  return group.entriesRead === -1 ? null : group.entriesRead;
}

export function xinfoConsumers(c: Client, a: string[]): Reply {
  const stream = streamForInfo(c, a);
  const group = stream.groups.get(a[3]!);
  if (group === undefined) return noGroup(a[2]!, a[3]!);
  const { now } = c.server;
  return group
    .sortedConsumers()
    .map(
      (consumer) =>
        new ReplyMap([
          "name",
          consumer.name,
          "pending",
          consumer.pending.size,
          "idle",
          Math.max(0, now - consumer.seenAt),
          "inactive",
          consumer.activeAt === -1 ? -1 : now - consumer.activeAt,
        ]),
    );
}

function streamForInfo(c: Client, a: string[]): StreamData {
  const stream = streamAt(c.db.read(a[2]!));
  if (stream === undefined) throw err("no such key");
  return stream;
}

export function xinfoGroups(c: Client, a: string[]): Reply {
  const stream = streamForInfo(c, a);
  return stream
    .sortedGroups()
    .map(
      (group) =>
        new ReplyMap([
          "name",
          group.name,
          "consumers",
          group.consumers.size,
          "pending",
          group.pending.size,
          "last-delivered-id",
          formatId(group.lastId),
          "entries-read",
          readReply(group),
          "lag",
          lagReply(stream, group),
        ]),
    );
}

export function xinfoStream(c: Client, a: string[]): Reply {
  const stream = streamForInfo(c, a);
  let full = false;
  let count = 10;
  if (a.length > 3) {
    if ((a.length !== 4 && a.length !== 6) || a[3]!.toUpperCase() !== "FULL") return subcommandSyntax(a);
    full = true;
    if (a.length === 6) {
      if (a[4]!.toUpperCase() !== "COUNT") return subcommandSyntax(a);
      count = long(a[5]!);
      if (count < 0) count = 10;
    }
  }
  const out: Reply[] = [
    "length",
    stream.length,
    "radix-tree-keys",
    stream.nodeCount,
    "radix-tree-nodes",
    stream.nodeCount + 1,
    "last-generated-id",
    formatId(stream.lastId),
    "max-deleted-entry-id",
    formatId(stream.maxDeletedId),
    "entries-added",
    stream.entriesAdded,
    "recorded-first-entry-id",
    formatId(stream.firstId),
  ];
  if (!full) {
    const [first] = stream.range(zeroId, maxId, 1, false);
    const [last] = stream.range(zeroId, maxId, 1, true);
    out.push("groups", stream.groups.size);
    out.push("first-entry", first === undefined ? null : entryReply(first));
    out.push("last-entry", last === undefined ? null : entryReply(last));
    return new ReplyMap(out);
  }
  out.push("entries", stream.range(zeroId, maxId, count, false).map(entryReply));
  out.push(
    "groups",
    stream.sortedGroups().map((group) => fullGroup(stream, group, count)),
  );
  return new ReplyMap(out);
}

function fullGroup(stream: StreamData, group: Group, count: number): Reply {
  const pending: Reply[] = [];
  group.pending.each((id, one) => {
    pending.push([formatId(id), one.consumer.name, one.deliveredAt, one.deliveries]);
    return count === 0 || pending.length < count;
  });
  const consumers = group.sortedConsumers().map((consumer) => {
    const own: Reply[] = [];
    consumer.pending.each((id, one) => {
      own.push([formatId(id), one.deliveredAt, one.deliveries]);
      return count === 0 || own.length < count;
    });
    return new ReplyMap([
      "name",
      consumer.name,
      "seen-time",
      consumer.seenAt,
      "active-time",
      consumer.activeAt,
      "pel-count",
      consumer.pending.size,
      "pending",
      own,
    ]);
  });
  return new ReplyMap([
    "name",
    group.name,
    "last-delivered-id",
    formatId(group.lastId),
    "entries-read",
    readReply(group),
    "lag",
    lagReply(stream, group),
    "pel-count",
    group.pending.size,
    "pending",
    pending,
    "consumers",
    consumers,
  ]);
}

export function xinfoHelp(): Reply {
  return help("XINFO", [
    "CONSUMERS <key> <groupname>",
    "    The consumers of a group.",
    "GROUPS <key>",
    "    The groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]]",
    "    A stream.",
  ]);
}
