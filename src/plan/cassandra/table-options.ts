import type { EntityData, EntityWorkload } from "../../model/description.js";
import type { CqlTable, CqlTableOptions } from "./types.js";

const plain: CqlTableOptions = { compaction: undefined, gcGraceSeconds: undefined, why: undefined };

/** Windows that a table should have at most (manual: "Time Window Compaction Strategy"). */
const mostWindows = 30;

/**
 * Records that expire and are only ever inserted lie in the order of time, and whole files of them can be dropped at
 * once: TimeWindowCompaction. Where rows are changed or deleted by hand, old and new lie in the same files, and it would
 * keep them for ever: those stay with the engine's own choice.
 */
export function tableOptions(
  entity: EntityData,
  table: Pick<CqlTable, "role">,
  workload: EntityWorkload | undefined,
): CqlTableOptions {
  if (entity.expires === undefined || !entity.appendOnly || table.role === "unique") return plain;
  const { records, writesPerSecond } = workload ?? {};
  const lifetime = records === undefined || writesPerSecond === undefined ? undefined : records / writesPerSecond;
  const hours = lifetime === undefined ? 24 : Math.max(1, Math.ceil(lifetime / 3_600 / mostWindows));
  const compaction =
    hours < 24
      ? ({ kind: "time-window", unit: "HOURS", size: hours } as const)
      : ({ kind: "time-window", unit: "DAYS", size: Math.ceil(hours / 24) } as const);
  const window = `${compaction.size} ${compaction.unit.toLowerCase()}`;
  return {
    compaction,
    gcGraceSeconds: 86_400,
    why:
      `rows go by their TTL, in the order in which they came: files of ${window} are dropped whole` +
      `${lifetime === undefined ? "" : `, about ${Math.ceil(lifetime / 3_600 / (compaction.unit === "DAYS" ? 24 * compaction.size : compaction.size))} of them`}. ` +
      "Expired cells need no tombstone to reach a replica that was away, so that gc_grace is one day: the hints' three hours, and room for a repair after deletes by hand.",
  };
}
