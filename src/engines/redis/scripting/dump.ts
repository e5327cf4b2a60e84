import { crc64 } from "../data/crc64.js";
import { rdbVersion } from "../data/rdb-write.js";
import type { Libraries } from "./functions.js";

/** The code that stands before each library in Redis' file format. */
export const LIBRARY_CODE = 245;
/** The same of Redis 7.0's release candidates. */
export const OLD_LIBRARY_CODE = 246;

function lengthBytes(length: number): Buffer {
  if (length < 64) return Buffer.from([length]);
  if (length < 16_384) return Buffer.from([0x40 | (length >> 8), length & 255]);
  const out = Buffer.alloc(5, 0x80);
  out.writeUInt32BE(length, 1);
  return out;
}

/** What FUNCTION DUMP answers: every library's code, the format's version, and a checksum. */
export function dumpLibraries({ libraries }: Libraries): string {
  const parts: Buffer[] = [];
  for (const { code } of libraries.values()) {
    parts.push(Buffer.from([LIBRARY_CODE]), lengthBytes(code.length), Buffer.from(code, "latin1"));
  }
  parts.push(Buffer.from([rdbVersion, 0]));
  const body = Buffer.concat(parts);
  const sum = Buffer.alloc(8);
  sum.writeBigUInt64LE(crc64(body, body.length));
  return Buffer.concat([body, sum]).toString("latin1");
}
