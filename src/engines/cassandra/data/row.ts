/**
 * A row as bytes. Values lie in it as the protocol sends them, so that a read copies them and decodes nothing.
 *
 *     flags, clustering values (i32 length, bytes),
 *     [liveness: timestamp i64, [ttl u32, end u32]], [deletion: timestamp i64, second u32],
 *     cells by column number: column u16, flags, [timestamp i64], [ttl u32], [second u32], [i32 length, bytes]
 *     cells in parts: column u16, flags, [deletion], count u32, bytes u32, then each part: path (u32 length, bytes) and cell
 */
import { type Cell, emptyRow, isParts, never, type Parts, type Row, type Timestamp } from "./cells.js";

const hasLiveness = 1;
const livenessEnds = 2;
const hasDeletion = 4;

const isTombstone = 1;
const cellEnds = 2;
/** The timestamp is the liveness'. */
const sameTimestamp = 4;
const inParts = 8;
const partsDeleted = 16;

let out = Buffer.allocUnsafe(4096);
let size = 0;

function room(bytes: number): void {
  if (size + bytes <= out.length) return;
  const larger = Buffer.allocUnsafe(Math.max(out.length * 2, size + bytes));
  out.copy(larger, 0, 0, size);
  out = larger;
}

function putTimestamp(timestamp: Timestamp): void {
  if (typeof timestamp === "bigint") {
    size = out.writeBigInt64BE(timestamp, size);
    return;
  }
  const high = Math.floor(timestamp / 4294967296);
  size = out.writeInt32BE(high, size);
  size = out.writeUInt32BE(timestamp - high * 4294967296, size);
}

export function readTimestamp(bytes: Buffer, at: number): Timestamp {
  const high = bytes.readInt32BE(at);
  if (high >= -2097152 && high < 2097152) return high * 4294967296 + bytes.readUInt32BE(at + 4);
  return bytes.readBigInt64BE(at);
}

function putBytes(bytes: Buffer): void {
  room(4 + bytes.length);
  size = out.writeInt32BE(bytes.length, size);
  size += bytes.copy(out, size);
}

function putCell(flags: number, cell: Cell, timestamp: Timestamp | undefined): void {
  if (cell.value === null) flags |= isTombstone;
  else if (cell.ttl !== 0) flags |= cellEnds;
  if (timestamp !== undefined && cell.timestamp === timestamp) flags |= sameTimestamp;
  out[size++] = flags;
  if ((flags & sameTimestamp) === 0) putTimestamp(cell.timestamp);
  if ((flags & cellEnds) !== 0) size = out.writeUInt32BE(cell.ttl, size);
  if ((flags & (cellEnds | isTombstone)) !== 0) size = out.writeUInt32BE(cell.deletedAt, size);
  if (cell.value !== null) putBytes(cell.value);
}

/** A row with its clustering values, which may be fewer than the table has in compact tables. */
export function encodeRow(clustering: readonly (Buffer | null)[], row: Row): Buffer {
  size = 0;
  room(64);
  const { liveness, deletion } = row;
  let flags = 0;
  if (liveness !== undefined) flags |= hasLiveness | (liveness.ttl !== 0 ? livenessEnds : 0);
  if (deletion !== undefined) flags |= hasDeletion;
  out[size++] = flags;
  for (const value of clustering) {
    if (value === null) {
      room(4);
      size = out.writeInt32BE(-1, size);
    } else putBytes(value);
  }
  room(40);
  if (liveness !== undefined) {
    putTimestamp(liveness.timestamp);
    if (liveness.ttl !== 0) {
      size = out.writeUInt32BE(liveness.ttl, size);
      size = out.writeUInt32BE(liveness.deletedAt, size);
    }
  }
  if (deletion !== undefined) {
    putTimestamp(deletion.timestamp);
    size = out.writeUInt32BE(deletion.deletedAt, size);
  }
  const timestamp = liveness?.timestamp;
  for (const [id, cell] of row.cells) {
    room(32);
    size = out.writeUInt16BE(id, size);
    if (!isParts(cell)) {
      putCell(0, cell, timestamp);
      continue;
    }
    putParts(cell, timestamp);
  }
  return Buffer.from(out.subarray(0, size));
}

function putParts(parts: Parts, timestamp: Timestamp | undefined): void {
  out[size++] = inParts | (parts.deletion === undefined ? 0 : partsDeleted);
  if (parts.deletion !== undefined) {
    putTimestamp(parts.deletion.timestamp);
    size = out.writeUInt32BE(parts.deletion.deletedAt, size);
  }
  size = out.writeUInt32BE(parts.cells.size, size);
  const lengthAt = size;
  size += 4;
  for (const [path, part] of parts.cells) {
    room(36 + path.length);
    size = out.writeUInt32BE(path.length, size);
    size += out.latin1Write(path, size);
    putCell(0, part, timestamp);
  }
  out.writeUInt32BE(size - lengthAt - 4, lengthAt);
}

/** Where {@link readCell} got to. */
let next = 0;

function readCell(bytes: Buffer, at: number, flags: number, timestamp: Timestamp): Cell {
  let cellTimestamp = timestamp;
  if ((flags & sameTimestamp) === 0) {
    cellTimestamp = readTimestamp(bytes, at);
    at += 8;
  }
  let ttl = 0;
  let deletedAt = never;
  if ((flags & cellEnds) !== 0) {
    ttl = bytes.readUInt32BE(at);
    at += 4;
  }
  if ((flags & (cellEnds | isTombstone)) !== 0) {
    deletedAt = bytes.readUInt32BE(at);
    at += 4;
  }
  let value: Buffer | null = null;
  if ((flags & isTombstone) === 0) {
    const length = bytes.readInt32BE(at);
    at += 4;
    value = bytes.subarray(at, at + length);
    at += length;
  }
  next = at;
  return { timestamp: cellTimestamp, ttl, deletedAt, value };
}

/** The clustering values of a row. */
export function clusteringOf(bytes: Buffer, count: number): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  let at = 1;
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : bytes.subarray(at, at + length));
    if (length > 0) at += length;
  }
  return values;
}

/** Everything of a row. The values are views of `bytes`. */
export function decodeRow(bytes: Buffer, clusteringCount: number): Row {
  const row = emptyRow();
  const flags = bytes[0]!;
  let at = 1;
  for (let i = 0; i < clusteringCount; i++) {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(length, 0);
  }
  let timestamp: Timestamp = 0;
  if ((flags & hasLiveness) !== 0) {
    timestamp = readTimestamp(bytes, at);
    at += 8;
    let ttl = 0;
    let deletedAt = never;
    if ((flags & livenessEnds) !== 0) {
      ttl = bytes.readUInt32BE(at);
      deletedAt = bytes.readUInt32BE(at + 4);
      at += 8;
    }
    row.liveness = { timestamp, ttl, deletedAt };
  }
  if ((flags & hasDeletion) !== 0) {
    row.deletion = { timestamp: readTimestamp(bytes, at), deletedAt: bytes.readUInt32BE(at + 8) };
    at += 12;
  }
  while (at < bytes.length) {
    const id = bytes.readUInt16BE(at);
    const cellFlags = bytes[at + 2]!;
    at += 3;
    if ((cellFlags & inParts) === 0) {
      row.cells.set(id, readCell(bytes, at, cellFlags, timestamp));
      at = next;
      continue;
    }
    row.cells.set(id, readParts(bytes, at, cellFlags, timestamp));
    at = next;
  }
  return row;
}

function readParts(bytes: Buffer, at: number, flags: number, timestamp: Timestamp): Parts {
  let deletion: Parts["deletion"];
  if ((flags & partsDeleted) !== 0) {
    deletion = { timestamp: readTimestamp(bytes, at), deletedAt: bytes.readUInt32BE(at + 8) };
    at += 12;
  }
  const count = bytes.readUInt32BE(at);
  at += 8;
  const cells = new Map<string, Cell>();
  for (let i = 0; i < count; i++) {
    const length = bytes.readUInt32BE(at);
    const path = bytes.latin1Slice(at + 4, at + 4 + length);
    at += 4 + length;
    cells.set(path, readCell(bytes, at + 1, bytes[at]!, timestamp));
    at = next;
  }
  next = at;
  return { deletion, cells };
}

/**
 * A row as a read sees it: where its values lie. One view is used for row after row; what it shows is valid until the
 * next {@link RowView.open}.
 */
export class RowView {
  bytes: Buffer = Buffer.alloc(0);
  /** By column number: where the value begins, or -1 where there is none. For cells in parts: where they begin. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** By column number: where the cell's flags are; -1 where there is no live cell. */
  readonly cell: Int32Array;
  /** By position: where the clustering values lie; -1 for none. */
  readonly clusteringStart: Int32Array;
  readonly clusteringEnd: Int32Array;
  /** Whether anything of the row lives. */
  exists = false;
  /** Whether the row has a live marker of its own. */
  isMarked = false;
  #timestamp: Timestamp = 0;
  readonly #clusteringCount: number;

  readonly #present: Uint8Array | undefined;

  /** `present`: which column numbers are to be seen, where some are not. */
  constructor(columns: number, clusteringCount: number, present?: Uint8Array) {
    this.#present = present;
    this.start = new Int32Array(columns).fill(-1);
    this.end = new Int32Array(columns);
    this.cell = new Int32Array(columns).fill(-1);
    this.clusteringStart = new Int32Array(clusteringCount);
    this.clusteringEnd = new Int32Array(clusteringCount);
    this.#clusteringCount = clusteringCount;
  }

  /** Shows nothing. */
  clear(): void {
    this.start.fill(-1);
    this.cell.fill(-1);
    this.clusteringStart.fill(-1);
    this.exists = false;
    this.isMarked = false;
  }

  /** Looks at a row as it is at this second. */
  open(bytes: Buffer, now: number): void {
    this.bytes = bytes;
    const { start, end, cell } = this;
    start.fill(-1);
    cell.fill(-1);
    const flags = bytes[0]!;
    let at = 1;
    for (let i = 0; i < this.#clusteringCount; i++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) {
        this.clusteringStart[i] = -1;
        continue;
      }
      this.clusteringStart[i] = at;
      at += length;
      this.clusteringEnd[i] = at;
    }
    let exists = false;
    if ((flags & hasLiveness) !== 0) {
      this.#timestamp = readTimestamp(bytes, at);
      at += 8;
      exists = true;
      if ((flags & livenessEnds) !== 0) {
        exists = bytes.readUInt32BE(at + 4) > now;
        at += 8;
      }
    }
    this.isMarked = exists;
    if ((flags & hasDeletion) !== 0) at += 12;
    const last = bytes.length;
    while (at < last) {
      const id = bytes.readUInt16BE(at);
      const cellFlags = bytes[at + 2]!;
      const cellAt = at + 2;
      at += 3;
      if ((cellFlags & inParts) !== 0) {
        if ((cellFlags & partsDeleted) !== 0) at += 12;
        const length = bytes.readUInt32BE(at + 4);
        start[id] = cellAt;
        at += 8 + length;
        end[id] = at;
        cell[id] = cellAt;
        if (!exists && length > 0) exists = this.#anyPartLives(cellAt, now);
        continue;
      }
      if ((cellFlags & sameTimestamp) === 0) at += 8;
      let lives = true;
      if ((cellFlags & cellEnds) !== 0) {
        lives = bytes.readUInt32BE(at + 4) > now;
        at += 8;
      } else if ((cellFlags & isTombstone) !== 0) {
        at += 4;
        continue;
      }
      const length = bytes.readInt32BE(at);
      at += 4;
      if (lives) {
        start[id] = at;
        end[id] = at + length;
        cell[id] = cellAt;
        exists = true;
      }
      at += length;
    }
    this.exists = exists;
    if (this.#present !== undefined && exists) this.#hideDropped(this.#present);
  }

  /** Cells of columns that were dropped are not seen, and keep no row. */
  #hideDropped(present: Uint8Array): void {
    let exists = this.isMarked;
    for (let id = 0; id < present.length; id++) {
      if (this.cell[id]! < 0) continue;
      if (present[id] === 1) exists = true;
      else {
        this.cell[id] = -1;
        this.start[id] = -1;
      }
    }
    this.exists = exists;
  }

  #anyPartLives(cellAt: number, now: number): boolean {
    for (const part of this.partsAt(cellAt).cells.values()) {
      if (part.value !== null && part.deletedAt > now) return true;
    }
    return false;
  }

  /** The cells of a column that is kept in parts. */
  partsAt(cellAt: number): Parts {
    return readParts(this.bytes, cellAt + 1, this.bytes[cellAt]!, this.#timestamp);
  }

  /** The value of a column that is one cell. */
  value(id: number): Buffer | null {
    const from = this.start[id]!;
    return from < 0 ? null : this.bytes.subarray(from, this.end[id]!);
  }

  clustering(position: number): Buffer | null {
    const from = this.clusteringStart[position]!;
    return from < 0 ? null : this.bytes.subarray(from, this.clusteringEnd[position]!);
  }

  /** The cell of a column that is one cell, where it lives. */
  cellOf(id: number): Cell | undefined {
    const at = this.cell[id]!;
    return at < 0 ? undefined : readCell(this.bytes, at + 1, this.bytes[at]!, this.#timestamp);
  }
}
