import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../storage/memory-store.js";
import { Doc, int32 } from "../bson/doc.js";
import { DateTime, type Value } from "../bson/values.js";
import { Catalog } from "./catalog.js";
import { ClusterTime } from "./cluster-time.js";
import type { Collection } from "./collection.js";
import { indexSpec } from "./index-spec.js";
import { Query, type QuerySpec } from "./query.js";
import { elementText } from "./text.js";

const clock = { now: () => 0 };
const context = { now: () => 0, deadline: undefined };

function doc(fields: Record<string, Value>): Doc {
  return Doc.raw(Doc.from(Object.entries(fields)).toBytes());
}

function collectionOf(documents: readonly Doc[], indexes: readonly Doc[]): Collection {
  const store = new MemoryStore();
  const catalog = new Catalog(store, new ClusterTime(clock), () => 0);
  return store.write(() => {
    const collection = catalog.create("db", "c", new Doc());
    // Half before, half after the indexes are made: both ways must end in the same keys.
    const half = Math.floor(documents.length / 2);
    for (const each of documents.slice(0, half)) collection.insert(each);
    for (const [at, key] of indexes.entries()) {
      collection.createIndex(
        indexSpec(
          Doc.from([
            ["key", key],
            ["name", `i${at}`],
          ]),
        ),
      );
    }
    for (const each of documents.slice(half)) collection.insert(each);
    return collection;
  });
}

function answers(collection: Collection, spec: QuerySpec): { ids: string[]; query: Query } {
  const query = new Query(collection, spec, context);
  const ids: string[] = [];
  for (let each = query.next(); each !== undefined; each = query.next()) ids.push(elementText(each.get("_id")));
  return { ids, query };
}

const scalar = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -2, max: 4 }).map((value): Value => int32(value)) },
  fc.constantFrom<Value>(
    1,
    1.5,
    2n,
    Number.NaN,
    null,
    "a",
    "ab",
    "a\0",
    "",
    "b",
    true,
    false,
    new DateTime(0),
    new DateTime(5),
  ),
  fc.constantFrom("x", "y").map((name): Value => Doc.from([[name, int32(1)]])),
);
const inner = fc
  .record({ x: scalar, y: scalar }, { requiredKeys: [] })
  .map((fields): Value => Doc.from(Object.entries(fields)));
const fieldValue = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 2, arbitrary: inner },
  { weight: 4, arbitrary: fc.array(scalar, { maxLength: 3 }) as fc.Arbitrary<Value> },
  { weight: 3, arbitrary: fc.array(inner, { maxLength: 3 }) as fc.Arbitrary<Value> },
);
const document = fc.record({ a: fieldValue, b: scalar, c: scalar }, { requiredKeys: [] });
const path = fc.constantFrom("a", "a", "b", "c", "a.x", "a.y", "_id");

const operators: fc.Arbitrary<Value> = fc.oneof(
  scalar,
  fc
    .tuple(fc.constantFrom("$eq", "$gt", "$gte", "$lt", "$lte", "$ne"), scalar)
    .map(([op, value]): Value => Doc.from([[op, value]])),
  fc.tuple(fc.constantFrom("$gt", "$gte"), scalar, fc.constantFrom("$lt", "$lte"), scalar).map(
    ([low, a, high, b]): Value =>
      Doc.from([
        [low, a],
        [high, b],
      ]),
  ),
  fc.array(scalar, { maxLength: 4 }).map((list): Value => Doc.from([["$in", list]])),
  fc.array(scalar, { minLength: 1, maxLength: 2 }).map((list): Value => list),
  fc.boolean().map((on): Value => Doc.from([["$exists", on]])),
  fc.constantFrom("^a", "^ab?", "a", "^").map((text): Value => Doc.from([["$regex", text]])),
  fc.array(scalar, { minLength: 1, maxLength: 2 }).map((list): Value => Doc.from([["$all", list]])),
  fc.tuple(scalar, scalar).map(
    ([a, b]): Value =>
      Doc.from([
        [
          "$elemMatch",
          Doc.from([
            ["$gte", a],
            ["$lte", b],
          ]),
        ],
      ]),
  ),
  fc.tuple(scalar, scalar).map(
    ([a, b]): Value =>
      Doc.from([
        [
          "$elemMatch",
          Doc.from([
            ["x", a],
            ["y", b],
          ]),
        ],
      ]),
  ),
);
const conditions = fc.array(fc.tuple(path, operators), { maxLength: 3 });
const filterOf = (list: readonly (readonly [string, Value])[]): Doc =>
  list.length === 0
    ? new Doc()
    : list.length === 1
      ? Doc.from(list)
      : Doc.from([["$and", list.map((each): Value => Doc.from([each]))]]);
const filter = fc.oneof(
  { weight: 3, arbitrary: conditions.map(filterOf) },
  {
    weight: 1,
    arbitrary: fc
      .array(
        conditions.filter((list) => list.length > 0),
        { minLength: 1, maxLength: 3 },
      )
      .map((branches): Doc => Doc.from([["$or", branches.map(filterOf)]])),
  },
);
const keyPattern = fc
  .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "a.x", "a.y"), fc.constantFrom(1, -1)), {
    selector: ([name]) => name,
    minLength: 1,
    maxLength: 3,
  })
  .map((fields) => Doc.from(fields.map(([name, order]): [string, Value] => [name, int32(order)])));
const sort = fc.option(
  fc
    .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "a.x"), fc.constantFrom(1, -1)), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 2,
    })
    .map((fields) =>
      // With the id last, so that there is one right order.
      Doc.from([...fields.map(([name, order]): [string, Value] => [name, int32(order)]), ["_id", int32(1)]]),
    ),
  { nil: undefined },
);

/** Two indexes that do not conflict, documents whose keys can be made, and a question. */
function collectionOrNothing(
  documents: readonly Record<string, Value>[],
  indexes: readonly Doc[],
): Collection | undefined {
  try {
    return collectionOf(
      documents.map((fields, at) => doc({ _id: int32(at), ...fields })),
      indexes,
    );
  } catch (error) {
    // Two different arrays in one index.
    if ((error as { code?: number }).code === 171) return undefined;
    throw error;
  }
}

describe("the planner", () => {
  it("finds through any index what a walk through the collection finds, in the order asked for", () => {
    let viaIndex = 0;
    fc.assert(
      fc.property(
        fc.array(document, { maxLength: 25 }),
        fc.array(keyPattern, { minLength: 1, maxLength: 2 }),
        filter,
        sort,
        fc.nat(3),
        (documents, indexes, question, order, limit) => {
          const collection = collectionOrNothing(documents, indexes);
          if (collection === undefined) return;
          const spec: QuerySpec = { filter: doc(Object.fromEntries([...question])), sort: order };
          const planned = answers(collection, spec);
          if (planned.query.plan.access.kind !== "collscan") viaIndex++;
          const truth = scanned(collection, spec);
          if (order === undefined) expect([...planned.ids].sort()).toEqual([...truth].sort());
          else expect(planned.ids).toEqual(truth);
          for (const index of collection.indexes) {
            const hinted = answers(collection, { ...spec, hint: index.name });
            if (order === undefined) expect([...hinted.ids].sort()).toEqual([...truth].sort());
            else {
              expect(hinted.ids).toEqual(truth);
              expect(answers(collection, { ...spec, hint: index.name, limit: limit + 1, skip: 1 }).ids).toEqual(
                truth.slice(1, limit + 2),
              );
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
    expect(viaIndex).toBeGreaterThan(150);
  });

  it("serves equality and order from one index without a sort", () => {
    const collection = collectionOf(
      Array.from({ length: 300 }, (_, at) => doc({ _id: int32(at), who: int32(at % 3), at: int32((at * 7) % 300) })),
      [doc({ who: int32(1), at: int32(-1) }), doc({ at: int32(1) })],
    );
    const { ids, query } = answers(collection, {
      filter: doc({ who: int32(1) }),
      sort: doc({ at: int32(-1) }),
      limit: 10,
    });
    expect(ids).toHaveLength(10);
    expect(query.plan.sorted).toBe(true);
    expect(query.execution!.counters.keysExamined).toBe(10);
    expect(query.execution!.counters.docsExamined).toBe(10);
  });

  it("merges the ranges of $in into the order that follows", () => {
    const collection = collectionOf(
      Array.from({ length: 300 }, (_, at) => doc({ _id: int32(at), who: int32(at % 30), at: int32((at * 7) % 300) })),
      [doc({ who: int32(1), at: int32(1) })],
    );
    const { ids, query } = answers(collection, {
      filter: doc({ who: Doc.from([["$in", [int32(1), int32(2), int32(3)]]]) }),
      sort: doc({ at: int32(-1) }),
      limit: 5,
    });
    expect(query.plan.sorted).toBe(true);
    expect(query.execution!.counters.keysExamined).toBeLessThanOrEqual(8);
    expect(ids).toEqual(
      Array.from({ length: 300 }, (_, at) => ({ id: String(at), who: at % 30, at: (at * 7) % 300 }))
        .filter(({ who }) => who >= 1 && who <= 3)
        .sort((a, b) => b.at - a.at)
        .slice(0, 5)
        .map(({ id }) => id),
    );
  });

  it("takes the index with fewer keys", () => {
    const collection = collectionOf(
      Array.from({ length: 300 }, (_, at) => doc({ _id: int32(at), wide: int32(at % 2), narrow: int32(at % 100) })),
      [doc({ wide: int32(1) }), doc({ narrow: int32(1) })],
    );
    const { query } = answers(collection, { filter: doc({ wide: int32(1), narrow: int32(7) }) });
    expect(query.plan.access.kind === "ixscan" && query.plan.access.index.name).toBe("i1");
    expect(query.execution!.counters.docsExamined).toBe(3);
  });
});

/** What the filter finds without any index, in the order asked for. */
function scanned(collection: Collection, spec: QuerySpec): string[] {
  const truth = answers(collection, { ...spec, hint: Doc.from([["$natural", int32(1)]]) });
  expect(truth.query.plan.access.kind).toBe("collscan");
  return truth.ids;
}
