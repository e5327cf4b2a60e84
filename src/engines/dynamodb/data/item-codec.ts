import type { Item } from "../values/attribute-value.js";

/**
 * Items as they are stored: their size as DynamoDB counts it, four bytes, then their JSON as a reply shows it. So a read
 * that wants the whole item copies bytes and parses nothing.
 */

const headBytes = 4;
let scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** The bytes of an item, valid until the next call: stores copy what they keep. */
export function encodeItem(item: Item, size: number): Buffer {
  const json = JSON.stringify(item);
  const most = headBytes + json.length * 3;
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most * 2);
  scratch.writeUInt32LE(size, 0);
  const length = scratch.write(json, headBytes);
  return scratch.subarray(0, headBytes + length);
}

export function decodeItem(stored: Buffer): Item {
  return JSON.parse(stored.toString("utf8", headBytes)) as Item;
}

/** The item's size in bytes as DynamoDB counts it. */
export function storedSize(stored: Buffer): number {
  return stored.readUInt32LE(0);
}

/** JSON that goes into a reply as it is. */
export class RawJson {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The JSON of a stored item. */
  static ofStored(stored: Buffer): RawJson {
    return new RawJson(stored.subarray(headBytes));
  }
}
