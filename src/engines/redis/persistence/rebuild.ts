import {
  type Entry,
  type StringValue,
  stringOf,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STRING,
  TYPE_ZSET,
} from "../data/entry.js";
import type { HashData } from "../data/hash.js";
import type { ListData } from "../data/list.js";
import { formatDouble } from "../data/numbers.js";
import type { SetData } from "../data/set.js";
import type { SortedSetData } from "../data/sorted-set.js";
import type { StreamData } from "../data/stream.js";
import { formatId, maxId, zeroId } from "../data/stream-ids.js";

/** How many elements one command adds, as in Redis. */
const perCommand = 64;

/** Commands that make this key from nothing: what a rewritten append-only file holds. */
export function* rebuild(entry: Entry): Generator<string[]> {
  const { key, value } = entry;
  switch (entry.type) {
    case TYPE_STRING:
      yield ["SET", key, stringOf(value as StringValue)];
      break;
    case TYPE_LIST: {
      const list = value as ListData;
      for (let at = 0; at < list.length; at += perCommand) {
        yield ["RPUSH", key, ...list.range(at, Math.min(at + perCommand, list.length) - 1)];
      }
      break;
    }
    case TYPE_SET: {
      const { items } = value as SetData;
      for (let at = 0; at < items.length; at += perCommand) yield ["SADD", key, ...items.slice(at, at + perCommand)];
      break;
    }
    case TYPE_ZSET: {
      const zset = value as SortedSetData;
      for (let at = 0; at < zset.size; at += perCommand) {
        const args = ["ZADD", key];
        for (let i = at; i < at + perCommand && i < zset.size; i++) {
          args.push(formatDouble(zset.scores[i]!), zset.members[i]!);
        }
        yield args;
      }
      break;
    }
    case TYPE_HASH: {
      const hash = value as HashData;
      for (let at = 0; at < hash.size; at += perCommand) {
        const args = ["HMSET", key];
        for (let i = at; i < at + perCommand && i < hash.size; i++) args.push(hash.fieldAt(i), hash.valueAt(i));
        yield args;
      }
      break;
    }
    default:
      yield* rebuildStream(key, value as StreamData);
  }
  if (entry.expireAt !== 0) yield ["PEXPIREAT", key, String(entry.expireAt)];
}

function* rebuildStream(key: string, stream: StreamData): Generator<string[]> {
  // An empty stream is made by an entry that does not stay.
  if (stream.length === 0) yield ["XADD", key, "MAXLEN", "0", "0-1", "x", "y"];
  for (const { id, fields } of stream.range(zeroId, maxId, 0, false)) yield ["XADD", key, formatId(id), ...fields];
  yield [
    ...["XSETID", key, formatId(stream.lastId)],
    ...["ENTRIESADDED", String(stream.entriesAdded), "MAXDELETEDID", formatId(stream.maxDeletedId)],
  ];
  for (const group of stream.sortedGroups()) {
    const { name } = group;
    yield ["XGROUP", "CREATE", key, name, formatId(group.lastId), "ENTRIESREAD", String(group.entriesRead)];
    for (const consumer of group.sortedConsumers()) {
      if (consumer.pending.size === 0) yield ["XGROUP", "CREATECONSUMER", key, name, consumer.name];
      const claims: string[][] = [];
      consumer.pending.each((id, { deliveredAt, deliveries }) => {
        claims.push([
          ...["XCLAIM", key, name, consumer.name, "0", formatId(id)],
          ...["TIME", String(deliveredAt), "RETRYCOUNT", String(deliveries), "JUSTID", "FORCE"],
        ]);
        return true;
      });
      yield* claims;
    }
  }
}
