import { readFileSync } from "node:fs";
import { expect, it, describe as suite } from "vitest";
import { z } from "zod";
import retail from "../../../examples/online-retail/model.js";
import {
  day,
  decimal,
  defineModel,
  describe,
  embed,
  entity,
  get,
  list,
  month,
  search,
  together,
  top,
} from "../../index.js";
import { renderCql, shapesOf } from "./ddl.js";
import { planCassandra, planScylladb } from "./plan.js";
import { renderCqlPlan } from "./render.js";

const codes = (plan: { readonly findings: readonly { code: string; subject: string }[] }): string[] =>
  plan.findings.map(({ code, subject }) => `${code} ${subject}`).sort();

const item = entity("item", { schema: z.object({ sku: z.string(), price: decimal(2) }), key: ["sku"] });
const visit = entity("visit", {
  schema: z.object({
    user: z.string(),
    at: z.date(),
    page: z.string(),
    tags: z.array(z.string()),
    place: z.object({ city: z.string(), zip: z.string().optional() }),
    note: z.string().nullable().optional(),
    basket: embed(item, { max: 20 }),
    until: z.date(),
  }),
  key: ["user", "at"],
  appendOnly: true,
  expires: "until",
});

suite("the plan on Cassandra", () => {
  it("of the example is as it was looked at", () => {
    const text = renderCqlPlan(planCassandra(describe(retail)));
    expect(text).toBe(readFileSync(new URL("plan.snapshot.txt", import.meta.url), "utf8"));
  });

  it("serves a list by the beginning of the key from the home table, and both directions of an order from one", () => {
    const plan = planCassandra(
      describe(
        defineModel({
          entities: { visit },
          patterns: {
            visits: list(visit, { by: ["user"], order: { at: "desc" } }),
            pages: list(visit, { by: ["page"], order: { at: "desc" } }),
            pagesUp: list(visit, { by: ["page"], order: { at: "asc" } }),
          },
        }),
      ),
    );
    const tables = plan.entities["visit"]!.tables;
    expect(tables.map(({ name, serves }) => [name, serves])).toEqual([
      ["visit", ["visits"]],
      ["visit_by_page_at_desc", ["pages", "pagesUp"]],
    ]);
    expect(tables[0]!.clustering).toMatchObject([{ name: "at", direction: "desc" }]);
    expect(plan.patterns["pagesUp"]).toMatchObject({
      request: { order: expect.arrayContaining([{ column: "at", direction: "asc" }]) },
    });
  });

  it("makes types of nested objects, freezes collections, and stores as text what CQL cannot keep apart", () => {
    const plan = planCassandra(describe(defineModel({ entities: { visit }, patterns: {} })));
    expect(plan.types).toEqual([
      {
        name: "visit_place",
        fields: [
          { name: "city", cql: "text" },
          { name: "zip", cql: "text" },
        ],
      },
      {
        name: "visit_basket",
        fields: [
          { name: "sku", cql: "text" },
          { name: "price", cql: "decimal" },
        ],
      },
    ]);
    const kinds = Object.fromEntries(
      plan.entities["visit"]!.columns.map(({ field, cql, as }) => [field, `${cql} ${as}`]),
    );
    expect(kinds).toMatchObject({
      tags: "frozen<list<text>> native",
      place: "frozen<visit_place> native",
      basket: "frozen<list<frozen<visit_basket>>> native",
      note: "text json",
    });
    expect(codes(plan)).toContain("growing-collection visit.tags");
    expect(codes(plan)).toContain("stored-as-text visit");
    const text = renderCql(plan, "shop");
    expect(text).toContain("CREATE TYPE IF NOT EXISTS visit_place (city text, zip text);");
    expect(text).toContain("TimeWindowCompactionStrategy");
    expect(text).toContain("gc_grace_seconds = 86400");
  });

  it("cuts partitions by time and shards as the rate asks, within each engine's limits", () => {
    const log = entity("log", {
      schema: z.object({ id: z.int(), app: z.string(), at: z.date() }),
      key: ["id"],
      appendOnly: true,
    });
    const of = (records: number, writesPerSecond: number, apps: number) =>
      describe(
        defineModel({
          entities: { log },
          patterns: {
            logs: list(log, { by: ["app"], order: { at: "desc" } }),
            days: list(log, { by: [day("at")], order: { at: "asc" } }),
          },
          workload: { log: { records, writesPerSecond, distinct: { app: apps } } },
        }),
      );
    const cut = (records: number, rate: number, apps: number): (string | undefined)[] =>
      planCassandra(of(records, rate, apps))
        .entities["log"]!.tables.slice(1)
        .map(({ name }) => name);
    expect(cut(1_000, 1, 10)).toEqual(["log_by_app_at_desc", "log_by_day_at"]);
    expect(cut(100_000_000, 1, 100)).toEqual(["log_by_app_at_desc_per_month", "log_by_day_at"]);
    expect(cut(100_000_000, 100, 100)).toEqual(["log_by_app_at_desc_per_day", "log_by_day_at_x64"]);
    expect(cut(1_000_000_000, 10_000, 100)).toEqual(["log_by_app_at_desc_per_hour_x4", "log_by_day_at_x64"]);
    for (const { estimate } of planScylladb(of(100_000_000, 100, 100)).entities["log"]!.tables.slice(1, 2)) {
      expect(estimate.partitionRows).toBeLessThanOrEqual(100_000);
      expect(estimate.arithmetic).toContain("1,000 MB and 100,000 rows");
    }
    expect(codes(planCassandra(of(1_000_000_000, 10_000, 100)))).toContain("large-partition log_by_day_at_x64");
  });

  it("gives another table to another condition, range or unit: what is in the old one is not what is asked", () => {
    const sale = entity("sale", {
      schema: z.object({
        id: z.int(),
        shop: z.string(),
        at: z.date(),
        paid: z.date(),
        sum: z.int(),
        open: z.boolean(),
      }),
      key: ["id"],
    });
    const nameOf = (pattern: unknown): string => {
      const model = defineModel({ entities: { sale }, patterns: { pattern } } as never);
      return planCassandra(describe(model)).entities["sale"]!.tables[1]!.name;
    };
    const all = [
      [true, false].map((open) => list(sale, { by: ["shop"], order: { at: "desc" }, where: { open } })),
      [true, false].map((open) => top(sale, { by: "shop", sum: "sum", where: { open } })),
      [day("at"), month("at")].map((range) => top(sale, { by: "shop", range })),
      (["at", "paid"] as const).map((field) => top(sale, { by: "shop", range: day(field) })),
      (["at", "paid"] as const).map((range) => top(sale, { by: "shop", range })),
    ].map((pair) => pair.map(nameOf));
    for (const [one, other] of all) expect(one).not.toBe(other);
    expect(all.flat().every((name) => name.length <= 48)).toBe(true);
  });

  it("says what an engine cannot promise", () => {
    const plain = entity("plain", {
      schema: z.object({ id: z.int(), flag: z.boolean(), text: z.string() }),
      key: ["id"],
      appendOnly: true,
    });
    const plan = planCassandra(
      describe(
        defineModel({
          entities: { plain },
          patterns: {
            one: get(plain, { consistency: "strong" }),
            flagged: list(plain, { by: ["flag"], order: { id: "asc" }, range: "text" }),
            words: search(plain, { text: ["text"], consistency: "eventual" }),
            counts: top(plain, { by: "flag" }),
          },
          workload: { plain: { records: 1_000_000 } },
        }),
      ),
    );
    expect(codes(plan)).toEqual([
      "consistency-unserved one",
      "filter-after-read flagged",
      "full-scan counts",
      "low-cardinality-key flagged",
      "pattern-unserved words",
      "write-sharded plain_by_flag_id_x5",
      "write-sharded plain_top_flag_x10",
    ]);
    expect(plan.patterns["words"]).toMatchObject({ kind: "unserved" });
  });

  it("says of what it does not serve why, and what to ask in its place", () => {
    const order = entity("order", { schema: z.object({ user: z.string(), id: z.int() }), key: ["user", "id"] });
    const user = entity("user", { schema: z.object({ user: z.string(), name: z.string() }), key: ["user"] });
    const patterns = { file: together([user, order], { by: ["user"] }) };
    const plan = planCassandra(describe(defineModel({ entities: { order, user }, patterns })));
    const finding = plan.findings.find(({ code }) => code === "pattern-unserved");
    expect(finding).toMatchObject({ subject: "file", cause: expect.stringContaining("lightweight transactions") });
    expect(finding?.fix).toContain("a list by the same fields");
  });

  it("names each table once, also where a long name is cut", () => {
    const stored = "an_event_that_some_device_somewhere_tells_of";
    const schema = z.object({ user: z.string(), at: z.date(), page: z.string() });
    const event = entity("event", { schema, key: ["user", "at"], storedAs: stored });
    const plan = planCassandra(
      describe(
        defineModel({
          entities: { event },
          patterns: { pages: list(event, { by: ["page"], order: { at: "desc" } }) },
          workload: { event: { records: 4_000_000, writesPerSecond: 3, distinct: { page: 10 } } },
        }),
      ),
    );
    const names = shapesOf(plan).map(({ name }) => name);
    expect(names).toHaveLength(4);
    expect(new Set(names).size).toBe(4);
    expect(names.every((name) => name.length <= 48)).toBe(true);
  });

  it("keeps a keyspace of ScyllaDB without tablets, which refuse lightweight transactions", () => {
    expect(renderCql(planScylladb(describe(retail)), "shop")).toContain("AND tablets = {'enabled': false}");
    expect(renderCql(planCassandra(describe(retail)), "shop")).not.toContain("tablets");
  });

  it("has one version for one design, whatever the estimates say", () => {
    expect(planCassandra(describe(retail)).design).toBe(planCassandra(describe(retail)).design);
    expect(planCassandra(describe(retail)).design).not.toBe(planScylladb(describe(retail)).design);
  });
});
