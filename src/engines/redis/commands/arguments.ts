import type { Client } from "../client.js";
import { type Entry, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET } from "../data/entry.js";
import type { HashData } from "../data/hash.js";
import type { ListData } from "../data/list.js";
import { type Int, parseDouble, parseInt64, parseLong } from "../data/numbers.js";
import type { SetData } from "../data/set.js";
import type { SortedSetData } from "../data/sorted-set.js";
import type { StreamData } from "../data/stream.js";
import { type ErrorReply, err, NOT_FLOAT, NOT_INTEGER, WRONGTYPE } from "../protocol/reply.js";

/* What commands read their arguments with. Each throws the reply for an argument that does not fit. */

/** An exact 64-bit integer. */
export function int64(text: string, error: ErrorReply = NOT_INTEGER): Int {
  const value = parseInt64(text);
  if (value === undefined) throw error;
  return value;
}

/** An integer as a number, rounded when it is beyond what a number holds exactly. */
export function long(text: string, error: ErrorReply = NOT_INTEGER): number {
  const value = parseLong(text);
  if (Number.isNaN(value)) throw error;
  return value;
}

/** An integer within a range. */
export function longIn(text: string, min: number, max: number, error: ErrorReply): number {
  const value = parseLong(text);
  if (Number.isNaN(value) || value < min || value > max) throw error;
  return value;
}

/** An integer that is not negative. */
export function positive(text: string, error: ErrorReply = err("value is out of range, must be positive")): number {
  const value = parseLong(text);
  if (Number.isNaN(value)) throw error;
  if (value < 0) throw error;
  return value;
}

export function double(text: string, error: ErrorReply = NOT_FLOAT): number {
  const value = parseDouble(text);
  if (Number.isNaN(value)) throw error;
  return value;
}

/** The moment at which a wait of so many seconds (with a fraction) ends; 0 for never. */
export function deadline(client: Client, text: string): number {
  const seconds = parseDouble(text);
  if (Number.isNaN(seconds) || !Number.isFinite(seconds)) throw err("timeout is not a float or out of range");
  if (seconds < 0) throw err("timeout is negative");
  const ms = Math.ceil(seconds * 1000);
  if (ms > Number.MAX_SAFE_INTEGER - client.server.now || seconds > 9.2e15) throw err("timeout is out of range");
  return ms === 0 ? 0 : client.server.now + ms;
}

/** The value of an entry that must be of this type. */
export function stringAt(entry: Entry | undefined): Entry | undefined {
  if (entry !== undefined && entry.type !== TYPE_STRING) throw WRONGTYPE;
  return entry;
}

export function listAt(entry: Entry | undefined): ListData | undefined {
  if (entry === undefined) return undefined;
  if (entry.type !== TYPE_LIST) throw WRONGTYPE;
  return entry.value as ListData;
}

export function setAt(entry: Entry | undefined): SetData | undefined {
  if (entry === undefined) return undefined;
  if (entry.type !== TYPE_SET) throw WRONGTYPE;
  return entry.value as SetData;
}

export function hashAt(entry: Entry | undefined): HashData | undefined {
  if (entry === undefined) return undefined;
  if (entry.type !== TYPE_HASH) throw WRONGTYPE;
  return entry.value as HashData;
}

export function zsetAt(entry: Entry | undefined): SortedSetData | undefined {
  if (entry === undefined) return undefined;
  if (entry.type !== TYPE_ZSET) throw WRONGTYPE;
  return entry.value as SortedSetData;
}

export function streamAt(entry: Entry | undefined): StreamData | undefined {
  if (entry === undefined) return undefined;
  if (entry.type !== TYPE_STREAM) throw WRONGTYPE;
  return entry.value as StreamData;
}
