import type { Client } from "../client.js";
import { Bytes } from "../data/bytes.js";
import { NOTIFY_STRING } from "../data/database.js";
import { type Entry, type StringValue, stringOf, TYPE_STRING } from "../data/entry.js";
import * as hll from "../data/hyperloglog.js";
import { ErrorReply, err, OK, type Reply, Status } from "../protocol/reply.js";
import { stringAt } from "./arguments.js";

const NOT_HLL = new ErrorReply("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT = new ErrorReply("INVALIDOBJ Corrupted HLL object detected");

/** The HyperLogLog of an entry, in the form that changes in place. */
function hllAt(entry: Entry | undefined): Bytes | undefined {
  if (stringAt(entry) === undefined) return undefined;
  const value = entry!.value as StringValue;
  const bytes = value instanceof Bytes ? value : Bytes.of(stringOf(value));
  if (!hll.isHll(bytes.data.subarray(0, bytes.length))) throw NOT_HLL;
  entry!.value = bytes;
  return bytes;
}

export function pfadd(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const key = a[1]!;
  let bytes = hllAt(db.write(key));
  let updated = 0;
  if (bytes === undefined) {
    bytes = hll.emptyHll();
    db.add(key, TYPE_STRING, bytes);
    updated++;
  }
  for (let i = 2; i < a.length; i++) {
    const raised = hll.addElement(bytes, a[i]!, server.config.hllSparseMaxBytes);
    if (raised === undefined) return CORRUPT;
    if (raised) updated++;
  }
  if (updated === 0) return 0;
  hll.invalidate(bytes);
  db.changed(key, c);
  server.notify(NOTIFY_STRING, "pfadd", key, db);
  server.dirty += updated;
  return 1;
}

export function pfcount(c: Client, a: string[]): Reply {
  if (a.length > 2) {
    const registers = hll.newRegisters();
    for (const key of a.slice(1)) {
      const bytes = hllAt(c.db.read(key));
      if (bytes !== undefined && !hll.mergeInto(registers, bytes)) return CORRUPT;
    }
    return hll.estimateOf(registers);
  }
  const bytes = hllAt(c.db.read(a[1]!));
  if (bytes === undefined) return 0;
  const estimate = hll.estimate(bytes);
  if (estimate === undefined) return CORRUPT;
  // The estimate was stored in the value: a change, though the answer is a read's.
  if (estimate.fresh) {
    c.db.changed(a[1]!, c);
    c.server.dirty++;
    c.rewrite("PFCOUNT", a[1]!);
  }
  return estimate.count;
}

export function pfmerge(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const registers = hll.newRegisters();
  let dense = false;
  for (const key of a.slice(1)) {
    const bytes = hllAt(db.read(key));
    if (bytes === undefined) continue;
    if (hll.isDense(bytes)) dense = true;
    if (!hll.mergeInto(registers, bytes)) return CORRUPT;
  }
  const key = a[1]!;
  let target = hllAt(db.write(key));
  if (target === undefined) {
    target = hll.emptyHll();
    db.add(key, TYPE_STRING, target);
  }
  if (dense && !hll.toDense(target)) return CORRUPT;
  hll.raise(target, registers, server.config.hllSparseMaxBytes);
  hll.invalidate(target);
  db.changed(key, c);
  server.notify(NOTIFY_STRING, "pfadd", key, db);
  server.dirty++;
  return OK;
}

export function pfdebug(c: Client, a: string[]): Reply {
  const bytes = hllAt(c.db.write(a[2]!));
  if (bytes === undefined) return err("The specified key does not exist");
  const name = a[1]!.toLowerCase();
  if (!["getreg", "decode", "encoding", "todense"].includes(name)) {
    return err(`Unknown PFDEBUG subcommand '${a[1]}'`);
  }
  if (a.length !== 3) return err(`Wrong number of arguments for the '${a[1]}' subcommand`);
  if (name === "decode") return hll.isDense(bytes) ? err("HLL encoding is not sparse") : hll.decodeRuns(bytes);
  if (name === "encoding") return new Status(hll.isDense(bytes) ? "dense" : "sparse");
  let converted = 0;
  if (!hll.isDense(bytes)) {
    if (!hll.toDense(bytes)) return CORRUPT;
    converted = 1;
    c.server.dirty++;
  }
  return name === "todense" ? converted : hll.registersOf(bytes);
}

/** Checks registers of random values in both encodings, and the error of the estimate. */
export function pfselftest(c: Client): Reply {
  const bytes = hll.emptyHll();
  for (let i = 0; i < 10_000; i++) {
    hll.addElement(bytes, String(c.server.random()), c.server.config.hllSparseMaxBytes);
  }
  const values = hll.newRegisters();
  if (!hll.mergeInto(values, bytes)) return err("TESTFAILED Registers could not be read");
  const count = hll.estimateOf(values);
  return Math.abs(count - 10_000) > 10_000 * 0.05 ? err(`TESTFAILED Too big error: ${count} for 10000`) : OK;
}
