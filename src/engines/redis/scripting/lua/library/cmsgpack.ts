import type { Machine } from "../runtime.js";
import { type LuaFunction, type LuaResult, LuaTable, type LuaValue, multi } from "../values.js";
import { Arguments } from "./arguments.js";

/** Tables nested deeper are packed as nil, so that one that holds itself has an end. */
const deepest = 16;
const scratch = Buffer.alloc(9);

/** A tag and an unsigned number after it, big-endian. */
function tagged(tag: number, value: number, bytes: 1 | 2 | 4): string {
  scratch[0] = tag;
  scratch.writeUIntBE(value, 1, bytes);
  return scratch.toString("latin1", 0, bytes + 1);
}

function packBytes(text: string): string {
  const { length } = text;
  if (length < 32) return String.fromCharCode(0xa0 | length) + text;
  if (length <= 0xff) return tagged(0xd9, length, 1) + text;
  if (length <= 0xffff) return tagged(0xda, length, 2) + text;
  return tagged(0xdb, length, 4) + text;
}

function packNumber(value: number): string {
  if (!Number.isInteger(value) || value >= 2 ** 63 || value < -(2 ** 63)) {
    // A float where it holds the value exactly.
    if (Math.fround(value) === value) {
      scratch[0] = 0xca;
      scratch.writeFloatBE(value, 1);
      return scratch.toString("latin1", 0, 5);
    }
    scratch[0] = 0xcb;
    scratch.writeDoubleBE(value, 1);
    return scratch.toString("latin1", 0, 9);
  }
  if (value >= 0) {
    if (value <= 127) return String.fromCharCode(value);
    if (value <= 0xff) return tagged(0xcc, value, 1);
    if (value <= 0xffff) return tagged(0xcd, value, 2);
    if (value <= 0xffffffff) return tagged(0xce, value, 4);
    scratch[0] = 0xcf;
    scratch.writeBigUInt64BE(BigInt(value), 1);
    return scratch.toString("latin1", 0, 9);
  }
  if (value >= -32) return String.fromCharCode(value & 0xff);
  if (value >= -128) return tagged(0xd0, value & 0xff, 1);
  if (value >= -32_768) return tagged(0xd1, value & 0xffff, 2);
  if (value >= -2_147_483_648) return tagged(0xd2, value >>> 0, 4);
  scratch[0] = 0xd3;
  scratch.writeBigInt64BE(BigInt(value), 1);
  return scratch.toString("latin1", 0, 9);
}

function head(length: number, fixed: number, wide: number): string {
  if (length <= 15) return String.fromCharCode(fixed | length);
  return length <= 0xffff ? tagged(wide, length, 2) : tagged(wide + 1, length, 4);
}

function packTable(table: LuaTable, level: number): string {
  let count = 0;
  let most = 0;
  let isList = true;
  table.each((key) => {
    count++;
    if (typeof key === "number" && Number.isInteger(key) && key > 0) most = Math.max(most, key);
    else isList = false;
  });
  const parts: string[] = [];
  if (isList && most === count) {
    parts.push(head(count, 0x90, 0xdc));
    for (let at = 1; at <= count; at++) parts.push(packValue(table.get(at), level + 1));
  } else {
    parts.push(head(count, 0x80, 0xde));
    table.each((key, value) => parts.push(packValue(key, level + 1), packValue(value, level + 1)));
  }
  return parts.join("");
}

function packValue(value: LuaValue, level: number): string {
  switch (typeof value) {
    case "string":
      return packBytes(value);
    case "number":
      return packNumber(value);
    case "boolean":
      return value ? "\xc3" : "\xc2";
    default:
      return value instanceof LuaTable && level !== deepest ? packTable(value, level) : "\xc0";
  }
}

/** Reads values one after the other. */
class Unpacker {
  readonly #machine: Machine;
  readonly #data: Buffer;
  at: number;

  constructor(machine: Machine, text: string, at: number) {
    this.#machine = machine;
    this.#data = Buffer.from(text, "latin1");
    this.at = at;
  }

  get left(): number {
    return this.#data.length - this.at;
  }

  #take(bytes: number): number {
    if (this.left < bytes) throw this.#machine.error("Missing bytes in input.");
    const { at } = this;
    this.at += bytes;
    return at;
  }

  #text(length: number): string {
    const at = this.#take(length);
    return this.#data.toString("latin1", at, at + length);
  }

  #list(count: number): LuaTable {
    const table = new LuaTable();
    for (let at = 1; at <= count; at++) table.set(at, this.value());
    return table;
  }

  #map(count: number): LuaTable {
    const table = new LuaTable();
    for (let at = 0; at < count; at++) {
      const key = this.value();
      const value = this.value();
      if (key === undefined) throw this.#machine.error("table index is nil");
      if (Number.isNaN(key)) throw this.#machine.error("table index is NaN");
      table.set(key, value);
    }
    return table;
  }

  value(): LuaValue {
    const data = this.#data;
    const tag = data[this.#take(1)]!;
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 15);
    if (tag < 0xa0) return this.#list(tag & 15);
    if (tag < 0xc0) return this.#text(tag & 31);
    if (tag >= 0xe0) return tag - 256;
    switch (tag) {
      case 0xc0:
        return undefined;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return data.readFloatBE(this.#take(4));
      case 0xcb:
        return data.readDoubleBE(this.#take(8));
      case 0xcc:
        return data.readUInt8(this.#take(1));
      case 0xcd:
        return data.readUInt16BE(this.#take(2));
      case 0xce:
        return data.readUInt32BE(this.#take(4));
      case 0xcf:
        return Number(data.readBigUInt64BE(this.#take(8)));
      case 0xd0:
        return data.readInt8(this.#take(1));
      case 0xd1:
        return data.readInt16BE(this.#take(2));
      case 0xd2:
        return data.readInt32BE(this.#take(4));
      case 0xd3:
        return Number(data.readBigInt64BE(this.#take(8)));
      case 0xd9:
        return this.#text(data.readUInt8(this.#take(1)));
      case 0xda:
        return this.#text(data.readUInt16BE(this.#take(2)));
      case 0xdb:
        return this.#text(data.readUInt32BE(this.#take(4)));
      case 0xdc:
        return this.#list(data.readUInt16BE(this.#take(2)));
      case 0xdd:
        return this.#list(data.readUInt32BE(this.#take(4)));
      case 0xde:
        return this.#map(data.readUInt16BE(this.#take(2)));
      case 0xdf:
        return this.#map(data.readUInt32BE(this.#take(4)));
      default:
        throw this.#machine.error("Bad data format in input.");
    }
  }
}

function unpack(machine: Machine, text: string, limit: number, offset: number): LuaResult {
  const all = limit === 0 && offset === 0;
  if (offset < 0 || limit < 0) {
    throw machine.error(`Invalid request to unpack with offset of ${offset} and limit of ${text.length}.`);
  }
  if (offset > text.length) {
    throw machine.error(`Start offset ${offset} greater than input length ${text.length}.`);
  }
  const unpacker = new Unpacker(machine, text, offset);
  const values: LuaValue[] = [];
  while (unpacker.left > 0 && (all || values.length < limit)) {
    if (values.length >= 8000) {
      throw machine.error("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)");
    }
    values.push(unpacker.value());
  }
  return all ? multi(...values) : multi(unpacker.left === 0 ? -1 : unpacker.at, ...values);
}

/** The `cmsgpack` library: MessagePack as lua-cmsgpack writes it. @see https://github.com/msgpack/msgpack/blob/master/spec.md */
export function cmsgpackLibrary(machine: Machine): LuaTable {
  const define = (name: string, run: (args: Arguments, values: LuaValue[]) => LuaResult): LuaFunction => {
    return (...values) => run(new Arguments(machine, name, values), values);
  };
  return LuaTable.of({
    pack: define("pack", (args, values) => {
      if (values.length === 0) throw args.bad(-1, "MessagePack pack needs input.");
      return values.map((value) => packValue(value, 0)).join("");
    }),
    unpack: define("unpack", (args) => unpack(machine, args.string(0), 0, 0)),
    unpack_one: define("unpack_one", (args) => unpack(machine, args.string(0), 1, args.integer(1, 0))),
    unpack_limit: define("unpack_limit", (args) =>
      unpack(machine, args.string(0), args.integer(1), args.integer(2, 0)),
    ),
    _NAME: "cmsgpack",
    _VERSION: "lua-cmsgpack 0.4.0",
    _DESCRIPTION: "MessagePack C implementation for Lua",
  });
}
