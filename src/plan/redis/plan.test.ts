import { expect, test } from "vitest";
import { z } from "zod";
import { day, decimal, defineModel, describe as describeModel, entity, get, list, rank, top } from "../../index.js";
import { planDocument, planFor, renderPlanJson, renderPlanText } from "../plan.js";
import { designOfLibrary, PROTOCOL } from "./library.js";
import { storedDesign } from "./plan.js";

const line = entity("line", {
  schema: z.object({
    seq: z.int(),
    invoiceNo: z.string(),
    quantity: z.int(),
    weight: z.number(),
    total: decimal(3),
    at: z.date(),
    customerId: z.string().optional(),
    address: z.object({ city: z.string() }).optional(),
  }),
  key: ["seq"],
});
const account = entity("account", {
  schema: z.object({ tenant: z.string(), id: z.string(), kind: z.enum(["a", "b"]), at: z.date(), _v: z.int() }),
  key: ["tenant", "id"],
});
const model = (more: object = {}) =>
  describeModel(
    defineModel({
      entities: { line, account },
      patterns: {
        lineBySeq: get(line, { consistency: "strong" }),
        latest: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
        oldest: list(line, { by: ["customerId"], order: { at: "asc" } }),
        mixed: list(line, { by: ["customerId"], order: { at: "desc", seq: "asc" }, range: day("at") }),
        byCity: list(line, {
          by: ["address.city"],
          order: { quantity: "asc" },
          range: "at",
          where: { quantity: { gt: 0 } },
        }),
        customers: top(line, { by: "customerId", sum: "total", range: day("at") }),
        weights: top(line, { by: "customerId", sum: "weight" }),
        ofTenant: list(account, { by: ["tenant"], order: { id: "asc" } }),
        ofKind: list(account, { by: ["tenant", "kind"], order: { at: "desc" } }),
      },
      ...more,
    }),
  );

test("the plan is the same bytes each time", async () => {
  const text = renderPlanText(planFor(model(), "redis"));
  expect(text).toBe(renderPlanText(planFor(model(), "redis")));
  await expect(text).toMatchFileSnapshot("plan.snapshot.txt");
  const json = renderPlanJson(planFor(model(), "redis"));
  expect(json).toBe(renderPlanJson(planFor(model(), "redis")));
  expect(JSON.parse(json)).toMatchObject({ engine: "redis", design: planFor(model(), "redis").design });
});

test("lists that differ only in their direction share a set", () => {
  const plan = planFor(model(), "redis");
  const sets = plan.entities["line"]!.lists.map(({ name, serves }) => [name.replace(/\?.*/, "?"), serves]);
  expect(sets).toEqual([
    ["customerId|at", ["latest", "oldest"]],
    ["customerId|-at", ["mixed"]],
    ["address.city|quantity?", ["byCity"]],
  ]);
});

test("a partition is as much of the key as every pattern names", () => {
  const partitions = (patterns: Record<string, ReturnType<typeof list | typeof top>>) =>
    planFor(describeModel(defineModel({ entities: { account }, patterns: patterns as never })), "redis").entities[
      "account"
    ]!.partition;
  expect(partitions({})).toEqual(["tenant"]);
  expect(partitions({ a: list(account, { by: ["kind", "tenant"] }) as never })).toEqual(["tenant"]);
  expect(partitions({ a: list(account, { by: ["tenant", "id"] }) as never })).toEqual(["tenant"]);
  expect(partitions({ a: list(account, { by: ["kind"] }) as never })).toEqual([]);
  expect(partitions({ a: top(account, { by: "kind" }) as never })).toEqual([]);
  const unique = entity("account", {
    schema: z.object({ tenant: z.string(), id: z.string(), mail: z.string() }),
    key: ["tenant", "id"],
    unique: [["mail"]],
  });
  expect(
    planFor(describeModel(defineModel({ entities: { account: unique }, patterns: {} })), "redis").entities["account"]!
      .partition,
  ).toEqual([]);
});

test("every key of one request has one hash tag", () => {
  const plan = planFor(model(), "redis");
  for (const pattern of Object.values(plan.patterns)) {
    if (pattern.kind === "unserved") continue;
    const key = pattern.request.args[pattern.kind === "get" ? 0 : 2]!.parts.filter(
      (part) => typeof part === "string",
    ).join("");
    expect(key.match(/\{/g)).toHaveLength(1);
    expect(key.match(/\}/g)).toHaveLength(1);
  }
});

test("findings name what Redis cannot promise, and what grows without bound", () => {
  const codes = (more: object) =>
    planFor(model(more), "redis").findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
  expect(codes({})).toEqual([
    "error consistency-unserved lineBySeq",
    "warning pattern-unserved weights",
    "info cross-slot line",
    "info filter-after-index byCity",
  ]);
  const heavy = codes({
    workload: {
      line: { records: 900_000_000, writesPerSecond: 90_000, hottestKeyShare: 0.5, distinct: { customerId: 80_000 } },
      latest: { readsPerSecond: 100_000 },
    },
  });
  expect(heavy).toEqual(
    expect.arrayContaining([
      "warning cross-slot line",
      "warning hot-key line",
      "warning unbounded-set latest",
      "warning top-reads-groups customers",
    ]),
  );
});

test("numbers of the workload do not change the design; what is stored does", () => {
  const design = (more: object) => planFor(model(more), "redis").design;
  expect(design({ workload: { line: { records: 5 } } })).toBe(design({}));
  const other = describeModel(defineModel({ entities: { line }, patterns: { lineBySeq: get(line) } }));
  expect(planFor(other, "redis").design).not.toBe(design({}));
});

test("a field that is called like one of keyfold's own is stored under another name", () => {
  const plan = planFor(model(), "redis");
  expect(plan.entities["account"]!.fields.find(({ field }) => field === "_v")?.name).toBe("_v_");
});

test("records that end have a set of when, and are read by a function that knows the server's time", () => {
  const visit = entity("visit", {
    schema: z.object({ id: z.string(), page: z.string(), until: z.date().optional() }),
    key: ["id"],
    expires: "until",
  });
  const { entities, patterns } = planFor(
    describeModel(
      defineModel({ entities: { visit }, patterns: { visitById: get(visit), ofPage: list(visit, { by: ["page"] }) } }),
    ),
    "redis",
  );
  expect(entities["visit"]!.expires).toEqual({ name: "expires(until)", field: "until", member: "until" });
  expect(patterns["visitById"]).toMatchObject({ request: { command: "FCALL_RO" } });
  expect(planFor(model(), "redis").patterns["lineBySeq"]).toMatchObject({ request: { command: "MGET" } });
});

test("a rank is a place in the set of the list that has its order", () => {
  const score = entity("score", {
    schema: z.object({ boardId: z.string(), player: z.string(), points: z.int() }),
    key: ["boardId", "player"],
  });
  const by = ["boardId"] as const;
  const plan = planFor(
    describeModel(
      defineModel({
        entities: { score },
        patterns: {
          best: list(score, { by, order: { points: "desc" } }),
          place: rank(score, { by, order: { points: "desc" } }),
        },
      }),
    ),
    "redis",
  );
  expect(plan.entities["score"]!.lists.map(({ name, serves }) => [name, serves])).toEqual([
    ["all|points", ["best", "place"]],
  ]);
  expect(plan.entities["score"]!.partition).toEqual(["boardId"]);
});

test("a cache without an end is told", () => {
  const page = entity("page", { schema: z.object({ url: z.string(), html: z.string() }), key: ["url"] });
  const findings = (workload: object, patterns: object = { pageByUrl: get(page) }) =>
    planFor(
      describeModel(defineModel({ entities: { page }, patterns, workload: { page: workload } } as never)),
      "redis",
    )
      .findings.filter(({ code }) => code === "no-expiry")
      .map(({ severity }) => severity);
  expect(findings({ writesPerSecond: 50, records: 10_000 })).toEqual(["warning"]);
  expect(findings({ writesPerSecond: 1, records: 1_000_000 })).toEqual(["info"]);
  expect(findings({ records: 10_000 })).toEqual([]);
  const lists = { pageByUrl: get(page), all: list(page, { by: ["html"] }) };
  expect(findings({ writesPerSecond: 50, records: 10_000 }, lists)).toEqual([]);
});

test("the library carries the design that it was made from, and grants name keys and commands", () => {
  const plan = planFor(model(), "redis");
  const code = planDocument(plan, "library", "shop");
  expect(code).toMatch(/^#!lua name=keyfold_shop\n/);
  expect(designOfLibrary(code)).toEqual({
    protocol: PROTOCOL,
    design: JSON.parse(JSON.stringify(storedDesign(plan))),
  });
  expect(designOfLibrary("#!lua name=x\n-- something else")).toBeUndefined();
  const grants = planDocument(plan, "grants", "shop");
  expect(grants).toContain("ACL SETUSER keyfold-run on >PASSWORD resetkeys ~shop:* resetchannels -@all ");
  expect(grants.split("\n")[0]).not.toContain("+function|load");
});
