/** Values that no key of Cassandra can have: refused before anything is written, and found nowhere. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, defineModel, entity, get, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { codeOf } from "./shop.js";

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

const schema = z.object({ id: z.string(), city: z.string(), nick: z.string().optional(), at: z.date(), n: z.int() });
const person = entity("person", { schema, key: ["id"], unique: [["nick"]] });
const visit = entity("visit", { schema: schema.omit({ nick: true }), key: ["id"], appendOnly: true });
const patterns = {
  personById: get(person),
  personsOfCity: list(person, { by: ["city"], order: { at: "asc" } }),
  // Cut by day: the table of its buckets has the city alone as its key.
  visitsOfCity: list(visit, { by: ["city"], order: { at: "desc" } }),
};
const workload = { visit: { records: 100_000_000, writesPerSecond: 100, distinct: { city: 100 } } };
const model = defineModel({ entities: { person, visit }, patterns, workload });
const grown = defineModel({
  entities: { person, visit },
  patterns: { ...patterns, personsAt: list(person, { by: ["at"], order: { city: "asc" } }) },
  workload,
});
const at = new Date("2026-11-28T00:00:00Z");
const long = "x".repeat(65_536);

test("are refused with the field's name, and the record stays one that can be written", async () => {
  const adapter = cassandra(server.client, { keyspace: server.keyspace() });
  await apply(model, adapter);
  const shop = connect(model, adapter);
  const good = { id: "a", city: "Paris", nick: "al", at, n: 1 };
  await shop.person.insert(good);
  for (const [bad, code] of [
    [{ city: "" }, "INPUT_INVALID"],
    [{ city: long }, "TOO_LARGE"],
    [{ nick: "" }, "INPUT_INVALID"],
    [{ nick: long }, "TOO_LARGE"],
  ] as const) {
    expect(await codeOf(shop.person.update({ id: "a" }, bad))).toBe(code);
    expect(await codeOf(shop.person.put({ ...good, ...bad }))).toBe(code);
    expect(await codeOf(shop.person.insert({ ...good, id: "b", ...bad }))).toBe(code);
  }
  expect(await codeOf(shop.person.insert({ ...good, id: "" }))).toBe("INPUT_INVALID");
  expect(await codeOf(shop.visit.insert({ id: "v", city: "", at, n: 1 }))).toBe("INPUT_INVALID");
  const { results } = await shop.visit.insertMany([
    { id: "v", city: long, at, n: 1 },
    { id: "w", city: "Rome", at, n: 1 },
  ]);
  expect(results.map(({ outcome }) => outcome)).toEqual(["rejected", "applied"]);
  expect((await shop.personsOfCity({ city: "Paris" })).items).toEqual([good]);
  expect((await shop.person.update({ id: "a" }, { n: 2 })).applied).toBe(true);
  expect((await shop.person.delete({ id: "a" })).applied).toBe(true);
});

test("are found nowhere", async () => {
  const adapter = cassandra(server.client, { keyspace: server.keyspace() });
  await apply(model, adapter);
  const shop = connect(model, adapter);
  for (const value of ["", long]) {
    expect(await shop.personById({ id: value })).toBeUndefined();
    expect((await shop.personsOfCity({ city: value })).items).toEqual([]);
    expect((await shop.visitsOfCity({ city: value })).items).toEqual([]);
    expect((await shop.person.update({ id: value }, { n: 2 })).applied).toBe(false);
    expect((await shop.person.delete({ id: value })).applied).toBe(false);
  }
});

test("in a record of somebody else stop neither apply nor its delete", async () => {
  const keyspace = server.keyspace();
  const adapter = cassandra(server.client, { keyspace });
  await apply(model, adapter);
  await server.client.execute(
    `INSERT INTO ${keyspace}.person (id, city, at, n) VALUES ('f', '', '2026-11-28T00:00:00Z', 1)`,
  );
  expect((await apply(grown, adapter)).ready).toBe(true);
  const shop = connect(grown, adapter);
  expect((await shop.personsAt({ at })).items).toEqual([{ id: "f", city: "", at, n: 1 }]);
  expect((await shop.person.update({ id: "f" }, { city: "Rome" })).applied).toBe(true);
  expect((await shop.personsOfCity({ city: "Rome" })).items).toHaveLength(1);
  expect((await shop.person.delete({ id: "f" })).applied).toBe(true);
});
