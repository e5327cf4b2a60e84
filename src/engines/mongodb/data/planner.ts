import type { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import type { Collection } from "./collection.js";
import type { Matcher } from "./language.js";
import type { Plan } from "./plan.js";

export interface PlanRequest {
  readonly filter: Doc;
  readonly matcher: Matcher | undefined;
  readonly sort?: Doc | undefined;
  readonly hint?: Value | undefined;
  readonly limit?: number | undefined;
}

/** Chooses how a query finds its records. */
export function planQuery(_collection: Collection, request: PlanRequest): Plan {
  const natural = request.sort?.get("$natural");
  const reverse = natural !== undefined && Number(natural) < 0;
  return {
    access: { kind: "collscan", reverse },
    sorted: request.sort === undefined || natural !== undefined,
    exact: false,
    rejected: [],
    sort: request.sort,
  };
}
