import type { Deadline } from "../../internal/deadline.js";
import type { StoredEntity as LibraryEntity } from "../../plan/redis/library.js";
import type { ApplyProgress } from "../port/adapter.js";
import { withNoKey } from "./keys.js";
import type { Requests } from "./requests.js";
import { glob, headOf, scan } from "./scan.js";

/** Records of one call of the library: it stops the server for a few milliseconds at most. */
export const RECORDS_PER_CALL = 200;

/**
 * Removes all records of a partition that have ended, with all that finds them.
 *
 * @param key any key of the partition
 * @returns how many there were
 */
export async function sweepPartition(
  key: string,
  entity: string,
  requests: Requests,
  deadline: Deadline,
): Promise<number> {
  let swept = 0;
  for (;;) {
    const removed = Number(
      await requests.write("sweep", withNoKey([key]), [entity, String(RECORDS_PER_CALL)], deadline),
    );
    swept += removed;
    if (removed < RECORDS_PER_CALL) return swept;
  }
}

/** Removes all records of an entity that have ended, in every partition: what writes there have not come upon. */
export async function sweepEntity(
  requests: Requests,
  name: string,
  entity: LibraryEntity,
  deadline: () => Deadline,
  tell: (more: Partial<ApplyProgress>) => void,
): Promise<void> {
  if (entity.x === undefined) return;
  const tag = `${glob(headOf(requests.prefix, entity))}${entity.partition.length === 0 ? "}" : ":*}"}`;
  let done = 0;
  for (const master of await requests.masters()) {
    for await (const found of scan(master, `${tag}${glob(`/${entity.x.n}:`)}`, deadline)) {
      for (const key of found) {
        using step = deadline();
        done += await sweepPartition(key, name, requests, step);
        tell({ done });
      }
    }
  }
}
