/** Consistency levels, by the numbers of the protocol (section 3). */
import { CqlError, errorCode, invalid } from "../errors.js";

export const consistency = {
  any: 0,
  one: 1,
  two: 2,
  three: 3,
  quorum: 4,
  all: 5,
  localQuorum: 6,
  eachQuorum: 7,
  serial: 8,
  localSerial: 9,
  localOne: 10,
} as const;

const names = [
  "ANY",
  "ONE",
  "TWO",
  "THREE",
  "QUORUM",
  "ALL",
  "LOCAL_QUORUM",
  "EACH_QUORUM",
  "SERIAL",
  "LOCAL_SERIAL",
  "LOCAL_ONE",
];

export function consistencyName(level: number): string {
  return names[level] ?? String(level);
}

/** How many replicas have to answer. */
export function blockFor(level: number, replicationFactor: number): number {
  switch (level) {
    case consistency.any:
    case consistency.one:
    case consistency.localOne:
      return 1;
    case consistency.two:
      return 2;
    case consistency.three:
      return 3;
    case consistency.all:
      return replicationFactor;
    default:
      return Math.floor(replicationFactor / 2) + 1;
  }
}

export function checkReadLevel(level: number): void {
  if (level === consistency.any) throw invalid("ANY ConsistencyLevel is only supported for writes");
  if (level === consistency.eachQuorum) throw invalid("EACH_QUORUM ConsistencyLevel is only supported for writes");
}

export function checkWriteLevel(level: number): void {
  if (level === consistency.serial || level === consistency.localSerial)
    throw invalid("You must use conditional updates for serializable writes");
}

export function unavailable(level: number, required: number, alive: number): CqlError {
  return new CqlError(errorCode.unavailable, `Cannot achieve consistency level ${consistencyName(level)}`, {
    kind: "unavailable",
    consistency: level,
    required,
    alive,
  });
}

export function writeTimeout(level: number, received: number, required: number, writeType: string): CqlError {
  return new CqlError(errorCode.writeTimeout, `Operation timed out - received only ${received} responses.`, {
    kind: "write-timeout",
    consistency: level,
    received,
    blockFor: required,
    writeType,
  });
}

export function readTimeout(level: number, received: number, required: number): CqlError {
  return new CqlError(errorCode.readTimeout, `Operation timed out - received only ${received} responses.`, {
    kind: "read-timeout",
    consistency: level,
    received,
    blockFor: required,
    dataPresent: received > 0,
  });
}
