import { beforeAll, expect, test } from "vitest";
import { mongodb } from "../../src/adapters/mongodb/index.js";
import { connect } from "../../src/client/connect.js";
import { makeAccount, makeLine, model, useServer } from "./shop.js";

/** What reads are on MongoDB itself; what they give is in reads.test.ts. */

const server = useServer();
type Shop = Awaited<ReturnType<typeof server.shop>>;
let shop: Shop["shop"];
let db: Shop["db"];
const lines = Array.from({ length: 300 }, (_, seq) => makeLine(seq, seq % 9 === 0 ? { customerId: undefined } : {}));

beforeAll(async () => {
  ({ shop, db } = await server.shop());
  await shop.line.insertMany(lines);
});

test("concurrent single gets travel as one request, strong ones do not", async () => {
  const events: string[] = [];
  const watched = server.client.db(db.databaseName);
  const counting = Object.create(watched, {
    command: {
      value: (command: Record<string, unknown>, options: never) => {
        events.push(Object.keys(command)[0] ?? "");
        return watched.command(command, options);
      },
    },
  });
  const counted = connect(model, mongodb(counting));
  await counted.$ready;
  events.length = 0;
  const found = await Promise.all(Array.from({ length: 64 }, (_, seq) => counted.line.get({ seq })));
  expect(found).toEqual(lines.slice(0, 64));
  expect(found[1]).not.toBe((await counted.line.get({ seq: 1 })) as unknown);
  expect(events.filter((name) => name === "find")).toHaveLength(2);
  events.length = 0;
  await Promise.all(Array.from({ length: 8 }, (_, seq) => counted.lineBySeq({ seq }, { consistency: "strong" })));
  expect(events.filter((name) => name === "find")).toHaveLength(8);
  const twice = await Promise.all([counted.line.get({ seq: 1 }), counted.line.get({ seq: 1 })]);
  expect(twice[0]).toEqual(twice[1]);
  expect(twice[0]).not.toBe(twice[1]);
});

test("explain says the request, the index and what was examined", async () => {
  const said = await shop.linesByCustomer.explain({ customerId: "C1" }, { limit: 5 });
  expect(said).toMatchObject({
    engine: "mongodb",
    index: "customerId_1_at_-1__id_-1",
    documentsExamined: 6,
    rows: 6,
  });
  expect(said.request).toMatchObject({ find: "line", filter: { customerId: "C1" }, limit: 6 });
  const sums = await shop.topCustomers.explain({});
  // Which index it takes is the server's choice: with records that have no customer, or without them.
  expect(sums.documentsExamined).toBeGreaterThanOrEqual(lines.filter((each) => each.customerId !== undefined).length);
  expect((await shop.lineBySeq.explain({ seq: 1 })).rows).toBe(1);
});

test("a list over the key's own prefix is read from _id", async () => {
  await shop.account.insert(makeAccount("1", { tenant: "a" }));
  expect((await shop.accountsOfTenant.explain({ tenant: "a" })).index).toBe("_id_");
});
