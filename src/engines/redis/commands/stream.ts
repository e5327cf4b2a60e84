import type { Client } from "../client.js";
import { NOTIFY_STREAM } from "../data/database.js";
import { type Entry, TYPE_STREAM } from "../data/entry.js";
import { UINT64_MAX } from "../data/numbers.js";
import { addOne, StreamData, type StreamEntry, type Trim } from "../data/stream.js";
import { compareIds, formatId, maxId, nextId, parseId, previousId, type StreamId, zeroId } from "../data/stream-ids.js";
import { EMPTY_ARRAY, type ErrorReply, err, NULL_ARRAY, OK, type Reply, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { long, streamAt } from "./arguments.js";

const BAD_ID = err("Invalid stream ID specified as stream command argument");
const NOT_GREATER = err("The ID specified in XADD is equal or smaller than the target stream top item");

/** An id that must not be `-` or `+`. */
export function strictId(text: string, missingSeq: StreamId["seq"] = 0): StreamId {
  const id = parseId(text, missingSeq);
  if (id === undefined) throw BAD_ID;
  return id;
}

/** One end of a range: `-`, `+`, an id, or `(` and an id for beyond it. */
export function boundId(text: string, start: boolean): StreamId {
  if (text === "-") return zeroId;
  if (text === "+") return maxId;
  const missing = start ? 0 : UINT64_MAX;
  if (text.length > 1 && text.startsWith("(")) {
    const id = strictId(text.slice(1), missing);
    const moved = start ? nextId(id) : previousId(id);
    if (moved === undefined) throw err(`invalid ${start ? "start" : "end"} ID for the interval`);
    return moved;
  }
  return strictId(text, missing);
}

export function entryReply({ id, fields }: StreamEntry): Reply {
  return [formatId(id), fields];
}

interface AddOptions {
  trim: Trim | undefined;
  /** Position of the trimming's number. */
  trimAt: number;
  noMake: boolean;
  id: StreamId | undefined;
  autoSeq: boolean;
  /** Position of the id (XADD), or the end. */
  at: number;
}

/** Options of XADD and XTRIM. */
function parseOptions(c: Client, a: string[], adding: boolean): AddOptions | ErrorReply {
  let strategy: Trim["strategy"] | undefined;
  let approximate = false;
  let maxLength = 0;
  let minId = zeroId;
  let limit = 0;
  let limitGiven = false;
  let noMake = false;
  let id: StreamId | undefined;
  let autoSeq = false;
  let trimAt = 0;
  let i = 2;
  for (; i < a.length; i++) {
    const more = a.length - 1 - i;
    const text = a[i]!;
    if (adding && text === "*") break;
    const option = text.toUpperCase();
    if ((option === "MAXLEN" || option === "MINID") && more > 0) {
      if (strategy !== undefined) {
        return err("syntax error, MAXLEN and MINID options at the same time are not compatible");
      }
      approximate = false;
      if (more >= 2 && (a[i + 1] === "~" || a[i + 1] === "=")) {
        approximate = a[i + 1] === "~";
        i++;
      }
      i++;
      if (option === "MAXLEN") {
        maxLength = long(a[i]!);
        if (maxLength < 0) return err("The MAXLEN argument must be >= 0.");
        strategy = "maxlen";
      } else {
        minId = strictId(a[i]!);
        strategy = "minid";
      }
      trimAt = i;
    } else if (option === "LIMIT" && more > 0) {
      limit = long(a[++i]!);
      if (limit < 0) return err("The LIMIT argument must be >= 0.");
      limitGiven = true;
    } else if (adding && option === "NOMKSTREAM") noMake = true;
    else if (adding) {
      autoSeq = text.endsWith("-*");
      id = strictId(autoSeq ? `${text.slice(0, -1)}0` : text);
      break;
    } else return SYNTAX;
  }
  if (limit > 0 && strategy === undefined) {
    return err("syntax error, LIMIT cannot be used without specifying a trimming strategy");
  }
  if (!adding && strategy === undefined) return err("syntax error, XTRIM must be called with a trimming strategy");
  if (c.trusted) limit = 0;
  else if (limitGiven) {
    if (!approximate) return err("syntax error, LIMIT cannot be used without the special ~ option");
  } else if (approximate) {
    limit = 100 * c.server.config.streamNodeMaxEntries;
    if (limit <= 0) limit = 10_000;
    if (limit > 1_000_000) limit = 1_000_000;
  }
  const trim = strategy === undefined ? undefined : { strategy, maxLength, minId, approximate, limit };
  return { trim, trimAt, noMake, id, autoSeq, at: i };
}

/** The exact form of an approximate trimming, as it came out: for propagation. */
function exactTrim(args: string[], options: AddOptions, stream: StreamData): void {
  const { trim, trimAt } = options;
  if (trim === undefined || !trim.approximate) return;
  args[trimAt - 1] = "=";
  args[trimAt] = trim.strategy === "maxlen" ? String(stream.length) : formatId(stream.firstId);
  // LIMIT goes with "about" only.
  const at = args.findIndex((arg, i) => i > 1 && i < args.length - 1 && arg.toUpperCase() === "LIMIT");
  if (at > 0 && at <= options.at) args.splice(at, 2);
}

export function xadd(c: Client, a: string[]): Reply {
  const options = parseOptions(c, a, true);
  if (!("at" in options)) return options;
  const first = options.at + 1;
  const count = a.length - first;
  if (count < 2 || count % 2 !== 0) return err("wrong number of arguments for 'xadd' command");
  const { db, server } = c;
  const given = options.id;
  if (given !== undefined && !options.autoSeq && given.ms === 0 && given.seq === 0) {
    return err("The ID specified in XADD must be greater than 0-0");
  }
  const key = a[1]!;
  const entry = db.write(key);
  let stream: StreamData;
  if (entry === undefined) {
    if (options.noMake) return null;
    stream = new StreamData();
  } else {
    if (entry.type !== TYPE_STREAM) return WRONGTYPE;
    stream = entry.value as StreamData;
  }
  const last = stream.lastId;
  if (last.ms === UINT64_MAX && last.seq === UINT64_MAX) {
    return err("The stream has exhausted the last possible ID, unable to add more items");
  }
  let id: StreamId;
  if (given === undefined) {
    const now = Math.floor(server.now);
    id = now > last.ms ? { ms: now, seq: 0 } : nextId(last)!;
  } else if (options.autoSeq) {
    if (last.ms === given.ms) {
      if (last.seq === UINT64_MAX) return NOT_GREATER;
      id = { ms: given.ms, seq: addOne(last.seq) };
    } else id = entry === undefined && given.ms === 0 ? { ms: 0, seq: 1 } : given;
  } else id = given;
  if (compareIds(id, last) <= 0) return NOT_GREATER;
  const { config } = server;
  stream.append(id, a.slice(first), config.streamNodeMaxEntries, config.streamNodeMaxBytes);
  if (entry === undefined) db.add(key, TYPE_STREAM, stream);
  const { trim } = options;
  const trimmed = trim === undefined ? 0 : stream.trim(trim);
  db.changed(key, c, entry);
  if (server.notifyFlags !== 0) {
    server.notify(NOTIFY_STREAM, "xadd", key, db);
    if (trimmed > 0) server.notify(NOTIFY_STREAM, "xtrim", key, db);
  }
  server.dirty++;
  const text = formatId(id);
  if (server.propagator !== undefined) {
    const args = a.slice();
    args[options.at] = text;
    exactTrim(args, options, stream);
    c.rewrite(...args);
  }
  if (db.waiting.size !== 0) server.keyReady(db, key);
  return text;
}

export function xtrim(c: Client, a: string[]): Reply {
  const options = parseOptions(c, a, false);
  if (!("at" in options)) return options;
  const { db, server } = c;
  const stream = streamAt(db.write(a[1]!));
  if (stream === undefined) return 0;
  const removed = stream.trim(options.trim!);
  if (removed > 0) {
    server.notify(NOTIFY_STREAM, "xtrim", a[1]!, db);
    if (server.propagator !== undefined) {
      const args = a.slice();
      exactTrim(args, options, stream);
      c.rewrite(...args);
    }
    db.changed(a[1]!, c);
    server.dirty += removed;
  }
  return removed;
}

export function xlen(c: Client, a: string[]): Reply {
  return streamAt(c.db.read(a[1]!))?.length ?? 0;
}

function range(c: Client, a: string[], reverse: boolean): Reply {
  const start = boundId(a[reverse ? 3 : 2]!, true);
  const end = boundId(a[reverse ? 2 : 3]!, false);
  let count = -1;
  for (let i = 4; i < a.length; i++) {
    if (a[i]!.toUpperCase() !== "COUNT" || i + 1 >= a.length) return SYNTAX;
    count = Math.max(0, long(a[++i]!));
  }
  const stream = streamAt(c.db.read(a[1]!));
  if (stream === undefined) return EMPTY_ARRAY;
  if (count === 0) return NULL_ARRAY;
  return stream.range(start, end, count === -1 ? 0 : count, reverse).map(entryReply);
}

export function xrange(c: Client, a: string[]): Reply {
  return range(c, a, false);
}

export function xrevrange(c: Client, a: string[]): Reply {
  return range(c, a, true);
}

export function xdel(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const stream = streamAt(db.write(a[1]!));
  if (stream === undefined) return 0;
  const ids = a.slice(2).map((text) => strictId(text));
  let removed = 0;
  for (const id of ids) if (stream.delete(id)) removed++;
  if (removed > 0) {
    db.changed(a[1]!, c);
    server.notify(NOTIFY_STREAM, "xdel", a[1]!, db);
    server.dirty += removed;
  }
  return removed;
}

export function xsetid(c: Client, a: string[]): Reply {
  const id = strictId(a[2]!);
  let added: number | undefined;
  let deleted: StreamId | undefined;
  for (let i = 3; i < a.length; i += 2) {
    const option = a[i]!.toUpperCase();
    if (i + 1 >= a.length) return SYNTAX;
    if (option === "ENTRIESADDED") {
      added = long(a[i + 1]!);
      if (added < 0) return err("entries_added must be positive");
    } else if (option === "MAXDELETEDID") {
      deleted = strictId(a[i + 1]!);
      if (compareIds(id, deleted) < 0) {
        return err("The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      }
    } else return SYNTAX;
  }
  const { db, server } = c;
  const entry: Entry | undefined = db.write(a[1]!);
  if (entry === undefined) return err("no such key");
  const stream = streamAt(entry)!;
  if (compareIds(id, stream.maxDeletedId) < 0) {
    return err("The ID specified in XSETID is smaller than current max_deleted_entry_id");
  }
  if (stream.length > 0) {
    if (compareIds(id, stream.lastValidId()) < 0) {
      return err("The ID specified in XSETID is smaller than the target stream top item");
    }
    if (added !== undefined && stream.length > added) {
      return err("The entries_added specified in XSETID is smaller than the target stream length");
    }
  }
  stream.lastId = id;
  if (added !== undefined) stream.entriesAdded = added;
  if (deleted !== undefined && compareIds(deleted, zeroId) !== 0) stream.maxDeletedId = deleted;
  server.dirty++;
  server.notify(NOTIFY_STREAM, "xsetid", a[1]!, db);
  return OK;
}
