import type { CapabilityData } from "../types.js";
import type { CqlEngine } from "./types.js";

/**
 * What Cassandra serves, as data; the type beside it is `Cassandra` in adapters/port. `strong` is a SERIAL read, which
 * names one partition that is written by lightweight transactions alone: a record by its key. Query tables are written
 * in a batch of their own, so lists promise `session` and no more.
 */
const serves = {
  get: ["strong", "session", "bounded", "eventual"],
  listByKey: ["session", "bounded", "eventual"],
  list: ["session", "bounded", "eventual"],
  top: ["session", "bounded", "eventual"],
} as const satisfies CapabilityData["serves"];

export const cassandraCapability: CapabilityData = { engine: "cassandra", serves, expires: true };
export const scylladbCapability: CapabilityData = { engine: "scylladb", serves, expires: true };

/** The capability of one of the two. */
export function capabilityOf(engine: CqlEngine): CapabilityData {
  return engine === "cassandra" ? cassandraCapability : scylladbCapability;
}
