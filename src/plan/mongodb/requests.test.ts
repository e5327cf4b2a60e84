import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bucketEnd, bucketStart, day } from "../../model/bucket.js";
import type { PatternData } from "../../model/description.js";
import { entity } from "../../model/entity.js";
import { defineModel, describe as describeModel } from "../../model/model.js";
import { get, list, top } from "../../model/patterns.js";
import { isSlot, type RequestValue, type Template } from "../template.js";
import { planMongodb } from "./plan.js";
import type { MongoListPlan } from "./types.js";

/**
 * Pages are cut by requests that the plan wrote: this reads them with a matcher of its own, over random records, and
 * holds the pages together against the sorted list.
 */

const reading = entity("reading", {
  schema: z.object({ sensor: z.string(), at: z.date(), n: z.int(), kind: z.string(), level: z.int() }),
  key: ["sensor", "at", "n"],
});
const note = entity("note", {
  schema: z.object({ id: z.int(), at: z.date(), kind: z.string(), level: z.int() }),
  key: ["id"],
});

const model = defineModel({
  entities: { reading, note },
  patterns: {
    readingByKey: get(reading),
    readingsOfSensor: list(reading, { by: ["sensor"] }),
    readingsOfSensorLatest: list(reading, { by: ["sensor"], order: { at: "desc", n: "desc" } }),
    readingsInRange: list(reading, { by: ["sensor"], range: "at", order: { at: "desc", n: "desc" } }),
    readingsInRangeOldest: list(reading, { by: ["sensor"], range: day("at") }),
    readingsOfDay: list(reading, { by: ["sensor", day("at")] }),
    readingsOfMoment: list(reading, { by: ["at"] }),
    readingsMixed: list(reading, { by: ["kind"], order: { level: "asc", at: "desc", n: "asc" } }),
    notesOfKind: list(note, { by: ["kind"], order: { level: "desc", at: "asc" } }),
    notesOfKindById: list(note, { by: ["kind"] }),
    notesOfDay: list(note, { by: [day("at")], order: { at: "desc" } }),
    notesOfDayByLevel: list(note, { by: [day("at")], order: { level: "asc" }, where: { level: { gt: 0, lte: 2 } } }),
    notesOfKindInRange: list(note, { by: ["kind"], range: "at", where: { level: { ne: 1, in: [0, 1, 2] } } }),
  },
});
const data = describeModel(model);
const plan = planMongodb(data);

type Row = Readonly<Record<string, unknown>>;
const moments = ["2011-01-01T00:00:00Z", "2011-01-01T12:00:00Z", "2011-01-02T00:00:00Z", "2011-01-03T08:00:00Z"].map(
  (text) => new Date(text),
);
const greatest = Symbol("MaxKey");

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === greatest) return 1;
  if (b === greatest) return -1;
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
  if (isObject(a) && isObject(b)) {
    const [left, right] = [Object.entries(a), Object.entries(b)];
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const one = left[i] as [string, unknown];
      const other = right[i] as [string, unknown];
      // BSON compares types, then names, then values; MaxKey is above every type.
      const order =
        one[1] === greatest || other[1] === greatest
          ? compare(one[1], other[1])
          : compare(one[0], other[0]) || compare(one[1], other[1]);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  return (a as number) < (b as number) ? -1 : 1;
}

function isObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !(value instanceof Date) && !Array.isArray(value);
}

function at(document: Row, path: string): unknown {
  return path.split(".").reduce<unknown>((value, step) => (isObject(value) ? value[step] : undefined), document);
}

function matches(document: Row, filter: Row): boolean {
  return Object.entries(filter).every(([path, condition]) => {
    if (path === "$or") return (condition as Row[]).some((one) => matches(document, one));
    if (path === "$and") return (condition as Row[]).every((one) => matches(document, one));
    const value = at(document, path);
    if (!isObject(condition) || !Object.keys(condition).some((key) => key.startsWith("$")))
      return compare(value, condition) === 0;
    return Object.entries(condition).every(([operator, operand]) => {
      switch (operator) {
        case "$gt":
          return compare(value, operand) > 0;
        case "$gte":
          return compare(value, operand) >= 0;
        case "$lt":
          return compare(value, operand) < 0;
        case "$lte":
          return compare(value, operand) <= 0;
        case "$ne":
          return compare(value, operand) !== 0;
        case "$in":
          return (operand as unknown[]).some((one) => compare(value, one) === 0);
        default:
          throw new Error(`no ${operator} here`);
      }
    });
  });
}

/** Fills a template as an adapter does. */
function fill(
  template: Template,
  values: readonly RequestValue[],
  params: Row,
  after: readonly unknown[] | undefined,
): unknown {
  if (typeof template !== "object" || template === null) return template;
  if (isSlot(template)) {
    const value = values.find((one) => one.name === template.$slot);
    if (value === undefined) throw new Error(`no value ${template.$slot}`);
    const { source } = value;
    if (source.kind === "after") return after?.[source.position];
    if (source.kind === "greatest") return greatest;
    if (source.kind === "constant") return source.value;
    if (source.kind === "limit") return undefined;
    const param = params[source.param];
    if (param === undefined) return value.otherwise === "greatest" ? greatest : undefined;
    if (source.kind === "param") return param;
    return source.kind === "bucketStart"
      ? bucketStart(source.unit, param as string)
      : bucketEnd(source.unit, param as string);
  }
  if (Array.isArray(template)) return template.map((one) => fill(one, values, params, after));
  const members = Object.entries(template).map(
    ([name, member]) => [name, fill(member, values, params, after)] as const,
  );
  const there = members.filter(([, member]) => member !== undefined);
  return there.length === 0 && members.length > 0 ? undefined : Object.fromEntries(there);
}

function stored(entityName: string, record: Row): Row {
  if (entityName === "note") {
    const { id, ...rest } = record;
    return { _id: id, ...rest };
  }
  const { sensor, at: moment, n, ...rest } = record;
  return { _id: { sensor, at: moment, n }, ...rest };
}

const moment = fc.constantFrom(...moments);
const records = {
  reading: fc.uniqueArray(
    fc.record({
      sensor: fc.constantFrom("a", "b"),
      at: moment,
      n: fc.nat({ max: 3 }),
      kind: fc.constantFrom("x", "y"),
      level: fc.nat({ max: 2 }),
    }),
    { maxLength: 25, selector: (one) => `${one.sensor} ${one.at.getTime()} ${one.n}` },
  ),
  note: fc.uniqueArray(
    fc.record({ id: fc.nat({ max: 99 }), at: moment, kind: fc.constantFrom("x", "y"), level: fc.nat({ max: 2 }) }),
    { maxLength: 25, selector: (one) => one.id },
  ),
} as const;
const bounds: Record<string, fc.Arbitrary<Row>> = {
  readingsInRange: fc.record({ from: moment, to: moment }, { requiredKeys: [] }),
  readingsInRangeOldest: fc.record(
    { from: fc.constantFrom("2011-01-01", "2011-01-02"), to: fc.constantFrom("2011-01-02", "2011-01-04") },
    { requiredKeys: [] },
  ),
  notesOfKindInRange: fc.record({ from: moment, to: moment }, { requiredKeys: [] }),
};
const given: Row = { sensor: "a", kind: "x", day: "2011-01-01", at: moments[2] };

/** What the pattern means, said anew: equality, buckets, range, conditions, order. */
function expected(pattern: PatternData, all: readonly Row[], params: Row): Row[] {
  if (pattern.kind !== "list" && pattern.kind !== "listByKey") throw new Error("a list");
  const unit = pattern.range?.unit;
  const bound = (name: string): unknown =>
    params[name] === undefined || unit === undefined ? params[name] : bucketStart(unit, params[name] as string);
  return all
    .filter((record) =>
      pattern.by.every((part) =>
        part.kind === "field"
          ? compare(record[part.field], params[part.param]) === 0
          : (record[part.field] as Date).toISOString().startsWith(params[part.param] as string),
      ),
    )
    .filter((record) => {
      const value = pattern.range === undefined ? undefined : record[pattern.range.field];
      return (
        (bound("from") === undefined || compare(value, bound("from")) >= 0) &&
        (bound("to") === undefined || compare(value, bound("to")) < 0)
      );
    })
    .filter((record) =>
      pattern.where.every(({ field, operator, value }) => {
        if (operator === "in") return (value as unknown[]).includes(record[field]);
        const order = compare(record[field], value);
        return {
          eq: order === 0,
          ne: order !== 0,
          gt: order > 0,
          gte: order >= 0,
          lt: order < 0,
          lte: order <= 0,
          exists: true,
        }[operator];
      }),
    )
    .sort((a, b) => {
      for (const { field, direction } of pattern.order) {
        const order = compare(a[field], b[field]);
        if (order !== 0) return direction === "asc" ? order : -order;
      }
      return 0;
    });
}

describe("pages", () => {
  const lists = Object.values(data.patterns).filter(
    (pattern) => pattern.kind === "list" || pattern.kind === "listByKey",
  );

  it.each(lists.map((pattern) => [pattern.name, pattern] as const))(
    "of %s give each record once, in order",
    (name, pattern) => {
      const request = plan.patterns[name] as MongoListPlan;
      fc.assert(
        fc.property(
          records[pattern.entity as "reading" | "note"],
          bounds[name] ?? fc.constant({}),
          fc.integer({ min: 1, max: 4 }),
          (all, range, limit) => {
            const params = { ...given, ...range };
            const documents = all.map((record) => ({ record, document: stored(pattern.entity, record) }));
            const pages: Row[] = [];
            let after: readonly unknown[] | undefined;
            for (let page = 0; page < 30; page++) {
              const find = after === undefined ? request.request : request.next;
              const filter = (fill(find.filter, request.values, params, after) ?? {}) as Row;
              const sort = Object.entries(find.sort ?? {});
              const found = documents
                .filter(({ document }) => matches(document, filter))
                .sort((a, b) => {
                  for (const [path, direction] of sort) {
                    const order = compare(at(a.document, path), at(b.document, path));
                    if (order !== 0) return order * direction;
                  }
                  return 0;
                })
                .slice(0, limit);
              pages.push(...found.map(({ record }) => record));
              const last = found.at(-1);
              if (last === undefined || found.length < limit) break;
              after = request.position.map(({ path }) => at(last.document, path));
            }
            expect(pages).toEqual(expected(pattern, all, params));
          },
        ),
        { numRuns: 150 },
      );
    },
  );
});

describe("access", () => {
  it.each([
    ["readingByKey", "_id_"],
    ["readingsOfSensor", "_id_"],
    ["readingsOfSensorLatest", "_id_"],
    ["readingsInRange", "_id_"],
    ["readingsInRangeOldest", "_id_"],
    ["readingsOfDay", "_id_"],
    ["readingsOfMoment", "_id.at_1__id.sensor_1__id.n_1"],
    ["readingsMixed", "kind_1_level_1__id.at_-1__id.n_1__id.sensor_1"],
    ["notesOfKind", "kind_1_level_-1_at_1__id_1"],
    ["notesOfDayByLevel", "at_-1__id_-1"],
  ])("%s is served by %s", (name, index) => {
    expect(plan.patterns[name]).toMatchObject({ index });
  });

  it("of a unique field needs no index of its own, no sort, and gives one record", () => {
    const user = entity("user", {
      schema: z.object({ id: z.uuid(), email: z.string().optional(), name: z.string() }),
      key: ["id"],
      unique: [["email"]],
    });
    const found = planMongodb(
      describeModel(defineModel({ entities: { user }, patterns: { byEmail: list(user, { by: ["email"] }) } })),
    );
    expect(found.collections["user"]?.indexes).toMatchObject([
      {
        name: "email_1",
        unique: true,
        partialFilterExpression: { email: { $exists: true } },
        serves: ["unique(email)", "byEmail"],
      },
    ]);
    expect(found.patterns["byEmail"]).toMatchObject({
      index: "email_1",
      request: { sort: undefined, hint: { email: 1 } },
      estimate: { rows: 1 },
    });
  });

  it("of a field called like one of MongoDB's stores it beside", () => {
    const odd = entity("odd", {
      schema: z.object({ id: z.int(), _id: z.string(), _v: z.int(), _v_: z.int() }),
      key: ["id"],
    });
    const found = planMongodb(
      describeModel(defineModel({ entities: { odd }, patterns: { all: list(odd, { by: ["_id"] }) } })),
    );
    expect(found.collections["odd"]?.fields.map(({ field, path }) => [field, path])).toEqual([
      ["id", "_id"],
      ["_id", "_id_"],
      ["_v", "_v__"],
      ["_v_", "_v_"],
    ]);
    expect(found.patterns["all"]).toMatchObject({ request: { filter: { _id_: { $slot: "_id" } } } });
  });

  it("of the best groups leaves out records without the group, and continues after the last", () => {
    const sale = entity("sale", {
      schema: z.object({ id: z.int(), who: z.string().optional(), n: z.int(), at: z.date() }),
      key: ["id"],
    });
    const found = planMongodb(
      describeModel(
        defineModel({
          entities: { sale },
          patterns: {
            best: top(sale, { by: "who", sum: "n", where: { n: { gt: 0 } }, range: day("at") }),
            most: top(sale, { by: "who" }),
          },
        }),
      ),
    );
    expect(found.patterns["best"]).toMatchObject({
      index: "at_1",
      request: {
        hint: { bounded: { at: 1 }, unbounded: { $natural: 1 } },
        pipeline: [
          { $match: { at: { $gte: { $slot: "from" }, $lt: { $slot: "to" } }, n: { $gt: 0 }, who: { $ne: null } } },
          { $group: { _id: "$who", sum: { $sum: "$n" }, count: { $sum: 1 } } },
          { $sort: { sum: -1, _id: 1 } },
          { $limit: { $slot: "limit" } },
        ],
      },
    });
    expect(found.patterns["best"]).toMatchObject({
      next: {
        pipeline: [
          {},
          {},
          {
            $match: {
              sum: { $lte: { $slot: "after.sum" } },
              $or: [{ sum: { $lt: { $slot: "after.sum" } } }, { _id: { $gt: { $slot: "after.who" } } }],
            },
          },
          {},
          {},
        ],
      },
    });
    expect(found.patterns["most"]).toMatchObject({
      index: undefined,
      request: {
        hint: { bounded: undefined },
        pipeline: [{ $match: { who: { $ne: null } } }, {}, { $sort: { count: -1, _id: 1 } }, {}],
      },
    });
  });
});
