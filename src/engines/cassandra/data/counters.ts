/**
 * Counters: each replica that leads increments keeps a part of its own (its number, how many increments, their sum), and
 * the value is the sum of the parts, so that replicas put together what they have in any order and count nothing twice.
 */
import { type Cell, laterCell } from "./cells.js";

/** number u8, clock i64, sum i64 */
const partBytes = 17;

export function counterValue(parts: Buffer): Buffer {
  const sum = Buffer.allocUnsafe(8);
  if (parts.length === partBytes) {
    parts.copy(sum, 0, 9, 17);
    return sum;
  }
  let total = 0n;
  for (let at = 0; at < parts.length; at += partBytes) total += parts.readBigInt64BE(at + 9);
  sum.writeBigInt64BE(BigInt.asIntN(64, total));
  return sum;
}

function split(parts: Buffer): Map<number, Buffer> {
  const map = new Map<number, Buffer>();
  for (let at = 0; at < parts.length; at += partBytes) map.set(parts[at]!, parts.subarray(at, at + partBytes));
  return map;
}

function join(parts: ReadonlyMap<number, Buffer>): Buffer {
  return Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, part]) => part));
}

/** The parts after one more increment led by this replica. */
export function incremented(before: Buffer | undefined, replica: number, delta: bigint): Buffer {
  const parts = before === undefined ? new Map<number, Buffer>() : split(before);
  const old = parts.get(replica);
  const part = Buffer.allocUnsafe(partBytes);
  part[0] = replica;
  part.writeBigInt64BE((old?.readBigInt64BE(1) ?? 0n) + 1n, 1);
  part.writeBigInt64BE(BigInt.asIntN(64, (old?.readBigInt64BE(9) ?? 0n) + delta), 9);
  parts.set(replica, part);
  return join(parts);
}

/** Two versions of a counter's cell; a deletion is for good, whatever its timestamp. */
export function mergeCounters(a: Cell, b: Cell): Cell {
  if (a.value === null || b.value === null) {
    if (a.value === null && b.value === null) return laterCell(a, b);
    return a.value === null ? a : b;
  }
  const parts = split(a.value);
  for (const [replica, part] of split(b.value)) {
    const old = parts.get(replica);
    if (old === undefined || old.readBigInt64BE(1) < part.readBigInt64BE(1)) parts.set(replica, part);
  }
  const later = laterCell(a, b);
  return { ...later, value: join(parts) };
}
