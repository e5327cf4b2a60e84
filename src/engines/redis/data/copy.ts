import { Bytes } from "./bytes.js";
import { type Entry, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STRING, TYPE_ZSET, type Value } from "./entry.js";
import { HashData } from "./hash.js";
import { ListData } from "./list.js";
import { SetData } from "./set.js";
import { SortedSetData } from "./sorted-set.js";
import type { StreamData } from "./stream.js";

/** A copy of an entry's value that shares nothing which changes. */
export function copyValue(entry: Entry): Value {
  const { value } = entry;
  switch (entry.type) {
    case TYPE_STRING:
      return value instanceof Bytes ? new Bytes(Buffer.from(value.data.subarray(0, value.length))) : value;
    case TYPE_LIST: {
      const copy = new ListData();
      const list = value as ListData;
      for (let i = 0; i < list.length; i++) copy.pushRight(list.at(i));
      copy.quick = list.quick;
      return copy;
    }
    case TYPE_SET: {
      const set = value as SetData;
      const copy = new SetData();
      for (const item of set.items) copy.items.push(item);
      copy.bytes = set.bytes;
      if (set.encoding !== "intset") copy.convert(set.encoding);
      return copy;
    }
    case TYPE_ZSET: {
      const copy = new SortedSetData();
      const zset = value as SortedSetData;
      for (let i = 0; i < zset.size; i++) copy.set(zset.members[i]!, zset.scores[i]!);
      copy.compact = zset.compact;
      return copy;
    }
    case TYPE_HASH: {
      const copy = new HashData();
      const hash = value as HashData;
      copy.compact = hash.compact;
      for (let i = 0; i < hash.size; i++) copy.set(hash.fieldAt(i), hash.valueAt(i));
      return copy;
    }
    default:
      return (value as StreamData).copy();
  }
}
