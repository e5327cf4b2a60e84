/**
 * Order-preserving byte strings: two values of a type compare as their byte strings do. Byte strings are what the
 * storage port has for keys (storage/store.ts), so a tree of rows is in clustering order.
 */

declare global {
  interface Buffer {
    /** Node's direct reader of byte strings. */
    latin1Slice(start?: number, end?: number): string;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: zero bytes are what is meant.
const zeros = /\x00/g;

/** Bytes of any length: zero bytes are escaped and an end is added, so that a prefix sorts first. */
export function escapedBytes(bytes: Buffer): string {
  const text = bytes.latin1Slice(0, bytes.length);
  return `${text.includes("\x00") ? text.replace(zeros, "\x00\xff") : text}\x00\x01`;
}

/** Two's complement integers of a fixed size. */
export function signedBytes(bytes: Buffer): string {
  return String.fromCharCode(bytes[0]! ^ 0x80) + bytes.latin1Slice(1, bytes.length);
}

/** IEEE 754 numbers: all bits turned for negative ones, the sign alone for the others; NaN is above all. */
export function floatBytes(bytes: Buffer): string {
  const notANumber = bytes.length === 4 ? Number.isNaN(bytes.readFloatBE(0)) : Number.isNaN(bytes.readDoubleBE(0));
  if (notANumber) return "\xff".repeat(bytes.length);
  if ((bytes[0]! & 0x80) === 0) return signedBytes(bytes);
  return inverted(bytes.latin1Slice(0, bytes.length));
}

/** Version 1 UUIDs by their time, then by the rest as signed bytes, as TimeUUIDType compares them. */
export function timeUuidBytes(bytes: Buffer): string {
  const time = bytes.latin1Slice(6, 8) + bytes.latin1Slice(4, 6) + bytes.latin1Slice(0, 4);
  let rest = "";
  for (let at = 8; at < 16; at++) rest += String.fromCharCode(bytes[at]! ^ 0x80);
  return String.fromCharCode(time.charCodeAt(0) & 0x0f) + time.slice(1) + rest;
}

/** UUIDs by version, those of version 1 by time, others by their bytes, as UUIDType compares them. */
export function uuidBytes(bytes: Buffer): string {
  const version = bytes[6]! >> 4;
  const head = String.fromCharCode(version);
  if (version !== 1) return head + bytes.latin1Slice(0, 16);
  const time = bytes.latin1Slice(6, 8) + bytes.latin1Slice(4, 6) + bytes.latin1Slice(0, 4);
  return head + time + bytes.latin1Slice(8, 16);
}

function lengthBytes(length: number): string {
  return String.fromCharCode((length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** Whole numbers of any size: sign, length, digits. */
export function varintBytes(value: bigint): string {
  if (value === 0n) return "\x80";
  const magnitude = value < 0n ? -value : value;
  let hex = magnitude.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const digits = Buffer.from(hex, "hex").latin1Slice();
  const text = lengthBytes(digits.length) + digits;
  return value > 0n ? `\x81${text}` : `\x7f${inverted(text)}`;
}

/** Decimals: sign, exponent of the first digit, then the digits without trailing zeros: 1.0 and 1.00 are one value. */
export function decimalBytes(unscaled: bigint, scale: number): string {
  if (unscaled === 0n) return "\x80";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().replace(/0+$/, "");
  const allDigits = (unscaled < 0n ? -unscaled : unscaled).toString().length;
  const exponent = allDigits - scale;
  const text = `${lengthBytes((exponent + 0x80000000) >>> 0)}${digits}\x01`;
  return unscaled > 0n ? `\x81${text}` : `\x7f${inverted(text)}`;
}

/** The byte string that sorts the other way round. */
export function inverted(text: string): string {
  let out = "";
  for (let at = 0; at < text.length; at++) out += String.fromCharCode(text.charCodeAt(at) ^ 0xff);
  return out;
}
