import { describe, expect, it } from "vitest";
import { z } from "zod";
import { day } from "../../model/bucket.js";
import { decimal } from "../../model/decimal.js";
import { entity } from "../../model/entity.js";
import { embed } from "../../model/fields.js";
import { defineModel, describe as describeModel } from "../../model/model.js";
import { get, list, search, top } from "../../model/patterns.js";
import { planFor, renderPlanJson, renderPlanText } from "../plan.js";
import { planMongodb } from "./plan.js";
import { renderGrants } from "./render.js";

const line = entity("line", {
  schema: z.object({
    seq: z.int(),
    invoiceNo: z.string(),
    stockCode: z.string(),
    description: z.string().optional(),
    quantity: z.int(),
    unitPrice: decimal(3),
    total: decimal(3),
    at: z.date(),
    customerId: z.string().optional(),
    country: z.string(),
  }),
  key: ["seq"],
});

/** The online retail model; `records` changes nothing of the design. */
function shop(records: number) {
  return defineModel({
    entities: { line },
    patterns: {
      lineBySeq: get(line),
      linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
      linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "asc" }, consistency: "eventual" }),
      linesByDay: list(line, { by: [day("at")], order: { at: "desc", seq: "desc" }, consistency: "eventual" }),
      topCustomers: top(line, {
        by: "customerId",
        sum: "total",
        where: { quantity: { gt: 0 } },
        range: day("at"),
        consistency: "eventual",
      }),
      revenueByCountry: top(line, {
        by: "country",
        sum: "total",
        where: { quantity: { gt: 0 } },
        range: day("at"),
        consistency: "eventual",
      }),
      dear: list(line, { by: ["stockCode"], where: { unitPrice: { gte: "100" } }, consistency: "eventual" }),
      searchLines: search(line, { text: ["description"], consistency: "eventual" }),
    },
    workload: {
      line: { records, bytes: 220, writesPerSecond: 800, distinct: { customerId: 4_372, country: 38 } },
      linesByCustomer: { readsPerSecond: 3_000, rows: 20 },
    },
  });
}

function findings(model: { readonly kind: "model" }): string[] {
  return planMongodb(describeModel(model)).findings.map(
    (finding) => `${finding.severity} ${finding.code} ${finding.subject}`,
  );
}

describe("the plan of the online retail model", () => {
  const plan = planFor(describeModel(shop(541_909)), "mongodb");

  it("is the same text, byte for byte", async () => {
    expect(renderPlanText(plan)).toBe(renderPlanText(planFor(describeModel(shop(541_909)), "mongodb")));
    await expect(renderPlanText(plan)).toMatchFileSnapshot("./plan.snapshot.txt");
  });

  it("is the same JSON, byte for byte", () => {
    const json = renderPlanJson(plan);
    expect(json).toBe(renderPlanJson(planFor(describeModel(shop(541_909)), "mongodb")));
    expect(JSON.parse(json)).toMatchObject({ kind: "plan", engine: "mongodb", design: plan.design });
  });

  it("has one index for two orders and ranges of the day", () => {
    expect(plan.collections["line"]?.indexes.map(({ name, serves }) => [name, serves])).toEqual([
      ["customerId_1_at_-1__id_-1", ["linesByCustomer"]],
      ["invoiceNo_1__id_1", ["linesByInvoice"]],
      ["at_-1__id_-1", ["linesByDay", "topCustomers", "revenueByCountry"]],
      ["stockCode_1__id_1", ["dear"]],
    ]);
  });

  it("has a design version that workload does not change and patterns do", () => {
    expect(planMongodb(describeModel(shop(5))).design).toBe(plan.design);
    const other = defineModel({
      entities: { line },
      patterns: { linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "desc" } }) },
    });
    expect(planMongodb(describeModel(other)).design).not.toBe(plan.design);
    expect(plan.design).toMatch(/^[0-9a-f]{12}$/);
  });

  it("estimates what a page reads, from the workload", () => {
    expect(plan.patterns["linesByCustomer"]).toMatchObject({
      estimate: { rows: 20, keysExamined: 20, documentsExamined: 20, bytesReturned: 4_640, requestsPerSecond: 3_000 },
    });
    expect(plan.patterns["dear"]).toMatchObject({ estimate: { documentsExamined: undefined } });
    expect(plan.collections["line"]?.estimate).toMatchObject({
      documents: 541_909,
      documentBytes: 232,
      dataBytes: 541_909 * 232,
    });
  });

  it("asks for no more rights than it uses", () => {
    const text = renderGrants(plan.grants, "shop");
    expect(text).toContain('"find",');
    expect(text).not.toMatch(/drop|anyAction|readWrite/);
  });
});

describe("findings", () => {
  const note = z.object({
    id: z.uuid(),
    owner: z.string(),
    state: z.enum(["open", "closed"]),
    at: z.date(),
    level: z.int(),
  });
  const clean = entity("note", { schema: note, key: ["id"] });
  const workload = { note: { records: 10_000_000 } };

  it("are none for a model without fault", () => {
    expect(
      findings(
        defineModel({ entities: { note: clean }, patterns: { byOwner: list(clean, { by: ["owner"] }) }, workload }),
      ),
    ).toEqual([]);
  });

  it.each<[string, () => { readonly kind: "model" }, string[]]>([
    [
      "records not declared",
      () => defineModel({ entities: { note: clean }, patterns: {} }),
      ["info workload-missing note"],
    ],
    [
      "an array without a bound",
      () =>
        defineModel({
          entities: { note: entity("note", { schema: note.extend({ tags: z.array(z.string()) }), key: ["id"] }) },
          patterns: {},
          workload,
        }),
      ["warning array-unbounded note.tags"],
    ],
    [
      "a document that may grow past the limit",
      () =>
        defineModel({
          entities: {
            note: entity("note", {
              schema: note.extend({ parts: z.array(z.string().max(1_000)).max(10_000) }),
              key: ["id"],
            }),
          },
          patterns: {},
          workload,
        }),
      ["warning document-grows note"],
    ],
    [
      "a document above the limit",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: { noteById: get(clean) },
          workload: { note: { records: 9, bytes: 17_000_000 } },
        }),
      ["error document-too-large note"],
    ],
    [
      "indexes that take more than the documents",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: {
            byOwner: list(clean, { by: ["owner"] }),
            byState: list(clean, { by: ["state", "owner"], order: { at: "desc" } }),
            byLevel: list(clean, { by: ["level"], order: { owner: "asc", at: "asc" } }),
          },
          workload: { note: { records: 10_000_000, bytes: 60 } },
        }),
      ["info indexes-outweigh-data note"],
    ],
    [
      "a rising key",
      () => defineModel({ entities: { line }, patterns: { lineBySeq: get(line) }, workload: { line: { records: 9 } } }),
      ["info monotonic-shard-key line"],
    ],
    [
      "a rising key with many writes",
      () =>
        defineModel({
          entities: { line },
          patterns: { lineBySeq: get(line) },
          workload: { line: { records: 9, writesPerSecond: 20_001 } },
        }),
      ["warning monotonic-shard-key line", "warning many-indexes line"],
    ],
    [
      "few groups",
      () => defineModel({ entities: { note: clean }, patterns: { byState: list(clean, { by: ["state"] }) }, workload }),
      ["warning low-cardinality-leading-field byState"],
    ],
    [
      "an order that a bucket's index does not have",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: { byDay: list(clean, { by: [day("at")], order: { level: "asc" } }) },
          workload,
        }),
      ["warning sort-in-memory byDay"],
    ],
    [
      "a condition behind the index",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: { high: list(clean, { by: ["owner"], where: { level: { gt: 3 } } }) },
          workload,
        }),
      ["info filter-after-index high"],
    ],
    [
      "an aggregate over everything",
      () => defineModel({ entities: { note: clean }, patterns: { owners: top(clean, { by: "owner" }) }, workload }),
      ["warning pattern-without-index owners"],
    ],
    [
      "an aggregate over a range",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: { owners: top(clean, { by: "owner", range: "at" }) },
          workload,
        }),
      ["info top-reads-range owners"],
    ],
    [
      "a level that MongoDB has not",
      () =>
        defineModel({
          entities: { note: clean },
          patterns: { byOwner: list(clean, { by: ["owner"], consistency: "strong" }) },
          workload,
        }),
      ["error consistency-unserved byOwner"],
    ],
    [
      "a pattern that MongoDB has not",
      () =>
        defineModel({ entities: { note: clean }, patterns: { find: search(clean, { text: ["owner"] }) }, workload }),
      ["warning pattern-unserved find"],
    ],
  ])("name %s", (_, model, expected) => {
    expect(findings(model())).toEqual(expected);
  });

  const item = entity("item", {
    schema: z.object({ order: z.string(), sku: z.string(), n: z.int() }),
    key: ["order", "sku"],
  });
  const orders = (max: number, typical: number) =>
    entity("order", { schema: z.object({ id: z.string(), items: embed(item, { max, typical }) }), key: ["id"] });

  it("choose embedding for few children that are read with their parent, and give the numbers", () => {
    const order = orders(100, 4);
    const model = defineModel({
      entities: { order },
      patterns: { orderById: get(order) },
      workload: { order: { records: 1_000 }, orderById: { readsPerSecond: 50 } },
    });
    const [finding] = planMongodb(describeModel(model)).findings;
    expect(finding).toMatchObject({ code: "embed-chosen", severity: "info", subject: "order.items" });
    expect(finding?.evidence).toMatch(
      /at most 100 and typically 4 children of about \d+ B.*read with the parent 50 times a second, alone 0 times/,
    );
  });

  it.each<[string, number, number, number, string, RegExp]>([
    ["many children", 5_000, 4, 0, "warning", /up to 5,000 children are read and rewritten/],
    ["children above the document's limit", 1_000_000, 4, 0, "error", /exceed the limit of 16 MiB/],
    ["large arrays", 10_000, 9_000, 0, "warning", /a typical array takes/],
    [
      "children that are read alone",
      100,
      4,
      900,
      "warning",
      /children are read alone 900 times a second and with the parent 50 times/,
    ],
  ])("choose referencing for %s", (_, max, typical, alone, severity, reason) => {
    const order = orders(max, typical);
    const model = defineModel({
      entities: { order, item },
      patterns: { orderById: get(order), itemsOfOrder: list(item, { by: ["order"] }) },
      workload: {
        order: { records: 1_000 },
        item: { records: 1_000 },
        orderById: { readsPerSecond: 50 },
        itemsOfOrder: { readsPerSecond: alone },
      },
    });
    const found = planMongodb(describeModel(model)).findings.find(
      (finding) => finding.code === "embed-should-reference",
    );
    expect(found).toMatchObject({ severity, subject: "order.items" });
    expect(found?.evidence).toMatch(reason);
  });
});

describe("the load on one key", () => {
  const hot = (writesPerSecond: number, readsPerSecond: number) =>
    planMongodb(
      describeModel(
        defineModel({
          entities: { line },
          patterns: { lineBySeq: get(line) },
          workload: { line: { records: 1, writesPerSecond, hottestKeyShare: 0.2 }, lineBySeq: { readsPerSecond } },
        }),
      ),
    ).findings.filter(({ code }) => code === "hot-key");

  it("is no finding while one document bears it", () => {
    expect(hot(5_000, 50_000)).toEqual([]);
  });

  it("is one above, with its numbers, for writes and for reads", () => {
    const [writes] = hot(5_005, 0);
    expect(writes).toMatchObject({ severity: "warning", subject: "line" });
    expect(writes?.evidence).toMatch(/20 % of the load: about 1,001 writes and 0 reads a second/);
    expect(writes?.fix).toMatch(/several records/);
    expect(hot(0, 50_005)[0]?.fix).toMatch(/cache/);
  });
});

describe("planFor", () => {
  it("refuses an engine that it does not know", () => {
    expect(() => planFor(describeModel(shop(1)), "oracle")).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", fix: expect.stringMatching(/^Use one of .*mongodb/) }),
    );
  });
});
