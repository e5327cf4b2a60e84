/** LZ4 and Snappy for bodies of frames (section 5), by libraries that are loaded when a client first asks for one. */
import { createRequire } from "node:module";
import { protocolError } from "../errors.js";
import { longestFrame } from "./frames.js";

export interface Compressor {
  compress(body: Buffer): Buffer;
  decompress(body: Buffer): Buffer;
}

interface Lz4 {
  compressBound(size: number): number;
  compressBlock(from: Uint8Array, to: Uint8Array, at: number, length: number, table: Uint32Array | number[]): number;
  decompressBlock(from: Uint8Array, to: Uint8Array, at: number, length: number, toAt: number): number;
}

interface Snappy {
  compress(bytes: Buffer): Buffer;
  uncompress(bytes: Buffer, most?: number): Buffer;
}

const require = createRequire(import.meta.url);

function lz4(): Compressor {
  const library = require("lz4js") as Lz4;
  const table = new Uint32Array(1 << 16);
  return {
    compress(body) {
      const out = Buffer.allocUnsafe(4 + library.compressBound(body.length));
      out.writeUInt32BE(body.length, 0);
      table.fill(0);
      const size = library.compressBlock(body, out.subarray(4), 0, body.length, table);
      // What does not shrink is one run of literals.
      if (size === 0) return Buffer.concat([out.subarray(0, 4), literals(body)]);
      const block = out.subarray(4, 4 + size);
      const last = lastMatch(block);
      if (last.at <= body.length - matchesEndBefore) return out.subarray(0, 4 + size);
      // The library lets a match begin later than decoders allow.
      return Buffer.concat([out.subarray(0, 4 + last.sequence), literals(body.subarray(last.literals))]);
    },
    decompress(body) {
      if (body.length < 4) throw protocolError("Truncated compressed body");
      const size = body.readUInt32BE(0);
      if (size > longestFrame) throw protocolError("The body is too large when it is decompressed");
      const out = Buffer.allocUnsafe(size);
      const end = library.decompressBlock(body, out, 4, body.length - 4, 0);
      if (end !== size) throw protocolError("Invalid LZ4 body");
      return out;
    },
  };
}

/** The last match of a block begins at least so many bytes before its end (lz4_Block_format.md, "End of block conditions"). */
const matchesEndBefore = 12;

/** Where the last match of a block begins in the body, and its sequence in the block and in the body. */
export function lastMatch(block: Uint8Array): { at: number; sequence: number; literals: number } {
  let from = 0;
  let to = 0;
  const last = { at: 0, sequence: 0, literals: 0 };
  /** A length that goes on in bytes of 255. */
  const more = (length: number): number => {
    if (length < 15) return length;
    let sum = length;
    let byte: number;
    do {
      byte = block[from++]!;
      sum += byte;
    } while (byte === 255);
    return sum;
  };
  for (;;) {
    const sequence = from;
    const literalsAt = to;
    const token = block[from++]!;
    const count = more(token >> 4);
    from += count;
    to += count;
    if (from >= block.length) return last;
    Object.assign(last, { at: to, sequence, literals: literalsAt });
    from += 2;
    to += more(token & 15) + 4;
  }
}

/** A block of LZ4 that holds bytes as they are. */
function literals(body: Buffer): Buffer {
  const { length } = body;
  if (length < 15) return Buffer.concat([Buffer.from([length << 4]), body]);
  const head = [0xf0];
  let rest = length - 15;
  while (rest >= 255) {
    head.push(255);
    rest -= 255;
  }
  head.push(rest);
  return Buffer.concat([Buffer.from(head), body]);
}

function snappy(): Compressor {
  const library = require("snappyjs") as Snappy;
  return {
    compress: (body) => library.compress(body),
    decompress: (body) => library.uncompress(body, longestFrame),
  };
}

const made = new Map<string, Compressor>();

export const compressionNames: readonly string[] = ["snappy", "lz4"];

/** The compressor with this name; undefined where there is none. */
export function compressorOf(name: string): Compressor | undefined {
  const lower = name.toLowerCase();
  if (!compressionNames.includes(lower)) return undefined;
  let compressor = made.get(lower);
  if (compressor === undefined) {
    compressor = lower === "lz4" ? lz4() : snappy();
    made.set(lower, compressor);
  }
  return compressor;
}
