import type { CqlPlan, OwnTable } from "./types.js";

/**
 * The facts of the design: which tables are whole, how far a fill is, which home's records each is made of (so that a
 * model knows its own tables among those of other models in the keyspace), and the table of its buckets.
 */
export const DESIGN_TABLE = "kf_design";
/** Buckets of `top` patterns: who may add to one, and its sums. */
export const BUCKETS_TABLE = "kf_buckets";

/**
 * Tables that keyfold keeps its own facts in. Buckets are listed by a stretch of time, so that no partition grows with
 * the years: `span` is "" for the list of stretches themselves; `part` -1 is a bucket's state, further ones its sums.
 */
export function ownTables(entities: CqlPlan["entities"]): readonly OwnTable[] {
  const summed = Object.values(entities).some(({ contributions }) =>
    contributions.some(({ bucket }) => bucket !== undefined),
  );
  return [
    {
      name: DESIGN_TABLE,
      partition: [{ name: "model", cql: "text" }],
      clustering: [{ name: "name", cql: "text", direction: "asc" }],
      columns: [
        { name: "whole", cql: "boolean" },
        { name: "progress", cql: "text" },
        { name: "home", cql: "text" },
        { name: "buckets", cql: "text" },
      ],
      why: "keyfold: what of the design is whole",
    },
    ...(summed
      ? [
          {
            name: BUCKETS_TABLE,
            partition: [
              { name: "place", cql: "text" },
              { name: "span", cql: "text" },
            ],
            clustering: [
              { name: "bucket", cql: "text", direction: "asc" },
              { name: "part", cql: "int", direction: "asc" },
            ],
            columns: [
              { name: "epoch", cql: "text" },
              { name: "folded", cql: "text" },
              { name: "parts", cql: "int" },
              { name: "leases", cql: "map<text, bigint>" },
              { name: "sums", cql: "text" },
            ],
            why: "keyfold: buckets of sums",
          } satisfies OwnTable,
        ]
      : []),
  ];
}
