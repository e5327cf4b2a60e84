import type { Test } from "../expressions/condition.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import { type Item, setAttribute } from "../values/attribute-value.js";
import { type Consumption, readUnits } from "./capacity.js";
import { decodeItem, RawJson, storedSize } from "./item-codec.js";
import { type Index, keyNames, type Table } from "./table.js";

/** Bytes of items that one page of a query or scan reads. */
const pageBytes = 1024 * 1024;

/** One page to read: a part of a table or index, and what of it is wanted. */
export interface ReadRequest {
  readonly table: Table;
  readonly index: Index | undefined;
  /** Keys of the tree, the first inclusive, the second exclusive. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly reverse: boolean;
  /** Items to look at. */
  readonly limit: number | undefined;
  readonly filter: Test | undefined;
  /** Paths that are wanted; undefined for all that an entry has. */
  readonly paths: readonly Path[] | undefined;
  /** Only how many. */
  readonly countOnly: boolean;
  /** Read each item from the table: the index has not all that is wanted. */
  readonly fetch: boolean;
  readonly strong: boolean;
}

export interface Page {
  readonly items: readonly (RawJson | Item)[];
  readonly count: number;
  readonly scanned: number;
  /** Where the next page begins: the key of the last item that was looked at. */
  readonly last: Item | undefined;
}

/** Reads one page; what it takes is added to `used`. */
export function readPage(request: ReadRequest, used: Consumption): Page {
  const { table, index, limit, filter, paths, countOnly, fetch } = request;
  const tree = index?.tree ?? table.tree;
  const projection = paths === undefined || countOnly ? undefined : new Projection(paths);
  const cursor = tree.scan({
    ...(request.from === undefined ? {} : { from: request.from }),
    ...(request.to === undefined ? {} : { to: request.to }),
    reverse: request.reverse,
  });
  const items: (RawJson | Item)[] = [];
  let bytes = 0;
  let fetched = 0;
  let scanned = 0;
  let count = 0;
  let lastStored: Buffer | undefined;
  let more = false;
  while (cursor.next()) {
    const entry = cursor.value;
    const size = storedSize(entry);
    if (scanned > 0 && bytes + size > pageBytes) {
      more = true;
      break;
    }
    bytes += size;
    scanned++;
    lastStored = entry;
    let stored = entry;
    if (fetch) {
      const own = table.stored(table.keyOf(decodeItem(entry)));
      if (own !== undefined) {
        stored = own;
        fetched += readUnits(storedSize(own), request.strong);
      }
    }
    const item = filter === undefined && projection === undefined ? undefined : decodeItem(stored);
    if (filter === undefined || filter(item!)) {
      count++;
      if (!countOnly) items.push(projection === undefined ? RawJson.ofStored(stored) : projection.apply(item!));
    }
    if (scanned === limit) {
      more = true;
      break;
    }
  }
  const units = readUnits(bytes, request.strong);
  if (index === undefined) used.tableUnits += units;
  else used.index(index.definition.name, units);
  used.tableUnits += fetched;
  return { items, count, scanned, last: more ? startKey(request, decodeItem(lastStored!)) : undefined };
}

function startKey({ table, index }: ReadRequest, item: Item): Item {
  const out: Item = {};
  const names = index === undefined ? keyNames(table.schema) : keyNames(index.definition.schema, table.schema);
  for (const name of names) setAttribute(out, name, item[name]!);
  return out;
}
