import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import type { CollectionView } from "./lint.js";

/** Index entries written per second above which one primary is busy with little else. */
const busyIndexWrites = 20_000;
/** More indexes than this are seldom worth their writes. */
const manyIndexes = 8;

/** Findings about a collection's indexes as a whole. */
export function lintIndexes({ entity, workload, collection }: CollectionView): readonly Finding[] {
  const findings: Finding[] = [];
  const count = collection.indexes.length + 1;
  const writes = (workload?.writesPerSecond ?? 0) * count;
  if (count > manyIndexes || writes > busyIndexWrites) {
    findings.push({
      code: "many-indexes",
      severity: "warning",
      subject: entity.name,
      evidence: `${count} indexes with _id; ${formatNumber(workload?.writesPerSecond ?? 0)} writes a second make ${formatNumber(writes)} index writes a second`,
      cause: "Each insert and delete writes to every index.",
      fix: "Give patterns that may share an index the same order, or drop patterns that are not asked.",
    });
  }
  const { dataBytes, indexBytes } = collection.estimate;
  if (dataBytes !== undefined && indexBytes !== undefined && indexBytes > dataBytes) {
    findings.push({
      code: "indexes-outweigh-data",
      severity: "info",
      subject: entity.name,
      evidence: `indexes take ${formatBytes(indexBytes)}, documents ${formatBytes(dataBytes)}, before compression`,
      cause: "Indexes should fit into memory: they push documents out of the cache.",
      fix: "Make keys shorter, or drop patterns that are not asked.",
    });
  }
  return findings;
}
