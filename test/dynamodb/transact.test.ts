import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, type OpenedTable, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, day, decimal, defineModel, entity, KeyfoldError, list, top } from "../../src/index.js";
import { startEngines } from "../../src/testing/index.js";
import { codeOf, freshName } from "../client/shop.js";

const stock = entity("stock", { schema: z.object({ sku: z.string(), left: z.int() }), key: ["sku"] });
const order = entity("order", {
  schema: z.object({ id: z.int(), customer: z.string(), at: z.date(), total: decimal(2), sku: z.string() }),
  key: ["id"],
});
const account = entity("account", {
  schema: z.object({ id: z.string(), email: z.string().optional(), name: z.string() }),
  key: ["id"],
  unique: [["email"]],
});
const model = defineModel({
  entities: { stock, order, account },
  patterns: {
    byCustomer: list(order, { by: ["customer"], order: { at: "desc" } }),
    perCustomer: top(order, { by: "customer", sum: "total", range: day("at") }),
  },
});

const start = () => startEngines({ dynamodb: true });
let engines: Awaited<ReturnType<typeof start>>;
let client: OpenedTable["client"];
beforeAll(async () => {
  engines = await start();
});
afterAll(async () => {
  client?.destroy();
  await engines.close();
});

async function setUp() {
  const table = freshName();
  const { host } = new URL(engines.dynamodb.url);
  const opened = open(`dynamodb://test:test@${host}/${table}?region=eu-west-1`);
  client = opened.client;
  const adapter = dynamodb(opened.client, { table });
  await apply(model, adapter);
  const shop = connect(model, adapter);
  await shop.stock.insert({ sku: "mug", left: 2 });
  await shop.account.insertMany([
    { id: "a", email: "a@x", name: "A" },
    { id: "b", email: "b@x", name: "B" },
  ]);
  return { shop, adapter };
}

const makeOrder = (id: number, more: Partial<(typeof order)["$record"]> = {}) => ({
  id,
  customer: "c",
  at: new Date(Date.UTC(2026, 0, 1 + (id % 3))),
  total: "1.50" as const,
  sku: "mug",
  ...more,
});
const take = { entity: "stock", increment: { sku: "mug" }, amounts: { left: -1 }, if: { left: { gte: 1 } } } as const;

describe("several writes as one", () => {
  test("all of them are done, with what is made of each record", async () => {
    const { shop } = await setUp();
    const done = await shop.$transact([
      { entity: "order", insert: makeOrder(1) },
      take,
      { entity: "account", update: { id: "a" }, changes: { name: "A2" } },
      { entity: "account", check: { id: "b" }, if: { name: "B" } },
    ]);
    expect(done.applied && done.versions.every((version) => typeof version === "number")).toBe(true);
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 1 });
    expect((await shop.byCustomer({ customer: "c" })).items).toEqual([makeOrder(1)]);
    expect((await shop.perCustomer({})).items).toEqual([{ customer: "c", total: "1.50", count: 1 }]);
    const { version } = (await shop.account.get({ id: "a" }, { version: true })) ?? {};
    expect(done.applied && done.versions[2]).toBe(version);
    const gone = await shop.$transact([
      { entity: "order", put: makeOrder(1, { customer: "d" }) },
      { entity: "account", delete: { id: "a" }, ifVersion: version as number },
    ]);
    expect(gone.applied && gone.versions[1]).toBe(undefined);
    expect((await shop.byCustomer({ customer: "c" })).items).toEqual([]);
    expect((await shop.perCustomer({})).items).toEqual([{ customer: "d", total: "1.50", count: 1 }]);
    expect(await shop.account.insert({ id: "z", email: "a@x", name: "Z" })).toMatchObject({ applied: true });
  });

  test("none of them is done where one cannot be, and each says why", async () => {
    const { shop } = await setUp();
    await shop.order.insert(makeOrder(1));
    const { version } = (await shop.order.get({ id: 1 }, { version: true })) ?? {};
    const done = await shop.$transact([
      { entity: "order", insert: makeOrder(1) },
      { entity: "order", insert: makeOrder(2) },
      { ...take, if: { left: { gte: 3 } } },
      { entity: "account", update: { id: "nobody" }, changes: { name: "N" } },
      { entity: "account", delete: { id: "a" }, ifVersion: 1 },
      { entity: "account", check: { id: "b" }, if: { name: "C" } },
    ]);
    expect(done.applied).toBe(false);
    expect(done.applied ? [] : done.reasons.map((one) => one?.reason)).toEqual([
      "present",
      undefined,
      "condition",
      "missing",
      "version",
      "condition",
    ]);
    expect(done.applied ? undefined : done.reasons[0]?.version).toBe(version);
    const other = await shop.$transact([{ entity: "order", insert: makeOrder(1, { customer: "d" }) }]);
    expect(other).toEqual({ applied: false, reasons: [{ reason: "conflict", version }] });
    expect(await shop.order.get({ id: 2 })).toBe(undefined);
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 2 });
  });

  test("unique values: refused where another has them, and handed over within one transaction", async () => {
    const { shop } = await setUp();
    const refused = { reason: "unique", unique: ["email"] };
    expect(
      await shop.$transact([
        { entity: "stock", insert: { sku: "cup", left: 1 } },
        { entity: "account", insert: { id: "c", email: "a@x", name: "C" } },
      ]),
    ).toEqual({ applied: false, reasons: [undefined, refused] });
    expect(await shop.stock.get({ sku: "cup" })).toBe(undefined);
    expect(
      await shop.$transact([
        { entity: "account", insert: { id: "d", email: "d@x", name: "D" } },
        { entity: "account", insert: { id: "e", email: "d@x", name: "E" } },
      ]),
    ).toEqual({ applied: false, reasons: [undefined, refused] });
    const swapped = await shop.$transact([
      { entity: "account", update: { id: "a" }, changes: { email: "b@x" } },
      { entity: "account", update: { id: "b" }, changes: { email: "a@x" } },
    ]);
    expect(swapped.applied).toBe(true);
    expect(await codeOf(shop.account.insert({ id: "f", email: "a@x", name: "F" }))).toBe("CONFLICT");
    expect((await shop.account.get({ id: "a" }))?.email).toBe("b@x");
    await shop.account.delete({ id: "b" });
    expect((await shop.account.insert({ id: "f", email: "a@x", name: "F" })).applied).toBe(true);
  });

  test("100 buyers of 20 pieces: 20 orders, nothing left, nothing sold twice", async () => {
    const { shop } = await setUp();
    await shop.stock.put({ sku: "mug", left: 20 });
    const results: string[] = [];
    const BUYERS = 10;
    await Promise.all(
      Array.from({ length: BUYERS }, async (_, buyer) => {
        for (let turn = 0; turn < 10; turn++) {
          const id = 100 + buyer * 10 + turn;
          const outcome = await shop.$transact([{ entity: "order", insert: makeOrder(id) }, take]).then(
            (done) => (done.applied ? "sold" : String(done.reasons[1]?.reason)),
            (error: KeyfoldError) => error.code,
          );
          results.push(outcome);
        }
      }),
    );
    const sold = results.filter((one) => one === "sold").length;
    const left = (await shop.stock.get({ sku: "mug" }))?.left ?? 0;
    const { items } = await shop.byCustomer({ customer: "c" }, { limit: 200 });
    expect(items).toHaveLength(sold);
    expect(left).toBe(20 - sold);
    expect(left).toBe(0);
    expect(results.filter((one) => one !== "sold" && one !== "condition" && one !== "THROTTLED")).toEqual([]);
  });
});

describe("a transaction whose answer is lost", () => {
  test("is found to be done, and done once", async () => {
    const { shop } = await setUp();
    const fault = await engines.faults.inject({ command: "TransactWriteItems", fault: { kind: "close-after" } });
    const done = await shop.$transact([{ entity: "order", insert: makeOrder(1) }, take]);
    expect(await fault.hits()).toBe(1);
    expect(done.applied).toBe(true);
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 1 });
  });

  test("is settled by a read where no attempt was answered", async () => {
    const { shop } = await setUp();
    const lost = await engines.faults.inject({
      command: "TransactWriteItems",
      times: "always",
      fault: { kind: "close-after" },
    });
    const done = await shop.$transact([{ entity: "order", insert: makeOrder(1) }, take], { deadlineMs: 1_500 });
    expect(await lost.hits()).toBeGreaterThan(1);
    await engines.faults.clear();
    const { version } = (await shop.stock.get({ sku: "mug" }, { version: true })) ?? {};
    expect(done.applied && done.versions[1]).toBe(version);
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 1 });
  });

  test("a writeId makes it harmless to send again from elsewhere", async () => {
    const { shop, adapter } = await setUp();
    const check = { entity: "account", check: { id: "b" } } as const;
    const writes = [{ entity: "order", insert: makeOrder(1) }, take, check] as const;
    const first = await shop.$transact(writes, { writeId: "cart-17" });
    const again = await connect(model, adapter).$transact(writes, { writeId: "cart-17" });
    expect(again).toEqual(first);
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 1 });
    // The control: without it the second time is another purchase.
    expect(await shop.$transact([take])).toMatchObject({ applied: true });
    expect(await shop.stock.get({ sku: "mug" })).toEqual({ sku: "mug", left: 0 });
  });
});

test("reads that are given back unprocessed until the retries are spent are a matter of load, not of time", async () => {
  const { shop } = await setUp();
  await engines.faults.inject({ command: "BatchGetItem", times: "always", fault: { kind: "partial", share: 1 } });
  // Many at once, which share the budget of retries: it is spent soon.
  const errors = await Promise.all(
    Array.from({ length: 40 }, (_, id) =>
      shop
        .$transact([{ entity: "order", insert: makeOrder(id) }, take], { deadlineMs: 60_000 })
        .catch((thrown: unknown) => thrown as KeyfoldError),
    ),
  );
  await engines.faults.clear();
  for (const error of errors) expect(error).toMatchObject({ code: "THROTTLED", data: { unprocessed: 2 } });
});

describe("what is refused before it is sent", () => {
  test("more items than a transaction takes, with what each write costs", async () => {
    const { shop } = await setUp();
    // A home item, a copy for the list and a contribution each.
    const many = Array.from({ length: 34 }, (_, id) => ({ entity: "order" as const, insert: makeOrder(id) }));
    expect((await shop.$transact(many.slice(1))).applied).toBe(true);
    const more = many.map((_, id) => ({ entity: "order" as const, insert: makeOrder(100 + id) }));
    const error = await shop.$transact(more).catch((thrown: unknown) => thrown as KeyfoldError);
    expect(error).toBeInstanceOf(KeyfoldError);
    const { code, message, data } = error as KeyfoldError;
    expect([code, (data as { items: readonly number[] }).items.slice(0, 2)]).toEqual(["TOO_LARGE", [3, 3]]);
    expect(message).toContain("102 items for 34 records");
  });

  test.each<[string, unknown, string]>([
    ["two writes of one record", [take, { entity: "stock", check: { sku: "mug" } }], "Writes 0 and 1"],
    ["an unknown entity", [{ entity: "stok", delete: { sku: "mug" } }], "Write 0"],
    ["no operation", [{ entity: "stock" }], "no operation"],
    ["two operations", [{ entity: "stock", delete: { sku: "a" }, check: { sku: "b" } }], "more than one"],
    ["a member that is ignored elsewhere", [{ entity: "stock", insert: { sku: "a", left: 1 }, if: {} }], '"if"'],
    ["a wrong record", [{ entity: "stock", insert: { sku: "a" } }], "left"],
    ["a wrong condition", [{ ...take, if: { lft: 1 } }], "lft"],
  ])("%s", async (_, writes, says) => {
    const { shop } = await setUp();
    const error = await shop.$transact(writes as never).catch((thrown: unknown) => thrown as KeyfoldError);
    expect((error as KeyfoldError).code).toBe("INPUT_INVALID");
    expect((error as KeyfoldError).message).toContain(says);
  });

  test("a writeId that nothing would remember", async () => {
    const { shop } = await setUp();
    expect(await codeOf(shop.$transact([{ entity: "stock", delete: { sku: "mug" } }], { writeId: "w" }))).toBe(
      "INPUT_INVALID",
    );
  });
});
