import { expect, test } from "vitest";
import { z } from "zod";
import { open, type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { connect } from "../../src/client/connect.js";
import { decimal, defineModel, describe as describeModel, entity, get, list, top } from "../../src/index.js";
import { libraryName } from "../../src/plan/redis/library.js";
import { startEngines } from "../../src/testing/index.js";
import { redisUrl, singleServer, useRedis } from "./redis.js";
import { codeOf, described, line, makeLine, model } from "./shop.js";

const server = useRedis();

/** The same lines with questions that came later. */
const grown = defineModel({
  entities: { line },
  patterns: {
    linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "asc" }, consistency: "eventual" }),
    linesByQuantity: list(line, { by: ["quantity"], order: { at: "asc" } }),
    totals: top(line, { by: "country", sum: "total" }),
  },
});
const old = defineModel({
  entities: { line },
  patterns: { linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "asc" }, consistency: "eventual" }) },
});

async function rowsOf<Row>(pages: AsyncIterable<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of pages) rows.push(row);
  return rows;
}

test("apply creates what is missing, says each step, and does nothing the second time", async () => {
  const store = server.adapter(server.prefix()).bind(described);
  const before = await store.inspect({});
  expect(before.ready).toBe(false);
  expect(before.items.every(({ state }) => state === "missing")).toBe(true);
  expect((await store.apply({ dryRun: true })).ready).toBe(false);
  expect((await store.inspect({})).items).toEqual(before.items);
  const steps: string[] = [];
  const made = await store.apply({
    onProgress: ({ step, state }) =>
      state === "running" || steps.push(`${state} ${step.replace(/library .*/, "library")}`),
  });
  expect(made.ready).toBe(true);
  expect(made.items.every(({ state }) => state === "created")).toBe(true);
  expect(steps).toEqual([
    "started library",
    "done library",
    "started contents line",
    "done contents line",
    "started contents account",
    "done contents account",
  ]);
  steps.length = 0;
  const second = await store.apply({ onProgress: ({ step }) => steps.push(step) });
  expect(steps).toEqual([]);
  expect(second.items.every(({ state }) => state === "same")).toBe(true);
});

test("a client on a server that is not as planned says what to run", async () => {
  const adapter = server.adapter(server.prefix());
  const shop = connect(model, adapter);
  const error = await shop.line.insert(makeLine(1)).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "DESIGN_MISSING", fix: expect.stringContaining("keyfold apply") });
  await adapter.bind(described).apply({});
  expect((await shop.line.insert(makeLine(1))).applied).toBe(true);
});

test("a library that goes missing while clients run is an error that says what to run", async () => {
  const prefix = server.prefix();
  await server.adapter(prefix).bind(described).apply({});
  const shop = connect(model, server.adapter(prefix));
  await shop.line.insert(makeLine(1));
  await server.send("FUNCTION", "DELETE", libraryName(prefix));
  expect(await codeOf(shop.line.insert(makeLine(2)))).toBe("DESIGN_MISSING");
  expect(await codeOf(shop.linesByInvoice({ invoiceNo: "I0" }))).toBe("DESIGN_MISSING");
  await server.adapter(prefix).bind(described).apply({});
  expect((await shop.linesByInvoice({ invoiceNo: "I0" })).items).toHaveLength(1);
});

test("a pattern added later is refused, and only it, until apply has filled it; another model's process keeps it from then on", async () => {
  const prefix = server.prefix();
  await server.adapter(prefix).bind(describeModel(old)).apply({});
  const before = connect(old, server.adapter(prefix));
  const records = Array.from({ length: 500 }, (_, seq) => makeLine(seq));
  await before.line.insertMany(records);
  const after = connect(grown, server.adapter(prefix));
  expect(await codeOf(after.linesByQuantity({ quantity: 3 }))).toBe("DESIGN_MISSING");
  expect(await codeOf(after.totals({}))).toBe("DESIGN_MISSING");
  expect((await after.linesByInvoice({ invoiceNo: "I0" })).items).toHaveLength(10);
  await server.adapter(prefix).bind(describeModel(grown)).apply({});
  expect(await rowsOf(after.linesByQuantity.each({ quantity: 3 }))).toEqual(
    records.filter(({ quantity }) => quantity === 3).sort((a, b) => a.at.getTime() - b.at.getTime() || a.seq - b.seq),
  );
  // The process with the old model has not been told of anything.
  await before.line.update({ seq: 2 }, { quantity: 300 });
  await before.line.insert(makeLine(9_000, { quantity: 300 }));
  await before.line.delete({ seq: 3 });
  expect((await rowsOf(after.linesByQuantity.each({ quantity: 300 }))).map(({ seq }) => seq)).toEqual([9_000, 2]);
  expect((await after.totals({})).items.map(({ count }) => count)).toEqual([251, 249]);
  // For it the new indexes are more than it asks for.
  const state = await server.adapter(prefix).bind(describeModel(old)).inspect({});
  expect(state.ready).toBe(true);
  expect(state.items.map(({ name, state: one }) => `${name} ${one}`)).toEqual([
    "line same",
    "line/invoiceNo same",
    "line/quantity|at extra",
    "line/top(country,total) extra",
  ]);
});

test("a fill under load, cut and run again, holds exactly what is stored", { timeout: 120_000 }, async () => {
  const prefix = server.prefix();
  await server.adapter(prefix).bind(describeModel(old)).apply({});
  const before = connect(old, server.adapter(prefix));
  await before.line.insertMany(Array.from({ length: 4_000 }, (_, seq) => makeLine(seq)));
  const controller = new AbortController();
  let writing = true;
  let writes = 0;
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    for (let n = 0; writing; n++, writes++) {
      const seq = (writer * 997 + n * 31) % 4_200;
      if (n % 5 === 0) await before.line.delete({ seq });
      else if (n % 5 === 1) await before.line.put(makeLine(seq, { quantity: n % 9, country: `c${n % 3}` }));
      else await before.line.update({ seq }, { quantity: n % 9, total: `${n}.005` as `${number}` });
    }
  });
  // Cut after the first records were walked.
  const cut = await codeOf(
    server
      .adapter(prefix)
      .bind(describeModel(grown))
      .apply({
        signal: controller.signal,
        onProgress: ({ step, state }) => {
          if (step === "contents line" && state === "running") controller.abort();
        },
      }),
  );
  expect(cut).toBe("ABORTED");
  const grownStore = server.adapter(prefix).bind(describeModel(grown));
  expect((await grownStore.inspect({})).items.find(({ name }) => name === "line/quantity|at")?.state).toBe("building");
  expect(await codeOf(connect(grown, server.adapter(prefix)).totals({}))).toBe("DESIGN_MISSING");
  expect((await grownStore.apply({})).ready).toBe(true);
  writing = false;
  await Promise.all(writers);
  expect(writes).toBeGreaterThan(50);
  const shop = connect(grown, server.adapter(prefix));
  const stored = (await shop.line.getMany(Array.from({ length: 4_200 }, (_, seq) => ({ seq })))).filter(
    (one) => one !== undefined,
  );
  for (let quantity = 0; quantity < 9; quantity++) {
    expect(await rowsOf(shop.linesByQuantity.each({ quantity }, { limit: 1_000 }))).toEqual(
      stored
        .filter((one) => one.quantity === quantity)
        .sort((a, b) => a.at.getTime() - b.at.getTime() || a.seq - b.seq),
    );
  }
  const sums = new Map<string, { total: bigint; count: number }>();
  for (const { country, total } of stored) {
    const so = sums.get(country) ?? { total: 0n, count: 0 };
    sums.set(country, { total: so.total + BigInt(total.replace(".", "")), count: so.count + 1 });
  }
  const found = (await shop.totals({}, { limit: 1_000 })).items.map(
    ({ country, total, count }) => [country, { total: BigInt(total.replace(".", "")), count }] as const,
  );
  expect(new Map(found)).toEqual(sums);
});

test("what no pattern needs is dropped only when told, with its keys", async () => {
  const prefix = server.prefix();
  await server.adapter(prefix).bind(describeModel(grown)).apply({});
  const shop = connect(grown, server.adapter(prefix));
  await shop.line.insertMany(Array.from({ length: 50 }, (_, seq) => makeLine(seq)));
  const keys = async () =>
    ((await server.send("KEYS", `${prefix}:{line}/*`)) as string[]).filter((key) => !key.includes("/~")).length;
  const all = await keys();
  const store = server.adapter(prefix).bind(describeModel(old));
  expect((await store.apply({})).items.filter(({ state }) => state === "extra")).toHaveLength(2);
  expect(await keys()).toBe(all);
  const dropped = await store.apply({ drop: true });
  expect(dropped.items.every(({ state }) => state === "same")).toBe(true);
  expect(await keys()).toBe(5);
  // Wanted again, it is filled again: what a record once held is no longer counted.
  expect((await server.adapter(prefix).bind(describeModel(grown)).apply({})).ready).toBe(true);
  expect(await keys()).toBe(all);
  expect((await shop.totals({})).items.map(({ count }) => count)).toEqual([25, 25]);
});

test("a unique constraint over duplicates says so, and holds once they are gone", async () => {
  const schema = z.object({ id: z.string(), email: z.string(), balance: decimal(2) });
  const loose = entity("person", { schema, key: ["id"] });
  const strict = entity("person", { schema, key: ["id"], unique: [["email"]] });
  const looseModel = defineModel({ entities: { person: loose }, patterns: { byId: get(loose) } });
  const strictModel = defineModel({ entities: { person: strict }, patterns: { byId: get(strict) } });
  const prefix = server.prefix();
  await server.adapter(prefix).bind(describeModel(looseModel)).apply({});
  const shop = connect(looseModel, server.adapter(prefix));
  for (const id of ["a", "b"]) await shop.person.insert({ id, email: "same@example.org", balance: "1.00" });
  const store = server.adapter(prefix).bind(describeModel(strictModel));
  const error = await store.apply({}).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "CONFLICT", message: expect.stringContaining("unique(email)") });
  const strictShop = connect(strictModel, server.adapter(prefix));
  expect(await codeOf(strictShop.person.get({ id: "a" }))).toBe("DESIGN_MISSING");
  await shop.person.delete({ id: "b" });
  expect((await store.apply({})).ready).toBe(true);
  expect(await codeOf(strictShop.person.insert({ id: "c", email: "same@example.org", balance: "1.00" }))).toBe(
    "CONFLICT",
  );
  await strictShop.person.update({ id: "a" }, { email: "other@example.org" });
  expect((await strictShop.person.insert({ id: "c", email: "same@example.org", balance: "1.00" })).applied).toBe(true);
});

test("records whose keys are placed otherwise are not mixed: apply says what differs and changes nothing", async () => {
  const schema = z.object({ tenant: z.string(), id: z.string(), kind: z.string() });
  const thing = entity("thing", { schema, key: ["tenant", "id"] });
  const small = defineModel({ entities: { thing }, patterns: { ofTenant: list(thing, { by: ["tenant"] }) } });
  const wide = defineModel({ entities: { thing }, patterns: { ofKind: list(thing, { by: ["kind"] }) } });
  const prefix = server.prefix();
  await server.adapter(prefix).bind(describeModel(small)).apply({});
  const state = await server.adapter(prefix).bind(describeModel(wide)).apply({});
  expect(state.ready).toBe(false);
  expect(state.items[0]).toMatchObject({
    kind: "table",
    name: "thing",
    state: "differs",
    detail: expect.stringContaining("{thing:<tenant>}"),
  });
  const shop = connect(small, server.adapter(prefix));
  await shop.thing.insertMany(["a", "b", "c"].map((id) => ({ tenant: id === "c" ? "u}{" : "t", id, kind: "k" })));
  expect((await shop.ofTenant({ tenant: "t" })).items.map(({ id }) => id)).toEqual(["a", "b"]);
  expect((await shop.ofTenant({ tenant: "u}{" })).items.map(({ id }) => id)).toEqual(["c"]);
  expect(
    await shop.thing.getMany([
      { tenant: "u}{", id: "c" },
      { tenant: "t", id: "c" },
    ]),
  ).toEqual([{ tenant: "u}{", id: "c", kind: "k" }, undefined]);
});

test("a server that throws keys away is refused where indexes rest on them", async () => {
  const engines = await startEngines({ redis: true });
  const client = await open(engines.redis.url);
  await client.sendCommand(["CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"]);
  const state = await redis(client as unknown as RedisClient)
    .bind(described)
    .apply({});
  expect(state.items[0]).toMatchObject({ kind: "setting", name: "maxmemory-policy", state: "differs" });
  expect(state.ready).toBe(false);
  client.destroy();
  await engines.close();
});

// On a Cluster a session knows a primary for each partition, which one server alone is not.
test.runIf(singleServer)(
  "a session ends when another primary answers, and goes on in another process while it is the same",
  async () => {
    const prefix = server.prefix();
    await server.adapter(prefix).bind(described).apply({});
    const session = connect(model, server.adapter(prefix)).$session();
    await session.line.insert(makeLine(1));
    const second = await open(await redisUrl());
    const elsewhere = connect(model, redis(second as unknown as RedisClient, { prefix })).$session(session.$token());
    expect(await elsewhere.line.get({ seq: 1 })).toBeDefined();
    second.destroy();

    const engines = await startEngines({ redis: true });
    const promoted = await open(engines.redis.url);
    const adapter = redis(promoted as unknown as RedisClient, { prefix });
    await adapter.bind(described).apply({});
    const lost = connect(model, adapter).$session(session.$token());
    expect(await codeOf(lost.line.get({ seq: 1 }))).toBe("CONSISTENCY_UNAVAILABLE");
    expect(await codeOf(lost.linesByCustomer({ customerId: "C1" }))).toBe("CONSISTENCY_UNAVAILABLE");
    expect(await lost.line.get({ seq: 1 }, { consistency: "eventual" })).toBeUndefined();
    expect(() => lost.$session("nonsense")).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    promoted.destroy();
    await engines.close();
  },
);

test("names, prefixes and clients that cannot be are refused", () => {
  expect(() => redis({} as never)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  expect(() => redis(server.client as never, { prefix: "a:b" })).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID" }),
  );
});

test("a URL that is wrong, and a server that is away, are told apart", async () => {
  expect(await codeOf(open("http://127.0.0.1"))).toBe("INPUT_INVALID");
  expect(await codeOf(open("redis://127.0.0.1/notanumber"))).toBe("INPUT_INVALID");
  expect(await codeOf(open("redis://127.0.0.1:1"))).toBe("UNAVAILABLE");
});
