import fc from "fast-check";
import type { Document } from "mongodb";
import { collections, filters, projections, sorts, updates } from "../generators.js";
import type { Request } from "../targets.js";
import { pipelines } from "./pipelines.js";

const byId = { _id: 1 };
const anyFilter = fc.oneof(fc.constant({}), filters);

function updateOf(
  filter: Document,
  { u, arrayFilters }: { readonly u: unknown; readonly arrayFilters?: Document[] },
  options: { readonly multi?: boolean; readonly upsert?: boolean },
): NonNullable<Request["update"]> {
  const operators = Object.keys(u as object)[0]?.startsWith("$") === true;
  return {
    filter,
    update: u as Document,
    ...(arrayFilters === undefined ? {} : { arrayFilters }),
    ...options,
    multi: options.multi === true && operators,
  };
}

/** Generated requests, by what they try. */
export const requests: Readonly<Record<string, fc.Arbitrary<Request>>> = {
  filters: fc.tuple(collections, filters).map(([docs, filter]) => ({ docs, find: { filter, sort: byId } })),
  sorts: fc.tuple(collections, sorts).map(([docs, sort]) => ({ docs, find: { filter: {}, sort } })),
  projections: fc
    .tuple(collections, anyFilter, projections)
    .map(([docs, filter, projection]) => ({ docs, find: { filter, projection, sort: byId } })),
  updates: fc
    .tuple(collections, anyFilter, updates, fc.boolean())
    .map(([docs, filter, update, multi]) => ({ docs, update: updateOf(filter, update, { multi }) })),
  upserts: fc
    .tuple(filters, updates)
    .map(([filter, update]) => ({ docs: [], update: updateOf(filter, update, { upsert: true }) })),
  pipelines: fc.tuple(collections, pipelines).map(([docs, aggregate]) => ({ docs, aggregate })),
};
