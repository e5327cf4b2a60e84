import { protocolError } from "../errors.js";

/** Where a result goes on. */
export interface PagingState {
  /** The key of the entry that was told last. */
  readonly key: string;
  /** Rows that LIMIT leaves; -1 for all. */
  readonly remaining: number;
  /** Rows that PER PARTITION LIMIT leaves in the partition of the key; -1 for all. */
  readonly remainingInPartition: number;
}

const version = 1;
const headBytes = 9;

export function writePagingState({ key, remaining, remainingInPartition }: PagingState): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + key.length);
  bytes[0] = version;
  bytes.writeInt32BE(remaining, 1);
  bytes.writeInt32BE(remainingInPartition, 5);
  bytes.latin1Write(key, headBytes);
  return bytes;
}

/** Throws for bytes that no server gave. */
export function readPagingState(bytes: Buffer): PagingState {
  // Token, length and kind are in every key.
  if (bytes.length < headBytes + 11 || bytes[0] !== version) throw protocolError("Invalid value for the paging state");
  const key = bytes.latin1Slice(headBytes, bytes.length);
  if (10 + ((key.charCodeAt(8) << 8) | key.charCodeAt(9)) >= key.length)
    throw protocolError("Invalid value for the paging state");
  return { key, remaining: bytes.readInt32BE(1), remainingInPartition: bytes.readInt32BE(5) };
}
