import type { Finding } from "../finding.js";
import { formatNumber } from "../format.js";
import type { CollectionView } from "./lint.js";

/** Writes a second above which one document's writers mostly wait for, and conflict with, each other. */
const hotWrites = 1_000;
/** Reads a second of one key above which they are a large part of what one member serves. */
const hotReads = 10_000;

/** A finding about the load that falls on one key; reads are taken to be as skewed as records and writes. */
export function lintLoad({ model, entity, workload }: CollectionView): readonly Finding[] {
  const share = workload?.hottestKeyShare;
  if (share === undefined) return [];
  const reads = Object.values(model.patterns)
    .filter((pattern) => pattern.entity === entity.name && (pattern.kind === "get" || pattern.kind === "list"))
    .reduce((sum, pattern) => sum + share * (model.workload.patterns[pattern.name]?.readsPerSecond ?? 0), 0);
  const writes = share * (workload?.writesPerSecond ?? 0);
  if (writes <= hotWrites && reads <= hotReads) return [];
  return [
    {
      code: "hot-key",
      severity: "warning",
      subject: entity.name,
      evidence: `the most frequent key has ${formatNumber(share * 100)} % of the load: about ${formatNumber(Math.round(writes))} writes and ${formatNumber(Math.round(reads))} reads a second`,
      cause:
        "One key lives on one shard, however many there are, and writes to one document are done one after the other.",
      fix:
        writes > hotWrites
          ? "Spread the writes of such a key over several records (a number from 0 to n as part of the key) and add them up when reading."
          : 'Keep what is read so often in a cache, or declare the pattern "eventual", so that secondaries answer too.',
    },
  ];
}
