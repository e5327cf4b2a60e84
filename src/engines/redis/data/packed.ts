/** The compact encodings of Redis' small collections. */
export type PackedKind = "listpack" | "ziplist" | "intset";

class BadPacked extends Error {}

/** The elements of a listpack, a ziplist or an intset, as strings; throws when the bytes are none. */
export function readPacked(text: string, kind: PackedKind): string[] {
  const bytes = Buffer.from(text, "latin1");
  if (kind === "intset") return readIntset(bytes);
  return kind === "listpack" ? readListpack(bytes) : readZiplist(bytes);
}

function readIntset(bytes: Buffer): string[] {
  const width = bytes.readUInt32LE(0);
  const count = bytes.readUInt32LE(4);
  if ((width !== 2 && width !== 4 && width !== 8) || bytes.length !== 8 + width * count) throw new BadPacked();
  return Array.from({ length: count }, (_, i) => {
    const at = 8 + i * width;
    if (width === 2) return String(bytes.readInt16LE(at));
    return width === 4 ? String(bytes.readInt32LE(at)) : bytes.readBigInt64LE(at).toString();
  });
}

function readListpack(bytes: Buffer): string[] {
  const out: string[] = [];
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== bytes.length) throw new BadPacked();
  let at = 6;
  while (true) {
    const first = bytes[at];
    if (first === undefined) throw new BadPacked();
    if (first === 255) break;
    let size: number;
    if (first < 0x80) {
      out.push(String(first));
      size = 1;
    } else if (first < 0xc0) {
      const length = first & 63;
      out.push(bytes.toString("latin1", at + 1, at + 1 + length));
      size = 1 + length;
    } else if (first < 0xe0) {
      const value = ((first & 31) << 8) | bytes[at + 1]!;
      out.push(String(value >= 4096 ? value - 8192 : value));
      size = 2;
    } else if (first < 0xf0) {
      const length = ((first & 15) << 8) | bytes[at + 1]!;
      out.push(bytes.toString("latin1", at + 2, at + 2 + length));
      size = 2 + length;
    } else if (first === 0xf0) {
      const length = bytes.readUInt32LE(at + 1);
      out.push(bytes.toString("latin1", at + 5, at + 5 + length));
      size = 5 + length;
    } else if (first === 0xf1) {
      out.push(String(bytes.readInt16LE(at + 1)));
      size = 3;
    } else if (first === 0xf2) {
      out.push(String(bytes.readIntLE(at + 1, 3)));
      size = 4;
    } else if (first === 0xf3) {
      out.push(String(bytes.readInt32LE(at + 1)));
      size = 5;
    } else if (first === 0xf4) {
      out.push(bytes.readBigInt64LE(at + 1).toString());
      size = 9;
    } else throw new BadPacked();
    at += size + (size < 128 ? 1 : size < 16_384 ? 2 : size < 2_097_152 ? 3 : size < 268_435_456 ? 4 : 5);
    if (at >= bytes.length) throw new BadPacked();
  }
  return out;
}

function readZiplist(bytes: Buffer): string[] {
  const out: string[] = [];
  if (bytes.length < 11 || bytes.readUInt32LE(0) !== bytes.length) throw new BadPacked();
  let at = 10;
  while (true) {
    const before = bytes[at];
    if (before === undefined) throw new BadPacked();
    if (before === 255) break;
    at += before < 254 ? 1 : 5;
    const first = bytes[at]!;
    const string = (from: number, length: number): void => {
      if (from + length > bytes.length) throw new BadPacked();
      out.push(bytes.toString("latin1", from, from + length));
      at = from + length;
    };
    if (first >> 6 === 0) string(at + 1, first & 63);
    else if (first >> 6 === 1) string(at + 2, ((first & 63) << 8) | bytes[at + 1]!);
    else if (first >> 6 === 2) string(at + 5, bytes.readUInt32BE(at + 1));
    else if (first === 0xc0) {
      out.push(String(bytes.readInt16LE(at + 1)));
      at += 3;
    } else if (first === 0xd0) {
      out.push(String(bytes.readInt32LE(at + 1)));
      at += 5;
    } else if (first === 0xe0) {
      out.push(bytes.readBigInt64LE(at + 1).toString());
      at += 9;
    } else if (first === 0xf0) {
      out.push(String(bytes.readIntLE(at + 1, 3)));
      at += 4;
    } else if (first === 0xfe) {
      out.push(String(bytes.readInt8(at + 1)));
      at += 2;
    } else if (first >= 0xf1 && first <= 0xfd) {
      out.push(String((first & 15) - 1));
      at++;
    } else throw new BadPacked();
  }
  return out;
}
