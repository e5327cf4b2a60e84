import { formatDouble } from "../data/numbers.js";
import {
  CountedError,
  Double,
  ErrorReply,
  Push,
  Raw,
  type Reply,
  ReplyMap,
  ReplySequence,
  ReplySet,
  Status,
  Verbatim,
} from "../protocol/reply.js";
import { LuaTable, type LuaValue } from "./lua/values.js";

/* Replies as Lua values and back. @see https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion */

/** Nesting of a script's result, beyond which an element is answered with an error. */
const deepest = 1500;

/** A message as the table that scripts get for an error. */
export function errorTable(text: string): LuaTable {
  const space = text.indexOf(" ");
  let full = text;
  if (text.startsWith("-")) full = space < 0 ? `ERR ${text.slice(1)}` : text.slice(1);
  else full = `ERR ${text}`;
  return LuaTable.of({ err: full.replace(/[\r\n]+$/, "") });
}

function tableOf(field: string, value: LuaValue): LuaTable {
  const table = new LuaTable();
  table.set(field, value);
  return table;
}

function listOf(items: readonly Reply[], resp: number): LuaTable {
  const table = new LuaTable();
  for (let at = 0; at < items.length; at++) table.set(at + 1, toLua(items[at]!, resp));
  return table;
}

/** What `redis.call` gives for a reply, in the version of the protocol that the script chose. */
export function toLua(reply: Reply, resp: number): LuaValue {
  if (typeof reply === "string" || typeof reply === "number") return reply;
  if (reply === null) return resp === 2 ? false : undefined;
  if (Array.isArray(reply)) return listOf(reply, resp);
  if (reply instanceof Status) return tableOf("ok", reply.text);
  if (reply instanceof ErrorReply) {
    const table = errorTable(`-${reply.text}`);
    table.set("ignore_error_stats_update", true);
    return table;
  }
  if (reply instanceof Raw) {
    // The only replies that come as bytes are the null array and "nothing".
    return resp === 2 ? false : undefined;
  }
  if (reply instanceof Double) {
    if (resp === 2) return reply.text ?? formatDouble(reply.value);
    return tableOf("double", reply.value);
  }
  if (reply instanceof ReplyMap) {
    if (resp === 2) return listOf(reply.flat, resp);
    const map = new LuaTable();
    for (let at = 0; at + 1 < reply.flat.length; at += 2) {
      const key = toLua(reply.flat[at]!, resp);
      if (key !== undefined) map.set(key, toLua(reply.flat[at + 1]!, resp));
    }
    return tableOf("map", map);
  }
  if (reply instanceof ReplySet) {
    if (resp === 2) return listOf(reply.items, resp);
    const set = new LuaTable();
    for (const item of reply.items) set.set(toLua(item, resp), true);
    return tableOf("set", set);
  }
  if (reply instanceof Push) return listOf(reply.items, resp);
  if (reply instanceof Verbatim) {
    if (resp === 2) return reply.text;
    return tableOf("verbatim_string", LuaTable.of({ string: reply.text, format: reply.format }));
  }
  if (typeof reply === "bigint") return Number(reply);
  if (typeof reply === "boolean") return resp === 2 ? (reply ? 1 : 0) : reply;
  if (reply instanceof ReplySequence) return toLua(reply.items[0] ?? null, resp);
  throw new TypeError("not a reply");
}

/** A number cut to 64 bits, as C's cast on x86-64 does. */
function integerReply(value: number): number | bigint {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole)) return whole + 0;
  if (!(whole >= -(2 ** 63) && whole < 2 ** 63)) return -(2n ** 63n);
  return BigInt(whole);
}

/** The error's text in a table, as it is answered. */
function errorReply(table: LuaTable, text: string): ErrorReply {
  return table.get("ignore_error_stats_update") === true ? new CountedError(text) : new ErrorReply(text);
}

/** A big number of RESP3: bytes of its own in each version. */
function bigNumber(text: string): Raw {
  const line = text.replace(/[\r\n]/g, " ");
  return new Raw(`$${line.length}\r\n${line}\r\n`, `(${line}\r\n`);
}

/**
 * A script's result as a reply.
 *
 * @param resp the version that the script chose, which decides what booleans become
 */
export function fromLua(value: LuaValue, resp: number, depth = 0): Reply {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return integerReply(value);
    case "boolean":
      if (resp === 2) return value ? 1 : null;
      return value;
    case "undefined":
      return null;
  }
  if (!(value instanceof LuaTable)) return null;
  if (depth > deepest) return new ErrorReply("ERR reached lua stack limit");
  const error = value.get("err");
  if (typeof error === "string" || typeof error === "number") return errorReply(value, String(error));
  const status = value.get("ok");
  if (typeof status === "string") return new Status(status.replace(/[\r\n]/g, " "));
  const double = value.get("double");
  if (typeof double === "number") return new Double(double);
  const big = value.get("big_number");
  if (typeof big === "string") return bigNumber(big);
  const verbatim = value.get("verbatim_string");
  if (verbatim instanceof LuaTable) {
    const format = verbatim.get("format");
    const text = verbatim.get("string");
    if (typeof format === "string" && typeof text === "string") {
      return new Verbatim(text, format.slice(0, 3).padEnd(3));
    }
  }
  const map = value.get("map");
  if (map instanceof LuaTable) {
    const flat: Reply[] = [];
    map.each((key, item) => flat.push(fromLua(key, resp, depth + 1), fromLua(item, resp, depth + 1)));
    return new ReplyMap(flat);
  }
  const set = value.get("set");
  if (set instanceof LuaTable) {
    const items: Reply[] = [];
    set.each((key) => items.push(fromLua(key, resp, depth + 1)));
    return new ReplySet(items);
  }
  const items: Reply[] = [];
  for (let at = 1; ; at++) {
    const item = value.get(at);
    if (item === undefined) return items;
    items.push(fromLua(item, resp, depth + 1));
  }
}
