import { describe, expect, it } from "vitest";
import { z } from "zod";
import { KeyfoldError } from "../internal/errors.js";
import { day, hour } from "./bucket.js";
import { decimal } from "./decimal.js";
import { type EntitySpec, entity } from "./entity.js";
import { bytes, embed } from "./fields.js";
import { defineModel, describe as describeModel, isModel } from "./model.js";
import { get, list, search, top } from "./patterns.js";

/** What JavaScript users can write and TypeScript users cannot. */
type Loose = (entity: unknown, spec?: unknown) => never;
const anyList = list as unknown as Loose;
const anyTop = top as unknown as Loose;
const anySearch = search as unknown as Loose;
const anyEntity = entity as unknown as (name: string, spec: Partial<EntitySpec<unknown, unknown, string>>) => never;
const anyModel = defineModel as unknown as (spec: unknown) => never;

const schema = z.object({
  seq: z.int(),
  at: z.date(),
  customerId: z.string().optional(),
  country: z.string(),
  quantity: z.int(),
  total: decimal(3),
  tags: z.array(z.string()).max(3),
  photo: bytes().optional(),
  count: z.int(),
  day: z.string(),
  from: z.string(),
  text: z.string(),
  nick: z.string().nullable(),
  address: z.object({ city: z.string() }),
});
const line = entity("line", { schema, key: ["seq"] });

function issuesOf(define: () => unknown): { code: string; path: string }[] {
  try {
    define();
  } catch (error) {
    if (!(error instanceof KeyfoldError)) throw error;
    expect(error.code).toBe("MODEL_INVALID");
    for (const issue of error.issues) {
      expect(issue.message).not.toBe("");
      expect(issue.fix).toMatch(/\.$/);
      expect(error.message).toContain(issue.message);
    }
    return error.issues.map((issue) => ({ code: issue.code, path: issue.path.join(".") }));
  }
  return [];
}

const ofPattern = (pattern: unknown) => issuesOf(() => anyModel({ entities: { line }, patterns: { p: pattern } }));
const ofEntity = (name: string, spec: Partial<EntitySpec<unknown, unknown, string>>) =>
  issuesOf(() => anyModel({ entities: { [name]: anyEntity(name, spec) }, patterns: {} }));

describe("what is said of DynamoDB", () => {
  const ofPhysical = (physical: unknown) =>
    issuesOf(() =>
      anyModel({
        entities: { line, two: entity("two", { schema, key: ["country", "seq"] }) },
        patterns: {
          byCountry: list(line, { by: ["country"] }),
          ofCountry: anyList(entity("two", { schema, key: ["country", "seq"] }), {
            by: ["country"],
            order: { at: "asc" },
          }),
          byDay: anyList(entity("two", { schema, key: ["country", "seq"] }), { by: ["country", day("at")] }),
          bySeq: anyList(entity("two", { schema, key: ["country", "seq"] }), { by: ["seq"] }),
          whole: anyList(entity("two", { schema, key: ["country", "seq"] }), { by: ["seq", "country"] }),
          sums: top(line, { by: "country" }),
        },
        physical,
      }),
    ).map(({ code, path }) => `${code} ${path}`);

  it("names options, keys and lists that are there and can be", () => {
    expect(ofPhysical({})).toEqual([]);
    expect(ofPhysical({ dynamodb: { key: { partition: "PK", sort: "SK" }, localIndexes: ["ofCountry"] } })).toEqual([]);
    expect(ofPhysical({ dynamo: {} })).toEqual(["physical-option physical.dynamo"]);
    expect(ofPhysical({ dynamodb: { keys: {} } })).toEqual(["physical-option physical.dynamodb.keys"]);
    for (const name of ["", "_e", "gsi1pk", "lsi2sk", "l_x", "s", "a b", 'x"', 7, undefined]) {
      expect(ofPhysical({ dynamodb: { key: { partition: name, sort: "SK" } } })).toEqual([
        "physical-key physical.dynamodb.key.partition",
      ]);
    }
    expect(ofPhysical({ dynamodb: { key: { partition: "PK", sort: "PK" } } })).toEqual([
      "physical-key physical.dynamodb.key",
    ]);
    for (const name of ["byCountry", "byDay", "bySeq", "whole", "sums", "none"]) {
      expect(ofPhysical({ dynamodb: { localIndexes: ["ofCountry", name] } })).toEqual([
        `local-index physical.dynamodb.localIndexes.${name}`,
      ]);
    }
    expect(ofPhysical({ dynamodb: { localIndexes: "ofCountry" } })).toEqual([
      "local-index physical.dynamodb.localIndexes",
    ]);
  });
});

describe("a wrong pattern", () => {
  it("selects nothing, what is not there, a path, or a field twice", () => {
    const select = (names: unknown) => ofPattern(anyList(line, { by: ["country"], select: names }));
    expect(select([])).toEqual([{ code: "select-empty", path: "patterns.p.select" }]);
    expect(select("total")).toEqual([{ code: "select-empty", path: "patterns.p.select" }]);
    for (const name of ["totl", "address.city", 1]) {
      expect(select([name, "total"])).toEqual([{ code: "field-unknown", path: "patterns.p.select" }]);
    }
    expect(select(["total", "seq", "total"])).toEqual([{ code: "select-repeats", path: "patterns.p.select" }]);
    expect(ofPattern((get as unknown as Loose)(line, { select: ["nick", "x"] }))).toEqual([
      { code: "field-unknown", path: "patterns.p.select" },
    ]);
    expect(select(["total", "seq", "tags"])).toEqual([]);
  });

  it("sums what expires", () => {
    const visit = entity("visit", { schema, key: ["seq"], expires: "at" });
    expect(
      issuesOf(() => anyModel({ entities: { visit }, patterns: { best: top(visit, { by: "country" }) } })),
    ).toEqual([{ code: "top-expires", path: "patterns.best" }]);
  });

  it.each<[string, unknown, string, string]>([
    ["by nothing", anyList(line, { by: [] }), "by-empty", "by"],
    ["by an unknown field", anyList(line, { by: ["custmerId"] }), "field-unknown", "by"],
    ["by an array", anyList(line, { by: ["tags"] }), "field-type", "by"],
    ["by one field twice", anyList(line, { by: ["country", "country"] }), "by-repeats", "by"],
    ["by two buckets of a field", anyList(line, { by: [day("at"), hour("at")] }), "by-repeats", "by"],
    ["by a field called like its bucket", anyList(line, { by: ["day", day("at")] }), "param-repeats", "by"],
    ["by a field called from", anyList(line, { by: ["from"] }), "param-repeats", "by"],
    ["a bucket of a number", anyList(line, { by: [day("quantity")] }), "field-type", "by"],
    ["a range of what is asked by", anyList(line, { by: [day("at")], range: "at" }), "range-of-by", "range"],
    ["a range of an unknown field", anyList(line, { by: ["country"], range: "att" }), "field-unknown", "range"],
    [
      "an order by what may be missing",
      anyList(line, { by: ["country"], order: { customerId: "asc" } }),
      "order-optional",
      "order.customerId",
    ],
    [
      "an order by what is equal",
      anyList(line, { by: ["country"], order: { country: "asc" } }),
      "order-of-by",
      "order.country",
    ],
    ["a wrong direction", anyList(line, { by: ["country"], order: { at: "down" } }), "order-direction", "order.at"],
    [
      "a wrong operator",
      anyList(line, { by: ["country"], where: { quantity: { above: 1 } } }),
      "where-operator",
      "where.quantity.above",
    ],
    [
      "a wrong value",
      anyList(line, { by: ["country"], where: { quantity: { gt: "1" } } }),
      "where-value",
      "where.quantity.gt",
    ],
    [
      "a wrong value in a list",
      anyList(line, { by: ["country"], where: { quantity: { in: [1, "2"] } } }),
      "where-value",
      "where.quantity.in",
    ],
    [
      "a condition on what is asked by",
      anyList(line, { by: ["country"], where: { country: "UK" } }),
      "where-of-by",
      "where.country",
    ],
    ["an unknown level", anyList(line, { by: ["country"], consistency: "fast" }), "consistency-unknown", "consistency"],
    ["a sum of text", anyTop(line, { by: "country", sum: "day" }), "field-type", "sum"],
    ["a sum of the group", anyTop(line, { by: "quantity", sum: "quantity" }), "top-sum-is-by", "sum"],
    ["a group called count", anyTop(line, { by: "count" }), "top-count", "by"],
    ["a search in nothing", anySearch(line, { text: [] }), "search-text", "text"],
    ["a filter called text", anySearch(line, { text: ["country"], filter: ["text"] }), "param-repeats", "filter"],
    ["no pattern", { by: ["country"] }, "pattern-expected", ""],
    ["an unknown entity", get(entity("other", { schema, key: ["seq"] })), "pattern-entity", ""],
  ])("%s", (_, pattern, code, path) => {
    expect(ofPattern(pattern)).toEqual([
      { code, path: ["patterns", "p", path].filter((step) => step !== "").join(".") },
    ]);
  });
});

describe("a wrong entity", () => {
  it.each<[string, string, Partial<EntitySpec<unknown, unknown, string>>, string, string]>([
    ["name", "order lines", { schema, key: ["seq"] }, "entity-name", ""],
    ["reserved name", "then", { schema, key: ["seq"] }, "name-reserved", ""],
    ["no key", "e", { schema, key: [] }, "key-empty", "key"],
    ["unknown key", "e", { schema, key: ["sec"] }, "key-unknown", "key.0"],
    ["repeated key", "e", { schema, key: ["seq", "seq"] }, "key-repeats", "key.1"],
    ["nested key", "e", { schema, key: ["address.city"] }, "key-nested", "key.0"],
    ["optional key", "e", { schema, key: ["customerId"] }, "key-optional", "key.0"],
    ["nullable key", "e", { schema, key: ["nick"] }, "key-optional", "key.0"],
    ["decimal key", "e", { schema, key: ["total"] }, "key-type", "key.0"],
    ["unknown unique field", "e", { schema, key: ["seq"], unique: [["mail"]] }, "unique-unknown", "unique.0"],
    ["empty unique", "e", { schema, key: ["seq"], unique: [[]] }, "unique-empty", "unique.0"],
    ["the key as unique", "e", { schema, key: ["seq"], unique: [["seq"]] }, "unique-is-key", "unique.0"],
    ["unique array", "e", { schema, key: ["seq"], unique: [["tags"]] }, "unique-type", "unique.0"],
    ["unique that may be null", "e", { schema, key: ["seq"], unique: [["nick"]] }, "unique-nullable", "unique.0"],
    ["expires by nothing", "e", { schema, key: ["seq"], expires: "until" }, "expires-unknown", "expires"],
    ["expires inside an object", "e", { schema, key: ["seq"], expires: "address.city" }, "expires-unknown", "expires"],
    ["expires by its key", "e", { schema, key: ["at", "seq"], expires: "at" }, "expires-of-key", "expires"],
    ["expires by what is no date", "e", { schema, key: ["seq"], expires: "count" }, "expires-type", "expires"],
    ["stored as a wrong name", "e", { schema, key: ["seq"], storedAs: "a$b" }, "stored-as", "storedAs"],
    ["no zod schema", "e", { schema: { seq: "int" }, key: ["seq"] }, "schema-not-zod", "schema"],
    ["no object", "e", { schema: z.string(), key: ["seq"] }, "schema-not-object", "schema"],
    [
      "embed without a bound",
      "e",
      { schema: z.object({ id: z.string(), f: embed(line, { max: 0 }) }), key: ["id"] },
      "embed-max",
      "schema.f",
    ],
    [
      "embed of more than its bound",
      "e",
      { schema: z.object({ id: z.string(), f: embed(line, { max: 2, typical: 3 }) }), key: ["id"] },
      "embed-typical",
      "schema.f",
    ],
    [
      "embed of a child without its key",
      "e",
      {
        schema: z.object({
          id: z.string(),
          f: embed(anyEntity("c", { schema: z.object({ a: z.int().optional() }), key: ["a"] }), { max: 2 }),
        }),
        key: ["id"],
      },
      "embed-key",
      "schema.f",
    ],
  ])("%s", (_, name, spec, code, path) => {
    expect(ofEntity(name, spec)).toEqual([
      { code, path: ["entities", name, path].filter((step) => step !== "").join(".") },
    ]);
  });
});

describe("a wrong model", () => {
  it.each<[string, unknown, string]>([
    ["a pattern called like an entity", { entities: { line }, patterns: { line: get(line) } }, "name-taken"],
    ["a reserved name", { entities: { line }, patterns: { $close: get(line) } }, "name-reserved"],
    ["an entity under another name", { entities: { lines: line }, patterns: {} }, "entity-renamed"],
    ["no entity", { entities: { line: {} }, patterns: {} }, "entity-expected"],
    ["no patterns", { entities: { line } }, "patterns-missing"],
    [
      "two entities in one place",
      { entities: { line, other: entity("other", { schema, key: ["seq"], storedAs: "line" }) }, patterns: {} },
      "stored-as-repeats",
    ],
    [
      "workload for nothing",
      { entities: { line }, patterns: {}, workload: { lin: { records: 1 } } },
      "workload-unknown",
    ],
    ["an unknown number", { entities: { line }, patterns: {}, workload: { line: { record: 1 } } }, "workload-option"],
    ["a negative number", { entities: { line }, patterns: {}, workload: { line: { records: -1 } } }, "workload-number"],
    [
      "a share above one",
      { entities: { line }, patterns: {}, workload: { line: { hottestKeyShare: 2 } } },
      "workload-number",
    ],
    [
      "values of an unknown field",
      { entities: { line }, patterns: {}, workload: { line: { distinct: { x: 2 } } } },
      "field-unknown",
    ],
  ])("%s", (_, spec, code) => {
    expect(issuesOf(() => anyModel(spec)).map((issue) => issue.code)).toEqual([code]);
  });

  it("is reported with all of its mistakes at once", () => {
    const found = issuesOf(() =>
      anyModel({
        entities: {
          line,
          bad: anyEntity("bad", { schema: z.object({ m: z.map(z.string(), z.string()) }), key: ["id"] }),
        },
        patterns: {
          a: anyList(line, { by: ["x"], order: { y: "asc" } }),
          b: anyTop(line, { by: "z", sum: "w" }),
          $c: get(line),
        },
        workload: { nothing: {} },
      }),
    );
    expect(found.map((issue) => issue.code)).toEqual([
      "field-type-unsupported",
      "key-unknown",
      "field-unknown",
      "field-unknown",
      "field-unknown",
      "field-unknown",
      "name-reserved",
      "workload-unknown",
    ]);
  });
});

describe("a model's description", () => {
  const model = defineModel({
    entities: { line },
    patterns: {
      byKey: list(line, { by: ["seq"] }),
      byCountry: list(line, { by: ["country"], order: { at: "desc" } }),
      byDay: list(line, { by: [day("at")] }),
      inRange: list(line, {
        by: ["country"],
        range: day("at"),
        where: { quantity: { gt: 0, lt: 9 }, customerId: "1" },
      }),
      best: top(line, { by: "customerId", sum: "total", consistency: "eventual" }),
    },
  });
  const { patterns, entities } = describeModel(model);

  it("makes orders total with the key, in the last direction", () => {
    expect(patterns["byCountry"]).toMatchObject({
      order: [
        { field: "at", direction: "desc" },
        { field: "seq", direction: "desc" },
      ],
    });
    expect(patterns["byDay"]).toMatchObject({
      order: [
        { field: "at", direction: "asc" },
        { field: "seq", direction: "asc" },
      ],
    });
    expect(patterns["byKey"]).toMatchObject({ kind: "listByKey", order: [] });
  });

  it("has conditions one by one, and the default level", () => {
    expect(patterns["inRange"]).toMatchObject({
      kind: "list",
      consistency: "session",
      range: { field: "at", unit: "day" },
      where: [
        { field: "quantity", operator: "gt", value: 0 },
        { field: "quantity", operator: "lt", value: 9 },
        { field: "customerId", operator: "eq", value: "1" },
      ],
    });
    expect(patterns["best"]).toMatchObject({ kind: "top", consistency: "eventual", range: undefined });
  });

  it("parses records with the entity's schema", () => {
    const parsed = entities["line"]?.parse({ seq: 1 });
    expect(parsed).toMatchObject({ ok: false });
    expect(parsed?.ok === false && parsed.issues[0]).toEqual({
      path: ["at"],
      message: expect.stringContaining("expected date"),
    });
  });

  it("is known as a model", () => {
    expect(isModel(model)).toBe(true);
    expect([undefined, null, {}, { kind: "model" }, "model"].map(isModel)).toEqual([false, false, false, false, false]);
  });
});
