import { createHash } from "node:crypto";
import { Consumption } from "../data/capacity.js";
import { RawJson } from "../data/item-codec.js";
import { type Page, type ReadRequest, readPage } from "../data/read.js";
import { type Index, keyNames, type Table } from "../data/table.js";
import { validation } from "../errors.js";
import { keyRange, sortRange } from "../expressions/key-condition.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import { accessOf, checkOrder, whereTest } from "../partiql/plan.js";
import type { Select } from "../partiql/statement.js";
import { checkItem, type Item, setAttribute, type Value } from "../values/attribute-value.js";
import { afterPrefix, grouped, indexKey, partitionPrefix, tableKey } from "../values/key-encoding.js";
import type { Call, Reply } from "./operation.js";
import { checkKey, consumed, indexOf, tableOf } from "./parameters.js";

/** Statements of PartiQL that read. */

/** Attributes of a result: the last name of each path. */
export function columns(item: Item, paths: readonly Path[]): Item {
  const out: Item = {};
  for (const path of paths) {
    const cut = new Projection([path]).apply(item);
    let value: Value | undefined = cut[path[0] as string];
    let name = path[0] as string;
    for (const part of path.slice(1)) {
      if (value === undefined) break;
      if (typeof part === "number") value = (value.L as Value[] | undefined)?.[0];
      else {
        value = (value.M as Item | undefined)?.[part];
        name = part;
      }
    }
    if (value !== undefined) setAttribute(out, name, value);
  }
  return out;
}

/** A place to go on from, bound to its statement. */
function nextToken(statement: string, place: { partition: number; last: Item | undefined }): string {
  const check = createHash("sha256").update(statement).digest("base64").slice(0, 16);
  return Buffer.from(JSON.stringify([check, place.partition, place.last ?? null])).toString("base64");
}

function placeOf(statement: string, token: string | undefined): { partition: number; last: Item | undefined } {
  if (token === undefined) return { partition: 0, last: undefined };
  const invalid = (): Error => validation("Invalid NextToken");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64").toString("utf8"));
  } catch {
    throw invalid();
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) throw invalid();
  const [check, partition, last] = parsed as [unknown, unknown, Item | null];
  const wanted = createHash("sha256").update(statement).digest("base64").slice(0, 16);
  if (check !== wanted || !Number.isSafeInteger(partition)) throw invalid();
  if (last !== null) checkItem(last);
  return { partition: partition as number, last: last ?? undefined };
}

/** The key of a place in the tree; a token that was tampered with is refused. */
function treePlace(table: Table, index: Index | undefined, last: Item): string {
  try {
    const own = table.keyItem(last);
    checkKey(table.schema, own);
    const place = tableKey(table.schema, own);
    if (index === undefined) return place;
    for (const name of keyNames(index.definition.schema)) if (last[name] === undefined) throw new Error(name);
    return indexKey(index.definition.schema, last, place);
  } catch {
    throw validation("Invalid NextToken");
  }
}

/** Runs a SELECT: the items of the partitions that it names, or of all. */
export function select(call: Call, statement: Select): NonNullable<Reply> {
  const { engine, input } = call;
  const table = tableOf(engine, statement.table);
  const index = statement.index === undefined ? undefined : indexOf(table, statement.index);
  const schema = index?.definition.schema ?? table.schema;
  const strong = input["ConsistentRead"] === true;
  if (strong && index?.definition.global === true) {
    throw validation("Consistent reads are not supported on global secondary indexes");
  }
  checkOrder(statement.order, schema);
  const filter = whereTest(statement);
  const { partitions } = accessOf(statement.where, statement.values, schema);
  if (statement.order !== undefined && partitions === undefined) {
    throw validation("Must have WHERE clause in the statement when using ORDER BY clause.");
  }
  const text = input["Statement"] as string;
  const limit = input["Limit"] as number | undefined;
  let { partition, last } = placeOf(text, input["NextToken"] as string | undefined);
  const base = {
    table,
    index,
    limit: undefined,
    filter,
    paths: undefined,
    countOnly: false,
    fetch: false,
    strong,
  };
  const used = new Consumption(table);
  const items: (RawJson | Item)[] = [];
  let left = limit;
  let token: string | undefined;
  const requests: readonly (ReadRequest | undefined)[] =
    partitions === undefined
      ? [{ ...base, from: undefined, to: undefined, reverse: false }]
      : partitions.map((tests) => {
          const range = keyRange(tests, schema);
          const prefix = partitionPrefix(range.partition);
          const encode = index === undefined ? (bytes: string): string => bytes : grouped;
          let from = prefix;
          let to = afterPrefix(prefix);
          if (range.sort !== undefined) {
            const sort = sortRange(range.sort);
            from = prefix + (sort.from === "" ? "" : encode(sort.from));
            if (sort.to !== undefined) to = prefix + encode(sort.to);
          }
          return { ...base, from, to, reverse: statement.order?.descending === true };
        });
  for (; partition < requests.length; partition++) {
    let request = requests[partition]!;
    if (last !== undefined) {
      const place = treePlace(table, index, last);
      request = request.reverse ? { ...request, to: place } : { ...request, from: `${place}\x00` };
      last = undefined;
    }
    engine.throttle?.check({ table, index: index?.definition.name, kind: "Read", partition: request.from });
    const before = used.total;
    const page: Page = readPage({ ...request, limit: left }, used);
    engine.throttle?.take(
      { table, index: index?.definition.name, kind: "Read", partition: request.from },
      used.total - before,
    );
    items.push(...page.items);
    if (left !== undefined) left -= page.scanned;
    if (page.last !== undefined) {
      token = nextToken(text, { partition, last: page.last });
      break;
    }
    if (left === 0 && partition + 1 < requests.length) {
      token = nextToken(text, { partition: partition + 1, last: undefined });
      break;
    }
  }
  const { paths } = statement;
  return {
    Items: paths === undefined ? items : items.map((item) => columns(parsed(item), paths)),
    ...(token === undefined ? {} : { NextToken: token }),
    ...consumed(call, used),
  };
}

/** An item of a page as an object. */
export function parsed(item: RawJson | Item): Item {
  return item instanceof RawJson ? (JSON.parse(item.bytes.toString("utf8")) as Item) : item;
}
