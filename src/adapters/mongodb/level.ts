import type { ReadCall } from "../port/adapter.js";
import type { BsonValues } from "./bson-values.js";
import type { DbLike, Doc } from "./driver.js";
import type { MongoSession } from "./session.js";

/** How long `bounded` may lag at least before secondaries may answer; MongoDB refuses smaller bounds. */
const SMALLEST_STALENESS_MS = 90_000;

/** Read concern and read preference of a level (docs/guides/consistency.md). */
export function levelOf(
  call: ReadCall,
  session: MongoSession | undefined,
  values: BsonValues,
  db: DbLike,
): { readonly readConcern?: Doc; readonly readPreference?: unknown } {
  switch (call.consistency) {
    case "strong":
      return { readConcern: { level: "linearizable" } };
    case "session": {
      const after = session?.afterClusterTime(values);
      return {
        readConcern: after === undefined ? { level: "majority" } : { level: "majority", afterClusterTime: after },
      };
    }
    case "bounded": {
      const bound = call.maxStalenessMs ?? SMALLEST_STALENESS_MS;
      if (bound < SMALLEST_STALENESS_MS) return { readConcern: { level: "local" } };
      return { readConcern: { level: "local" }, readPreference: secondaryWithin(Math.floor(bound / 1_000), db) };
    }
    case "eventual":
      return { readConcern: { level: "local" }, readPreference: "nearest" };
    default:
      return call.consistency satisfies never;
  }
}

/** A read preference with a bound; the driver takes an object of its own class only. */
function secondaryWithin(maxStalenessSeconds: number, { readPreference: own }: DbLike): unknown {
  if (typeof own !== "object" || own === null) return undefined;
  const ReadPreference = own.constructor as new (mode: string, tags: undefined, options: object) => unknown;
  return new ReadPreference("secondaryPreferred", undefined, { maxStalenessSeconds });
}
