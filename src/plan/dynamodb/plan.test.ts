import { describe, expect, it } from "vitest";
import { z } from "zod";
import retail from "../../../examples/online-retail/model.js";
import { describe as data, day, decimal, defineModel, entity, get, list, month, together, top } from "../../index.js";
import { planDocument, planFor, renderPlanJson, renderPlanText } from "../plan.js";
import { planDynamodb } from "./plan.js";
import type { DynamoPlan } from "./types.js";

const prices = { millionReadUnits: 0.125, millionWriteUnits: 0.625, gibMonth: 0.25 };

const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string(), email: z.string() }),
  key: ["customerId"],
  unique: [["email"]],
});
const order = entity("order", {
  schema: z.object({
    customerId: z.string(),
    orderId: z.int(),
    total: decimal(2),
    at: z.date(),
    status: z.enum(["open", "sent"]),
    note: z.string().optional(),
  }),
  key: ["customerId", "orderId"],
});
const event = entity("event", {
  schema: z.object({ id: z.uuid(), device: z.string(), at: z.date(), body: z.string() }),
  key: ["id"],
});

const codes = (plan: DynamoPlan, severity?: string): string[] =>
  plan.findings
    .filter((one) => severity === undefined || one.severity === severity)
    .map((one) => `${one.code} ${one.subject}`);

describe("the online-retail example", () => {
  const plan = planFor(data(retail), "dynamodb", { prices });

  it("becomes this, byte for byte", async () => {
    await expect(renderPlanText(plan)).toMatchFileSnapshot("plan.snapshot.txt");
    expect(renderPlanJson(planFor(data(retail), "dynamodb", { prices }))).toBe(renderPlanJson(plan));
    expect(JSON.parse(renderPlanJson(plan))).toMatchObject({ engine: "dynamodb", design: plan.design });
  });

  it("has a version that workload and prices do not change, and that patterns do", () => {
    const base = data(retail);
    expect(planDynamodb(base).design).toBe(plan.design);
    const busier = { ...base, workload: { ...base.workload, patterns: {} } };
    expect(planDynamodb(busier).design).toBe(plan.design);
    const { linesByDay: _, ...fewer } = base.patterns;
    expect(planDynamodb({ ...base, patterns: fewer }).design).not.toBe(plan.design);
  });

  it("makes CloudFormation and least policies, with the table's name put in", () => {
    const template = JSON.parse(planDocument(plan, "cloudformation", "Shop"));
    expect(template.Resources.Table.Properties).toMatchObject({
      TableName: "Shop",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
    });
    expect(template.Resources.Table.Properties.GlobalSecondaryIndexes).toHaveLength(2);
    const policies = JSON.parse(planDocument(plan, "grants", "Shop"));
    const actions = policies["keyfold-run"].Statement.flatMap((one: { Action: string[] }) => one.Action);
    expect(actions).not.toContain("dynamodb:Scan");
    expect(actions).not.toContain("dynamodb:CreateTable");
    expect(policies["keyfold-run"].Statement[0].Resource).toBe(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own placeholders
      "arn:aws:dynamodb:${AWS::Region}:${AWS::AccountId}:table/Shop",
    );
    expect(() => planDocument(plan, "terraform", "Shop")).toThrow(/no document "terraform" for dynamodb/);
  });
});

describe("places", () => {
  it("put entities that are read together side by side, and read the key's own order from the table", () => {
    const plan = planDynamodb(
      data(
        defineModel({
          entities: { customer, order },
          patterns: {
            file: together([customer, order], { by: ["customerId"], consistency: "strong" }),
            orders: list(order, { by: ["customerId"], order: { orderId: "desc" }, consistency: "strong" }),
          },
        }),
      ),
    );
    const text = (recipe: DynamoPlan["entities"][string]["home"]): unknown =>
      recipe.partition.map((part) => (part.kind === "text" ? part.text : "field" in part ? part.field : part.kind));
    expect(text(plan.entities["customer"]!.home)).toEqual(["customer", "customerId"]);
    expect(text(plan.entities["order"]!.home)).toEqual(["customer", "customerId"]);
    expect(plan.patterns["file"]).toMatchObject({
      kind: "together",
      reads: { kind: "table" },
      entities: ["customer", "order"],
    });
    expect(plan.patterns["orders"]).toMatchObject({ reads: { kind: "table" }, request: { forward: false } });
    expect(plan.table.indexes).toEqual([]);
    expect(plan.entities["order"]!.copies).toEqual([]);
    // A unique value is an item of its own in the record's transaction.
    expect(plan.entities["customer"]!.estimate).toMatchObject({ items: 2, insertUnits: { table: 4, indexes: 0 } });
  });

  it("need the fewest indexes: entities overload them, equal needs share one, reversed ones too", () => {
    const plan = planDynamodb(
      data(
        defineModel({
          entities: { customer, order, event },
          patterns: {
            ordersByStatus: list(order, {
              by: ["status"],
              order: { at: "asc", customerId: "asc", orderId: "asc" },
              consistency: "eventual",
            }),
            latestByStatus: list(order, {
              by: ["status"],
              order: { at: "desc", customerId: "desc", orderId: "desc" },
              consistency: "eventual",
            }),
            ordersByDay: list(order, { by: [day("at")], consistency: "eventual" }),
            customersByName: list(customer, { by: ["name"], consistency: "eventual" }),
            eventsByDevice: list(event, { by: ["device"], order: { at: "desc" }, consistency: "eventual" }),
            eventsByMonth: list(event, { by: ["device", month("at")], order: { at: "desc" }, consistency: "eventual" }),
          },
        }),
      ),
    );
    expect(plan.table.indexes.map(({ name, serves }) => [name, serves])).toEqual([
      ["gsi1", ["ordersByStatus", "latestByStatus", "customersByName", "eventsByDevice"]],
      ["gsi2", ["ordersByDay", "eventsByMonth"]],
    ]);
  });

  it("answer what is declared stronger than eventual from copies, never from an index", () => {
    const plan = planDynamodb(
      data(
        defineModel({
          entities: { event },
          patterns: {
            mine: list(event, { by: ["device"], order: { at: "desc" } }),
            exact: list(event, { by: ["device"], order: { at: "desc" }, consistency: "strong" }),
          },
        }),
      ),
    );
    expect(plan.table.indexes).toEqual([]);
    expect(plan.entities["event"]!.copies).toHaveLength(1);
    expect(plan.patterns["mine"]).toMatchObject({
      reads: { kind: "copies", place: expect.stringMatching(/^event\/device@/) },
    });
    expect(codes(plan)).toContain("strong-read-on-index exact");
  });

  it("are sparse: a fixed condition keeps other records out, an optional field too", () => {
    const plan = planDynamodb(
      data(
        defineModel({
          entities: { order },
          patterns: {
            noted: list(order, { by: ["note"], where: { status: "open" }, consistency: "eventual" }),
          },
        }),
      ),
    );
    expect(plan.entities["order"]!.indexed).toMatchObject([
      { has: ["note"], where: [{ field: "status", operator: "eq", value: "open" }] },
    ]);
    expect(plan.patterns["noted"]).toMatchObject({ request: { filter: undefined } });
  });
});

describe("load", () => {
  const model = (writesPerSecond: number, share: number) =>
    planDynamodb(
      data(
        defineModel({
          entities: { event },
          patterns: {
            byDevice: list(event, { by: ["device"], order: { at: "desc" }, consistency: "eventual" }),
            byDay: list(event, { by: [day("at")], order: { at: "desc" }, consistency: "eventual" }),
            perDevice: top(event, { by: "device", range: day("at"), consistency: "eventual" }),
          },
          workload: {
            event: {
              records: 50_000_000,
              bytes: 900,
              writesPerSecond,
              hottestKeyShare: share,
              distinct: { device: 10_000 },
            },
            byDay: { readsPerSecond: 10 },
          },
        }),
      ),
    );

  it("is spread over write shards where one partition key could not take it", () => {
    const calm = model(100, 0.01);
    expect(calm.patterns["byDay"]).toMatchObject({ request: { shards: 1 } });
    const busy = model(4_000, 0.3);
    // 4,000 a second of two units each, all into the present day; 0.3 of them into the hottest device.
    expect(busy.patterns["byDay"]).toMatchObject({ request: { shards: 8 }, estimate: { requests: 8 } });
    expect(busy.patterns["byDevice"]).toMatchObject({ request: { shards: 3 } });
    expect(busy.entities["event"]!.contributions[0]).toMatchObject({ shards: 8, name: "event/top(device)/day(at)*8" });
    expect(codes(busy, "info")).toEqual(
      expect.arrayContaining(["write-sharded byDay", "write-sharded byDevice", "write-sharded perDevice"]),
    );
    expect(busy.design).not.toBe(calm.design);
  });
});

describe("findings", () => {
  const found = (patterns: object, workload: object = {}): string[] =>
    codes(planDynamodb(data(defineModel({ entities: { event, order }, patterns, workload } as never))));

  it.each([
    [
      "filter-after-read byTotal",
      { byTotal: list(order, { by: ["status"], range: "total", order: { at: "asc" }, consistency: "eventual" }) },
      {},
    ],
    ["full-scan all", { all: top(event, { by: "device", consistency: "eventual" }) }, {}],
    ["consistency-unserved exact", { exact: top(event, { by: "device", consistency: "strong" }) }, {}],
    [
      "hot-key one",
      { one: list(event, { by: ["device"], consistency: "eventual" }) },
      { event: { records: 1e6, bytes: 4_000, hottestKeyShare: 0.5 }, one: { readsPerSecond: 1_000, rows: 100 } },
    ],
    [
      "unbounded-collection one",
      { one: list(event, { by: ["device"], consistency: "eventual" }) },
      { event: { records: 1e9, bytes: 1_000, distinct: { device: 10 } } },
    ],
    ["large-item event", { byId: get(event) }, { event: { records: 10, bytes: 500_000 } }],
    ["ttl-missing event", { byId: get(event) }, { event: { records: 1_000, writesPerSecond: 10 } }],
    [
      "index-unused gsi1",
      { one: list(event, { by: ["device"], consistency: "eventual" }) },
      { one: { readsPerSecond: 0 } },
    ],
    ["key-attribute-changes event", { one: list(event, { by: ["device"], consistency: "eventual" }) }, {}],
    ["workload-missing event", { byId: get(event) }, {}],
  ])("%s", (code, patterns, workload) => {
    expect(found(patterns, workload)).toContain(code);
    expect(found({ byId: get(event) }, { event: { records: 1e6, bytes: 200 }, order: { records: 1e6 } })).toEqual([]);
  });

  it("stored-as-unused", () => {
    const kept = entity("kept", {
      schema: z.object({ id: z.string() }),
      key: ["id"],
      storedAs: "old_table",
    });
    const plan = planDynamodb(data(defineModel({ entities: { kept, order }, patterns: { byId: get(kept) } })));
    expect(codes(plan, "warning")).toEqual(["stored-as-unused kept"]);
  });
});
