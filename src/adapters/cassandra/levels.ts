import { KeyfoldError } from "../../internal/errors.js";
import type { Consistency } from "../../model/consistency.js";

/** Levels of the protocol: https://cassandra.apache.org/doc/5.0/cassandra/reference/native-protocol.html, section 3 */
export const levelCodes = {
  ONE: 1,
  TWO: 2,
  THREE: 3,
  QUORUM: 4,
  ALL: 5,
  LOCAL_QUORUM: 6,
  EACH_QUORUM: 7,
  SERIAL: 8,
  LOCAL_SERIAL: 9,
  LOCAL_ONE: 10,
} as const;

export type LevelName = keyof typeof levelCodes;
/** Levels of plain reads and writes. */
export type PlainLevel = Exclude<LevelName, "SERIAL" | "LOCAL_SERIAL">;

/** Which levels a store uses. */
export interface Levels {
  readonly read: PlainLevel;
  readonly write: PlainLevel;
  readonly serial: "SERIAL" | "LOCAL_SERIAL";
}

/** The code of the level at which a read at one of keyfold's is sent. */
export function readLevel(consistency: Consistency, levels: Levels): number {
  switch (consistency) {
    case "strong":
      return levelCodes[levels.serial];
    case "session":
    case "bounded":
      return levelCodes[levels.read];
    case "eventual":
      return levelCodes.LOCAL_ONE;
    default:
      return consistency satisfies never;
  }
}

/** How many replicas answer at a level: of one data centre where the level is local, else of all. */
export function replicasAt(level: PlainLevel, factors: readonly number[], local: number): number {
  const all = factors.reduce((sum, factor) => sum + factor, 0);
  switch (level) {
    case "ONE":
    case "LOCAL_ONE":
      return 1;
    case "TWO":
      return 2;
    case "THREE":
      return 3;
    case "QUORUM":
      return Math.floor(all / 2) + 1;
    case "LOCAL_QUORUM":
      return Math.floor(local / 2) + 1;
    case "EACH_QUORUM":
      return factors.reduce((sum, factor) => sum + Math.floor(factor / 2) + 1, 0);
    case "ALL":
      return all;
    default:
      return level satisfies never;
  }
}

/**
 * Refuses levels at which a read may miss what was acknowledged before it: each read must ask one replica at least that
 * each write reached, R + W > RF (https://cassandra.apache.org/doc/5.0/cassandra/architecture/dynamo.html#tunable-consistency).
 *
 * @param factors replicas by data centre
 * @param datacenter the client's own; local levels count its replicas alone
 * @throws KeyfoldError `CONSISTENCY_UNSUPPORTED`, which says what to raise.
 */
export function checkOverlap(
  levels: Levels,
  factors: Readonly<Record<string, number>>,
  datacenter: string | undefined,
): void {
  const numbers = Object.values(factors);
  const local = (datacenter === undefined ? undefined : factors[datacenter]) ?? numbers[0] ?? 1;
  const isLocal =
    levels.read.startsWith("LOCAL") && (levels.write.startsWith("LOCAL") || levels.write === "EACH_QUORUM");
  const replicas = isLocal ? local : numbers.reduce((sum, factor) => sum + factor, 0);
  const read = replicasAt(levels.read, numbers, local);
  const write =
    isLocal && levels.write === "EACH_QUORUM" ? Math.floor(local / 2) + 1 : replicasAt(levels.write, numbers, local);
  if (read > replicas || write > replicas) {
    const which = read > replicas ? levels.read : levels.write;
    throw new KeyfoldError(
      "CONSISTENCY_UNSUPPORTED",
      `${which} asks more replicas than the ${replicas} that there are.`,
      {
        fix: "Raise the keyspace's replication, or use QUORUM.",
        data: { replicas, read: levels.read, write: levels.write },
      },
    );
  }
  if (read + write > replicas) return;
  const weaker = read <= write ? "read" : "write";
  throw new KeyfoldError(
    "CONSISTENCY_UNSUPPORTED",
    `Reads at ${levels.read} ask ${read} and writes at ${levels.write} reach ${write} of ${replicas} replicas: a read may miss what was acknowledged before it.`,
    {
      fix: `Raise ${weaker}Consistency to ${levels.read.startsWith("LOCAL") ? "LOCAL_QUORUM" : "QUORUM"} or above, so that read + write > ${replicas}.`,
      data: { replicas, read, write, factors },
    },
  );
}

/**
 * Refuses transactions that agree within one data centre over records that several have: writers in two of them would
 * both be told that they were first
 * (https://cassandra.apache.org/doc/5.0/cassandra/architecture/guarantees.html#lightweight-transactions-with-linearizable-consistency).
 *
 * @param factors replicas by data centre
 * @throws KeyfoldError `CONSISTENCY_UNSUPPORTED`
 */
export function checkSerial(levels: Levels, factors: Readonly<Record<string, number>>): void {
  const datacenters = Object.keys(factors).filter((name) => (factors[name] ?? 0) > 0);
  if (levels.serial !== "LOCAL_SERIAL" || datacenters.length < 2) return;
  throw new KeyfoldError(
    "CONSISTENCY_UNSUPPORTED",
    `LOCAL_SERIAL agrees within one data centre, and the keyspace has replicas in ${datacenters.join(" and ")}: two writers could each win.`,
    {
      fix: 'Leave serialConsistency at "SERIAL", or replicate the keyspace in one data centre only.',
      data: { serial: levels.serial, factors },
    },
  );
}
