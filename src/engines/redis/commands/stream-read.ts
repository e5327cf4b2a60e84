import type { Client } from "../client.js";
import { NOTIFY_STREAM } from "../data/database.js";
import { addOne, Consumer, type Group, type Pending, type StreamData, type StreamEntry } from "../data/stream.js";
import { compareIds, formatId, maxId, nextId, type StreamId, zeroId } from "../data/stream-ids.js";
import { ErrorReply, err, NULL_ARRAY, type Reply, ReplyMap, SYNTAX } from "../protocol/reply.js";
import { long, streamAt } from "./arguments.js";
import { entryReply, strictId } from "./stream.js";

/** Finds a group's consumer, or makes it, with its event and its propagation. */
export function consumerOf(c: Client, key: string, group: Group, name: string): Consumer {
  const known = group.consumers.get(name);
  if (known !== undefined) return known;
  const made = new Consumer(name, c.server.now);
  group.consumers.set(name, made);
  c.server.dirty++;
  c.server.notify(NOTIFY_STREAM, "xgroup-createconsumer", key, c.db);
  if (c.server.propagator !== undefined) {
    c.rewritten ??= [];
    c.rewritten.push(["XGROUP", "CREATECONSUMER", key, group.name, name]);
  }
  return made;
}

/** Propagates a pending entry as it now is. */
export function propagateClaim(c: Client, key: string, group: Group, id: StreamId, pending: Pending): void {
  if (c.server.propagator === undefined) return;
  c.rewritten ??= [];
  c.rewritten.push([
    "XCLAIM",
    key,
    group.name,
    pending.consumer.name,
    "0",
    formatId(id),
    "TIME",
    String(pending.deliveredAt),
    "RETRYCOUNT",
    String(pending.deliveries),
    "FORCE",
    "JUSTID",
    "LASTID",
    formatId(group.lastId),
  ]);
}

/** Moves a group's position to an entry that it is given. */
function advance(stream: StreamData, group: Group, id: StreamId): void {
  if (compareIds(id, group.lastId) <= 0) return;
  if (group.entriesRead !== -1 && !stream.hasTombstones(id)) group.entriesRead = addOne(group.entriesRead);
  else if (stream.entriesAdded !== 0) group.entriesRead = stream.distanceFromFirst(id);
  group.lastId = id;
}

/** Hands new entries to a consumer. */
function deliver(
  c: Client,
  key: string,
  stream: StreamData,
  group: Group,
  consumer: Consumer,
  entries: readonly StreamEntry[],
  noAck: boolean,
): void {
  const { now } = c.server;
  for (const { id } of entries) {
    advance(stream, group, id);
    if (noAck) continue;
    const known = group.pending.get(id);
    if (known !== undefined) known.consumer.pending.delete(id);
    const pending: Pending = { consumer, deliveredAt: now, deliveries: 1 };
    group.pending.set(id, pending);
    consumer.pending.set(id, pending);
    consumer.activeAt = now;
    propagateClaim(c, key, group, id, pending);
  }
  if (noAck && entries.length > 0 && c.server.propagator !== undefined) {
    c.rewritten ??= [];
    c.rewritten.push([
      "XGROUP",
      "SETID",
      key,
      group.name,
      formatId(group.lastId),
      "ENTRIESREAD",
      String(group.entriesRead),
    ]);
  }
}

/** What a consumer has pending after an id; an entry that is gone is shown without fields. */
function history(c: Client, stream: StreamData, consumer: Consumer, from: StreamId, count: number): Reply {
  const out: Reply[] = [];
  consumer.pending.each((id, pending) => {
    const entry = stream.get(id);
    if (entry === undefined) out.push([formatId(id), NULL_ARRAY]);
    else {
      pending.deliveredAt = c.server.now;
      pending.deliveries++;
      out.push(entryReply(entry));
    }
    return count === 0 || out.length < count;
  }, from);
  return out;
}

interface ReadRequest {
  count: number;
  /** undefined: do not block. */
  block: number | undefined;
  noAck: boolean;
  group: string | undefined;
  consumer: string;
  streamsAt: number;
  streams: number;
}

function parseRead(c: Client, a: string[], grouped: boolean): ReadRequest | ErrorReply {
  const out: ReadRequest = {
    count: 0,
    block: undefined,
    noAck: false,
    group: undefined,
    consumer: "",
    streamsAt: 0,
    streams: 0,
  };
  const name = grouped ? "xreadgroup" : "xread";
  for (let i = 1; i < a.length; i++) {
    const more = a.length - i - 1;
    const option = a[i]!.toUpperCase();
    if (option === "BLOCK" && more > 0) {
      if (c.scripted) return err(`${a[0]} command is not allowed with BLOCK option from scripts`);
      const ms = long(a[++i]!, err("timeout is not an integer or out of range"));
      if (ms < 0) return err("timeout is negative");
      out.block = ms === 0 ? 0 : c.server.now + ms;
    } else if (option === "COUNT" && more > 0) out.count = Math.max(0, long(a[++i]!));
    else if (option === "STREAMS" && more > 0) {
      out.streamsAt = i + 1;
      out.streams = a.length - i - 1;
      if (out.streams % 2 !== 0) {
        const symbol = grouped ? ">" : "$";
        return err(`Unbalanced '${name}' list of streams: for each stream key an ID or '${symbol}' must be specified.`);
      }
      out.streams /= 2;
      break;
    } else if (option === "GROUP" && more >= 2) {
      if (!grouped) return err("The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
      out.group = a[i + 1]!;
      out.consumer = a[i + 2]!;
      i += 2;
    } else if (option === "NOACK") {
      if (!grouped) return err("The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
      out.noAck = true;
    } else return SYNTAX;
  }
  if (out.streamsAt === 0) return SYNTAX;
  if (grouped && out.group === undefined) return err("Missing GROUP option for XREADGROUP");
  return out;
}

function read(c: Client, a: string[], grouped: boolean): Reply {
  const request = parseRead(c, a, grouped);
  if (request instanceof ErrorReply) return request;
  const { db, server } = c;
  const { streamsAt, streams, group: groupName } = request;
  if (server.propagator !== undefined) c.rewritten = [];
  const ids: StreamId[] = [];
  const groups: (Group | undefined)[] = [];
  for (let i = 0; i < streams; i++) {
    const key = a[streamsAt + i]!;
    const text = a[streamsAt + streams + i]!;
    const stream = streamAt(db.read(key));
    let group: Group | undefined;
    if (groupName !== undefined) {
      group = stream?.groups.get(groupName);
      if (group === undefined) {
        return new ErrorReply(
          `NOGROUP No such key '${key}' or consumer group '${groupName}' in XREADGROUP with GROUP option`,
        );
      }
    }
    groups.push(group);
    if (text === "$") {
      if (grouped) {
        return err(
          "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
        );
      }
      ids.push(stream?.lastId ?? zeroId);
    } else if (text === ">") {
      if (!grouped) {
        return err("The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
      }
      ids.push(maxId);
    } else ids.push(strictId(text));
  }
  const out: Reply[] = [];
  for (let i = 0; i < streams; i++) {
    const key = a[streamsAt + i]!;
    const stream = streamAt(db.peek(key));
    if (stream === undefined) continue;
    const group = groups[i];
    const id = ids[i]!;
    let entries: Reply | undefined;
    if (group === undefined) {
      const from = nextId(id);
      if (stream.length > 0 && from !== undefined && compareIds(stream.lastValidId(), id) > 0) {
        entries = stream.range(from, maxId, request.count, false).map(entryReply);
      }
    } else {
      const consumer = consumerOf(c, key, group, request.consumer);
      consumer.seenAt = server.now;
      if (a[streamsAt + streams + i] !== ">") {
        const from = nextId(id);
        entries = from === undefined ? [] : history(c, stream, consumer, from, request.count);
        server.dirty++;
      } else if (stream.length > 0 && compareIds(stream.lastValidId(), group.lastId) > 0) {
        const found = stream.range(nextId(group.lastId)!, maxId, request.count, false);
        deliver(c, key, stream, group, consumer, found, request.noAck);
        entries = found.map(entryReply);
        server.dirty++;
      }
    }
    if (entries !== undefined) out.push(key, entries);
  }
  if (out.length > 0) {
    if (c.resp === 3) return new ReplyMap(out);
    return Array.from({ length: out.length / 2 }, (_, i) => [out[i * 2]!, out[i * 2 + 1]!]);
  }
  if (request.block === undefined || c.denyBlocking) return NULL_ARRAY;
  const args = a.slice();
  for (let i = 0; i < streams; i++) {
    const at = streamsAt + streams + i;
    // "From now on" means from when it began to wait.
    if (args[at] === "$") args[at] = formatId(ids[i]!);
  }
  return server.blocking.wait(c, {
    kind: "stream",
    keys: a.slice(streamsAt, streamsAt + streams),
    db,
    deadline: request.block,
    onTimeout: NULL_ARRAY,
    onGone: grouped,
    args,
    command: c.lastCommand!,
  });
}

export function xread(c: Client, a: string[]): Reply {
  return read(c, a, false);
}

export function xreadgroup(c: Client, a: string[]): Reply {
  return read(c, a, true);
}
