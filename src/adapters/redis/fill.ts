import type { Deadline } from "../../internal/deadline.js";
import type { StoredEntity } from "../../plan/redis/library.js";
import type { ApplyProgress } from "../port/adapter.js";
import { withNoKey } from "./keys.js";
import type { Requests } from "./requests.js";
import { glob, headOf, scan } from "./scan.js";

/** Records of one call of the library: it does not hold the server up for long. */
const RECORDS_PER_CALL = 200;
const CALLS_IN_FLIGHT = 4;

/**
 * Puts each record of an entity into the indexes that are younger than it. Writers keep them by themselves since the
 * library was loaded, and a record tells in which epoch it was written: so it is done once for each, whatever comes
 * between, and a run that was cut goes on where it was.
 *
 * @returns keys of unique values that more than one record has
 */
export async function fillIndexes(
  requests: Requests,
  name: string,
  entity: StoredEntity,
  deadline: () => Deadline,
  tell: (more: Partial<ApplyProgress>) => void,
): Promise<readonly string[]> {
  const head = headOf(requests.prefix, entity);
  const masters = await requests.masters();
  let total = 0;
  for (const master of masters) {
    using step = deadline();
    total += Number(await step.run(() => master.send(undefined, "DBSIZE", [], false)));
  }
  const taken: string[] = [];
  const running = new Set<Promise<void>>();
  let done = 0;
  let failure: unknown;
  const send = async (keys: readonly string[]): Promise<void> => {
    const call = (async () => {
      using step = deadline();
      const reply = (await requests.write("index", withNoKey(keys), [name], step)) as [number, ...string[]];
      taken.push(...reply.slice(1).map(String));
    })()
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => running.delete(call));
    running.add(call);
    if (running.size >= CALLS_IN_FLIGHT) await Promise.race(running);
    if (failure !== undefined) throw failure;
  };
  for (const master of masters) {
    for await (const found of scan(
      master,
      `${glob(head)}${entity.partition.length === 0 ? "}:*" : ":*}:*"}`,
      deadline,
    )) {
      const places = new Map<string, string[]>();
      for (const key of found) {
        const base = key.slice(0, key.indexOf("}") + 1);
        // Not an index, and of this entity: its records follow the tag with a colon.
        if (key[base.length] !== ":") continue;
        const place = places.get(base);
        if (place === undefined) places.set(base, [key]);
        else place.push(key);
      }
      for (const keys of places.values()) {
        for (let from = 0; from < keys.length; from += RECORDS_PER_CALL)
          await send(keys.slice(from, from + RECORDS_PER_CALL));
        done += keys.length;
      }
      tell({ done, total });
    }
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure;
  return taken;
}

/** Frees the keys of an index that the library no longer keeps. */
export async function dropIndexKeys(
  requests: Requests,
  entity: StoredEntity,
  index: string,
  deadline: () => Deadline,
): Promise<void> {
  const tag = `${glob(headOf(requests.prefix, entity))}${entity.partition.length === 0 ? "}" : ":*}"}`;
  for (const master of await requests.masters()) {
    for (const end of [`${glob(`/${index}`)}:*`, `${glob(`/${index}@`)}*`]) {
      for await (const found of scan(master, tag + end, deadline)) {
        const places = new Map<string, string[]>();
        for (const key of found) {
          const base = key.slice(0, key.indexOf("}") + 1);
          places.set(base, [...(places.get(base) ?? []), key]);
        }
        for (const keys of places.values()) {
          using step = deadline();
          await requests.send(keys[0], "UNLINK", keys, true, step);
        }
      }
    }
  }
}
