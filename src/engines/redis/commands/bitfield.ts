import type { Client } from "../client.js";
import { NOTIFY_STRING } from "../data/database.js";
import { err, type Reply, SYNTAX } from "../protocol/reply.js";
import { int64, stringAt } from "./arguments.js";
import { bitOffset, bytesForWrite, bytesOf } from "./bitmap.js";

type Overflow = "WRAP" | "SAT" | "FAIL";

interface FieldType {
  readonly signed: boolean;
  readonly bits: number;
}

interface Step {
  readonly kind: "GET" | "SET" | "INCRBY";
  readonly type: FieldType;
  readonly offset: number;
  readonly value: bigint;
  readonly overflow: Overflow;
}

const BAD_TYPE = err("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");

function typeOf(text: string): FieldType {
  const match = /^([iu])([0-9]{1,2})$/.exec(text);
  const bits = Number(match?.[2]);
  if (match === null || bits < 1 || bits > (match[1] === "i" ? 64 : 63)) throw BAD_TYPE;
  return { signed: match[1] === "i", bits };
}

function parse(c: Client, a: string[], readOnly: boolean): Step[] {
  const steps: Step[] = [];
  let overflow: Overflow = "WRAP";
  for (let i = 2; i < a.length; ) {
    const word = a[i]!.toUpperCase();
    if (word === "OVERFLOW" && i + 1 < a.length) {
      const how = a[i + 1]!.toUpperCase();
      if (how !== "WRAP" && how !== "SAT" && how !== "FAIL") throw err("Invalid OVERFLOW type specified");
      overflow = how;
      i += 2;
      continue;
    }
    const size = word === "GET" ? 3 : 4;
    if ((word !== "GET" && word !== "SET" && word !== "INCRBY") || i + size > a.length) throw SYNTAX;
    const type = typeOf(a[i + 1]!);
    const offset = bitOffset(c, a[i + 2]!, type.bits);
    if (word !== "GET" && readOnly) throw err("BITFIELD_RO only supports the GET subcommand");
    const value = word === "GET" ? 0n : BigInt(int64(a[i + 3]!));
    steps.push({ kind: word, type, offset, value, overflow });
    i += size;
  }
  return steps;
}

function readField(bytes: Uint8Array, length: number, { signed, bits }: FieldType, offset: number): bigint {
  let value = 0n;
  for (let i = 0; i < bits; i++) {
    const at = offset + i;
    const byte = Math.floor(at / 8);
    const bit = byte < length ? (bytes[byte]! >> (7 - (at % 8))) & 1 : 0;
    value = (value << 1n) | BigInt(bit);
  }
  return signed ? BigInt.asIntN(bits, value) : value;
}

function writeField(bytes: Uint8Array, bits: number, offset: number, value: bigint): void {
  for (let i = 0; i < bits; i++) {
    const at = offset + i;
    const mask = 128 >> (at % 8);
    const byte = Math.floor(at / 8);
    if ((value >> BigInt(bits - 1 - i)) & 1n) bytes[byte]! |= mask;
    else bytes[byte]! &= ~mask;
  }
}

/** Brings a value into a field's range; undefined when it must not be. */
function fitted(value: bigint, { signed, bits }: FieldType, overflow: Overflow): bigint | undefined {
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const max = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
  if (value >= min && value <= max) return value;
  if (overflow === "FAIL") return undefined;
  if (overflow === "SAT") return value > max ? max : min;
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

function run(c: Client, a: string[], readOnly: boolean): Reply {
  const steps = parse(c, a, readOnly);
  const key = a[1]!;
  const writes = steps.filter((step) => step.kind !== "GET");
  if (writes.length === 0) {
    const entry = stringAt(c.db.read(key));
    const bytes = bytesOf(entry);
    return steps.map((step) => readField(bytes, bytes.length, step.type, step.offset));
  }
  const end = Math.max(...writes.map(({ offset, type }) => Math.floor((offset + type.bits - 1) / 8) + 1));
  const before = stringAt(c.db.peek(key));
  const oldLength = before === undefined ? -1 : bytesOf(before).length;
  const bytes = bytesForWrite(c, key, end);
  const grew = bytes.length !== oldLength;
  let changes = 0;
  const out: Reply[] = [];
  for (const { kind, type, offset, value, overflow } of steps) {
    const old = readField(bytes.data, bytes.length, type, offset);
    if (kind === "GET") {
      out.push(old);
      continue;
    }
    // An unsigned field takes a negative value as its bits.
    const wanted = kind === "INCRBY" ? old + value : type.signed || value >= 0n ? value : BigInt.asUintN(64, value);
    const kept = fitted(wanted, type, overflow);
    if (kept === undefined) {
      out.push(null);
      continue;
    }
    writeField(bytes.data, type.bits, offset, kept);
    out.push(kind === "SET" ? old : kept);
    if (grew || kept !== old) changes++;
  }
  if (changes > 0) {
    c.db.changed(key, c);
    c.server.notify(NOTIFY_STRING, "setbit", key, c.db);
    c.server.dirty += changes;
  } else if (grew) {
    // Every value was refused, but the key has been made or has grown: that is to be repeated, too.
    c.db.map.account(c.db.map.get(key)!);
    c.server.dirty++;
  }
  return out;
}

export function bitfield(c: Client, a: string[]): Reply {
  return run(c, a, false);
}

export function bitfieldRo(c: Client, a: string[]): Reply {
  return run(c, a, true);
}
