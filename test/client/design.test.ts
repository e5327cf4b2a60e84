import { expect, test } from "vitest";
import { z } from "zod";
import { mongodb } from "../../src/adapters/mongodb/index.js";
import { connect } from "../../src/client/connect.js";
import { decimal, defineModel, describe as describeModel, entity, get, list } from "../../src/index.js";
import { codeOf, described, line, makeLine, model, useServer } from "./shop.js";

const server = useServer();

test("apply creates what is missing, says each step, and does nothing the second time", async () => {
  const db = server.database();
  const store = mongodb(db).bind(described);
  const before = await store.inspect({});
  expect(before.ready).toBe(false);
  expect(before.items.every(({ state }) => state === "missing")).toBe(true);
  const dry = await store.apply({ dryRun: true });
  expect(dry.ready).toBe(false);
  expect(await db.listCollections().toArray()).toEqual([]);
  const steps: string[] = [];
  const made = await store.apply({ onProgress: ({ step, state }) => steps.push(`${state} ${step}`) });
  expect(made.ready).toBe(true);
  expect(made.items.every(({ state }) => state === "created")).toBe(true);
  expect(steps.slice(0, 2)).toEqual(["started collection line", "done collection line"]);
  const again: string[] = [];
  const second = await store.apply({ onProgress: ({ step }) => again.push(step) });
  expect(again).toEqual([]);
  expect(second.items.every(({ state }) => state === "same")).toBe(true);
});

test("a client on a database that is not as planned says what to run", async () => {
  const db = server.database();
  const shop = connect(model, mongodb(db));
  const error = await shop.line.insert(makeLine(1)).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "DESIGN_MISSING" });
  expect(error.message).toContain("collection line is missing");
  expect(error.fix).toContain("keyfold apply");
  expect(await codeOf(shop.$ready)).toBe("DESIGN_MISSING");
  await mongodb(db).bind(described).apply({});
  expect((await shop.line.insert(makeLine(1))).applied).toBe(true);
  await shop.$ready;
});

test("an index that goes missing while clients run is an error, not a scan", async () => {
  const { shop, db } = await server.shop();
  await shop.line.insert(makeLine(1));
  await db.collection("line").dropIndex("invoiceNo_1__id_1");
  const error = await shop.linesByInvoice({ invoiceNo: "I0" }).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "DESIGN_MISSING", fix: expect.stringContaining("keyfold apply") });
});

test("what differs is reported, and dropped only when told", async () => {
  const db = server.database();
  const store = mongodb(db).bind(described);
  await store.apply({});
  await db.collection("account").dropIndex("email_1");
  await db.collection("account").createIndex({ email: 1 });
  await db.collection("line").createIndex({ country: -1 }, { name: "mine" });
  const found = await store.apply({});
  expect(found.ready).toBe(false);
  expect(found.items.filter(({ state }) => state !== "same")).toMatchObject([
    { name: "line.mine", state: "extra" },
    { name: "account.email_1", state: "differs", detail: "It is not unique." },
  ]);
  expect(await codeOf(connect(model, mongodb(db)).$ready)).toBe("DESIGN_DIFFERS");
  expect((await db.collection("line").indexes()).map(({ name }) => name)).toContain("mine");
  const dropped = await store.apply({ drop: true });
  expect(dropped.ready).toBe(true);
  expect((await db.collection("line").indexes()).map(({ name }) => name)).not.toContain("mine");
  expect((await store.inspect({})).items.every(({ state }) => state === "same")).toBe(true);
});

test("an index of the same key under another name serves", async () => {
  const db = server.database();
  const store = mongodb(db).bind(described);
  await db.collection("line").createIndex({ invoiceNo: 1, _id: 1 }, { name: "by_invoice" });
  const made = await store.apply({});
  expect(made.items.find(({ name }) => name.includes("invoiceNo"))?.state).toBe("same");
  const shop = connect(model, mongodb(db));
  await shop.line.insert(makeLine(1));
  expect((await shop.linesByInvoice({ invoiceNo: "I0" })).items).toHaveLength(1);
});

test("a pattern added later is an index over existing data, refused until it is there", async () => {
  const { shop, db } = await server.shop();
  await shop.line.insertMany(Array.from({ length: 500 }, (_, seq) => makeLine(seq)));
  const grown = defineModel({
    entities: { line },
    patterns: { linesByQuantity: list(line, { by: ["quantity"], order: { at: "asc" } }) },
  });
  const more = connect(grown, mongodb(db));
  expect(await codeOf(more.linesByQuantity({ quantity: 3 }))).toBe("DESIGN_MISSING");
  await mongodb(db).bind(describeModel(grown)).apply({});
  expect((await more.linesByQuantity({ quantity: 3 })).items.every(({ quantity }) => quantity === 3)).toBe(true);
});

test("a unique index over duplicates says which index and why", async () => {
  const db = server.database();
  await db.collection<{ email: string }>("account").insertMany([{ email: "a" }, { email: "a" }]);
  const error = await mongodb(db)
    .bind(described)
    .apply({})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "CONFLICT" });
  expect(error.message).toContain("account.email_1 cannot be unique");
});

test("a collection of someone else is adopted by its name", async () => {
  const db = server.database();
  await db
    .collection<{ _id: string }>("produkte")
    .insertOne({ _id: "p1", title: "Lamp", price: 5, extra: { any: 1 } } as never);
  const product = entity("product", {
    schema: z.object({ id: z.string(), title: z.string(), price: decimal(2) }),
    key: ["id"],
    storedAs: "produkte",
  });
  const adopted = defineModel({ entities: { product }, patterns: { productById: get(product) } });
  const shop = connect(adopted, mongodb(db));
  expect(await shop.product.get({ id: "p1" }, { version: true })).toEqual({
    record: { id: "p1", title: "Lamp", price: "5.00" },
    version: 0,
  });
  const done = await shop.product.update({ id: "p1" }, { price: "5.50" }, { ifVersion: 0 });
  expect(done.applied).toBe(true);
  expect(await codeOf(shop.product.update({ id: "p1" }, { price: "6.00" }, { ifVersion: 0 }))).toBe("VERSION_MISMATCH");
  expect(await db.collection("produkte").findOne({})).toMatchObject({ extra: { any: 1 } });
});

test("a view in the place of a collection is named", async () => {
  const db = server.database();
  await db.createCollection("base");
  await db.createCollection("line", { viewOn: "base", pipeline: [] }).catch(() => undefined);
  if ((await db.listCollections({ name: "line" }).toArray()).length === 0) return;
  const state = await mongodb(db).bind(described).inspect({});
  expect(state.items[0]).toMatchObject({ state: "differs", detail: "It is a view, not a collection." });
});
