/** The types that are built in: their bytes checked, compared, read from literals and written as text. */
import { isIP } from "node:net";
import { invalid } from "../errors.js";
import {
  decimalBytes,
  escapedBytes,
  floatBytes,
  signedBytes,
  timeUuidBytes,
  uuidBytes,
  varintBytes,
} from "./comparable.js";
import {
  decimalText,
  javaDouble,
  javaFloat,
  parseDecimal,
  readDecimal,
  readVarint,
  writeDecimal,
  writeVarint,
} from "./numbers.js";
import {
  dateText,
  durationText,
  parseDate,
  parseDuration,
  parseTime,
  parseTimestamp,
  parseUuid,
  readDuration,
  timestampText,
  timeText,
  uuidText,
  writeDuration,
} from "./time.js";

/** Kinds of literals as the grammar knows them, named as in error texts. */
export type LiteralKind = "STRING" | "INTEGER" | "FLOAT" | "BOOLEAN" | "UUID" | "HEX" | "DURATION";

export interface NativeFacts {
  readonly name: string;
  /** The number that the protocol has for it; 0 is a custom type. */
  readonly id: number;
  readonly javaName: string;
  /** Literals that may stand for it. */
  readonly literals: readonly LiteralKind[];
  /** Throws for bytes that are no value of this type. */
  readonly check: (bytes: Buffer) => void;
  readonly key: (bytes: Buffer) => string;
  /** Reads what stands in a literal or a text. Throws. */
  readonly parse: (text: string) => Buffer;
  readonly text: (bytes: Buffer) => string;
  /** Whether zero bytes are a value of it, the "empty" one. */
  readonly allowsEmpty: boolean;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function sized(size: number, message: (length: number) => string, orEmpty: boolean): (bytes: Buffer) => void {
  return (bytes) => {
    if (bytes.length !== size && !(orEmpty && bytes.length === 0)) throw invalid(message(bytes.length));
  };
}

function integer(name: string, size: number): (text: string) => Buffer {
  const bits = BigInt(size * 8 - 1);
  return (text) => {
    if (!/^[+-]?\d+$/.test(text)) throw invalid(`Unable to make ${name} from '${text}'`);
    const value = BigInt(text);
    if (value >= 1n << bits || value < -(1n << bits)) throw invalid(`Unable to make ${name} from '${text}'`);
    return fixedInteger(value, size);
  };
}

/** A whole number in two's complement of this size. */
export function fixedInteger(value: bigint | number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  if (size === 8) bytes.writeBigInt64BE(BigInt.asIntN(64, BigInt(value)));
  else bytes.writeIntBE(Number(value), 0, size);
  return bytes;
}

export function readInteger(bytes: Buffer): bigint {
  return bytes.length === 8 ? bytes.readBigInt64BE(0) : BigInt(bytes.readIntBE(0, bytes.length));
}

function parseNumber(name: string, text: string): number {
  const lower = text.toLowerCase();
  if (lower === "nan" || lower === "-nan") return Number.NaN;
  if (lower === "infinity") return Number.POSITIVE_INFINITY;
  if (lower === "-infinity") return Number.NEGATIVE_INFINITY;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?$/.test(text))
    throw invalid(`Unable to make ${name} from '${text}'`);
  return Number(text.replace(/[fFdD]$/, ""));
}

export function floatValue(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeFloatBE(value);
  return bytes;
}

export function doubleValue(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

export function inetText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
  return groups.join(":");
}

export function parseInet(text: string): Buffer {
  const version = isIP(text);
  if (version === 4) return Buffer.from(text.split(".").map(Number));
  if (version !== 6) throw invalid(`Unable to make inet address from '${text}'`);
  let source = text.replace(/%.*$/, "");
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(source);
  if (dotted !== null) {
    const parts = dotted[2]!.split(".").map(Number);
    const hex = (a: number, b: number) => ((a << 8) | b).toString(16);
    source = `${dotted[1]}${hex(parts[0]!, parts[1]!)}:${hex(parts[2]!, parts[3]!)}`;
  }
  const [head = "", tail] = source.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  const bytes = Buffer.allocUnsafe(16);
  for (let at = 0; at < 8; at++) bytes.writeUInt16BE(Number.parseInt(groups[at]!, 16), at * 2);
  // A v4 address in v6 clothes is a v4 address to Java.
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return Buffer.from(bytes.subarray(12));
  return bytes;
}

function parseBlob(text: string): Buffer {
  const hex = text.replace(/^0x/i, "");
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw invalid(`cannot parse '${text}' as hex bytes`);
  return Buffer.from(hex, "hex");
}

const orEmpty = true;
const integers: readonly LiteralKind[] = ["INTEGER"];

function facts(
  name: string,
  id: number,
  java: string,
  rest: Omit<NativeFacts, "name" | "id" | "javaName" | "allowsEmpty"> & { allowsEmpty?: boolean },
): NativeFacts {
  return { name, id, javaName: `org.apache.cassandra.db.marshal.${java}`, allowsEmpty: true, ...rest };
}

const textFacts = {
  literals: ["STRING"] as const,
  check: (bytes: Buffer): void => {
    try {
      utf8.decode(bytes);
    } catch {
      throw invalid("String didn't validate.");
    }
  },
  key: escapedBytes,
  parse: (text: string) => Buffer.from(text, "utf8"),
  text: (bytes: Buffer) => bytes.toString("utf8"),
};

/** All of them, by name. */
export const nativeFacts: ReadonlyMap<string, NativeFacts> = new Map(
  [
    facts("ascii", 0x01, "AsciiType", {
      literals: ["STRING"],
      check: (bytes) => {
        for (const byte of bytes)
          if (byte > 127) throw invalid(`Invalid byte for ascii: ${byte > 127 ? byte - 256 : byte}`);
      },
      key: escapedBytes,
      parse: (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked.
        if (!/^[\x00-\x7f]*$/.test(text)) throw invalid(`Invalid ASCII character in string literal: ${text}`);
        return Buffer.from(text, "latin1");
      },
      text: (bytes) => bytes.toString("latin1"),
    }),
    facts("bigint", 0x02, "LongType", {
      literals: integers,
      check: sized(8, (n) => `Expected 8 or 0 byte long (${n})`, orEmpty),
      key: signedBytes,
      parse: integer("long", 8),
      text: (bytes) => readInteger(bytes).toString(),
    }),
    facts("blob", 0x03, "BytesType", {
      literals: ["HEX"],
      check: () => {},
      key: escapedBytes,
      parse: parseBlob,
      text: (bytes) => `0x${bytes.toString("hex")}`,
    }),
    facts("boolean", 0x04, "BooleanType", {
      literals: ["BOOLEAN"],
      check: sized(1, (n) => `Expected 1 or 0 byte value (${n})`, orEmpty),
      key: (bytes) => (bytes[0] === 0 ? "\x00" : "\x01"),
      parse: (text) => {
        const lower = text.toLowerCase();
        if (lower === "true") return Buffer.from([1]);
        if (lower === "false" || lower === "") return Buffer.from([0]);
        throw invalid(`Unable to make boolean from '${text}'`);
      },
      text: (bytes) => (bytes[0] === 0 ? "false" : "true"),
    }),
    facts("counter", 0x05, "CounterColumnType", {
      literals: integers,
      check: sized(8, (n) => `Expected 8 or 0 byte long (${n})`, orEmpty),
      key: signedBytes,
      parse: integer("long", 8),
      text: (bytes) => readInteger(bytes).toString(),
    }),
    facts("decimal", 0x06, "DecimalType", {
      literals: ["INTEGER", "FLOAT"],
      check: (bytes) => {
        if (bytes.length !== 0 && bytes.length < 4) throw invalid(`Expected 0 or at least 4 bytes (${bytes.length})`);
      },
      key: (bytes) => {
        const { unscaled, scale } = readDecimal(bytes);
        return decimalBytes(unscaled, scale);
      },
      parse: (text) => {
        const value = parseDecimal(text);
        if (value === undefined) throw invalid(`unable to make BigDecimal from '${text}'`);
        return writeDecimal(value);
      },
      text: (bytes) => decimalText(readDecimal(bytes)),
    }),
    facts("double", 0x07, "DoubleType", {
      literals: ["INTEGER", "FLOAT"],
      check: sized(8, (n) => `Expected 8 or 0 byte value for a double (${n})`, orEmpty),
      key: floatBytes,
      parse: (text) => doubleValue(parseNumber("double", text)),
      text: (bytes) => javaDouble(bytes.readDoubleBE(0)),
    }),
    facts("float", 0x08, "FloatType", {
      literals: ["INTEGER", "FLOAT"],
      check: sized(4, (n) => `Expected 4 or 0 byte value for a float (${n})`, orEmpty),
      key: floatBytes,
      parse: (text) => floatValue(parseNumber("float", text)),
      text: (bytes) => javaFloat(bytes.readFloatBE(0)),
    }),
    facts("int", 0x09, "Int32Type", {
      literals: integers,
      check: sized(4, (n) => `Expected 4 or 0 byte int (${n})`, orEmpty),
      key: signedBytes,
      parse: integer("int", 4),
      text: (bytes) => String(bytes.readInt32BE(0)),
    }),
    facts("timestamp", 0x0b, "TimestampType", {
      literals: ["STRING", "INTEGER"],
      check: sized(8, (n) => `Expected 8 or 0 byte long for date (${n})`, orEmpty),
      key: signedBytes,
      parse: (text) => fixedInteger(parseTimestamp(text, Date.now), 8),
      text: (bytes) => timestampText(bytes.readBigInt64BE(0), "cast"),
    }),
    facts("uuid", 0x0c, "UUIDType", {
      literals: ["UUID"],
      check: sized(16, (n) => `UUID should be 16 or 0 bytes (${n})`, orEmpty),
      key: uuidBytes,
      parse: (text) => {
        const bytes = parseUuid(text);
        if (bytes === undefined) throw invalid(`Unable to make UUID from '${text}'`);
        return bytes;
      },
      text: uuidText,
    }),
    facts("varint", 0x0e, "IntegerType", {
      literals: integers,
      check: () => {},
      key: (bytes) => varintBytes(readVarint(bytes)),
      parse: (text) => {
        if (!/^[+-]?\d+$/.test(text)) throw invalid(`unable to make int from '${text}'`);
        return writeVarint(BigInt(text));
      },
      text: (bytes) => readVarint(bytes).toString(),
    }),
    facts("timeuuid", 0x0f, "TimeUUIDType", {
      literals: ["UUID"],
      check: (bytes) => {
        if (bytes.length === 0) return;
        if (bytes.length !== 16) throw invalid(`UUID should be 16 or 0 bytes (${bytes.length})`);
        if (bytes[6]! >> 4 !== 1) throw invalid("Invalid version for TimeUUID type.");
      },
      key: timeUuidBytes,
      parse: (text) => {
        const bytes = parseUuid(text);
        if (bytes === undefined) throw invalid(`Unable to make UUID from '${text}'`);
        if (bytes[6]! >> 4 !== 1) throw invalid("Invalid version for TimeUUID type.");
        return bytes;
      },
      text: uuidText,
    }),
    facts("inet", 0x10, "InetAddressType", {
      literals: ["STRING"],
      check: (bytes) => {
        if (bytes.length !== 0 && bytes.length !== 4 && bytes.length !== 16)
          throw invalid(`Expected 4 or 16 byte inetaddress; got ${bytes.toString("hex")}`);
      },
      key: escapedBytes,
      parse: parseInet,
      text: inetText,
    }),
    facts("date", 0x11, "SimpleDateType", {
      allowsEmpty: false,
      literals: ["STRING", "INTEGER"],
      check: sized(4, (n) => `Expected 4 byte long for date (${n})`, false),
      key: (bytes) => bytes.latin1Slice(0, 4),
      parse: (text) => {
        const bytes = Buffer.allocUnsafe(4);
        bytes.writeUInt32BE(parseDate(text));
        return bytes;
      },
      text: (bytes) => dateText(bytes.readUInt32BE(0)),
    }),
    facts("time", 0x12, "TimeType", {
      allowsEmpty: false,
      literals: ["STRING", "INTEGER"],
      check: sized(8, (n) => `Expected 8 byte long for time (${n})`, false),
      key: signedBytes,
      parse: (text) => fixedInteger(parseTime(text), 8),
      text: (bytes) => timeText(bytes.readBigInt64BE(0)),
    }),
    facts("smallint", 0x13, "ShortType", {
      allowsEmpty: false,
      literals: integers,
      check: sized(2, (n) => `Expected 2 bytes for a smallint (${n})`, false),
      key: signedBytes,
      parse: integer("short", 2),
      text: (bytes) => readInteger(bytes).toString(),
    }),
    facts("tinyint", 0x14, "ByteType", {
      allowsEmpty: false,
      literals: integers,
      check: sized(1, (n) => `Expected 1 byte for a tinyint (${n})`, false),
      key: signedBytes,
      parse: integer("byte", 1),
      text: (bytes) => readInteger(bytes).toString(),
    }),
    facts("duration", 0x15, "DurationType", {
      allowsEmpty: false,
      literals: ["INTEGER", "DURATION"],
      check: (bytes) => {
        if (bytes.length < 3) throw invalid(`Expected at least 3 bytes for a duration (${bytes.length})`);
        const { months, days, nanos } = readDuration(bytes);
        for (const [what, part] of [
          ["months", months],
          ["days", days],
        ] as const)
          if (BigInt.asIntN(32, part) !== part)
            throw invalid(`The duration ${what} must be a 32 bits integer but was: ${part}`);
        const signs = [months, days, nanos];
        if (signs.some((part) => part < 0n) && signs.some((part) => part > 0n))
          throw invalid(
            `The duration months, days and nanoseconds must be all of the same sign (${months}, ${days}, ${nanos})`,
          );
      },
      key: escapedBytes,
      parse: (text) => writeDuration(parseDuration(text)),
      text: (bytes) => durationText(readDuration(bytes)),
    }),
    facts("text", 0x0d, "UTF8Type", textFacts),
    facts("empty", 0, "EmptyType", {
      literals: [],
      check: (bytes) => {
        if (bytes.length > 0) throw invalid("EmptyType only accept empty values");
      },
      key: () => "",
      parse: () => Buffer.alloc(0),
      text: () => "",
    }),
  ].map((each) => [each.name, each]),
);
