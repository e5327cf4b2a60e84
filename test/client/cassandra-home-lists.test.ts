/** Lists that the home table serves: beside the rows of deleted records, and by more of the key than a partition. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, defineModel, entity, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

const account = entity("account", {
  schema: z.object({ tenant: z.string(), id: z.int(), email: z.string() }),
  key: ["tenant", "id"],
  unique: [["email"]],
});
const member = entity("member", {
  schema: z.object({ team: z.string(), id: z.uuid(), nick: z.string().optional() }),
  key: ["team", "id"],
  unique: [["nick"]],
});
const seat = entity("seat", {
  schema: z.object({ room: z.string(), place: z.int() }),
  key: ["room", "place"],
});
const street = entity("street", {
  schema: z.object({ country: z.string(), city: z.string(), id: z.int() }),
  key: ["country", "city", "id"],
});
const model = defineModel({
  entities: { account, member, seat, street },
  patterns: {
    accounts: list(account, { by: ["tenant"], order: { id: "asc" } }),
    members: list(member, { by: ["team"], order: { id: "desc" } }),
    seats: list(seat, { by: ["room"], order: { place: "asc" } }),
    rooms: list(seat, { by: ["place"], order: { room: "asc" } }),
    streets: list(street, { by: ["country"], order: { city: "asc", id: "asc" } }),
    streetsOfCity: list(street, { by: ["city", "country"], order: { id: "asc" } }),
  },
});

async function makeShop() {
  const adapter = cassandra(server.client, { keyspace: server.keyspace() });
  expect((await apply(model, adapter)).ready).toBe(true);
  return connect(model, adapter);
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

test("give what is there after deletes, on every size of page", async () => {
  const shop = await makeShop();
  const accounts = Array.from({ length: 9 }, (_, id) => ({ tenant: "t", id, email: `${id}@example.org` }));
  await shop.account.insertMany(accounts);
  const ids = accounts.map(({ id }) => `0196f0a0-0000-7000-8000-00000000000${id}`);
  for (const [at, id] of ids.entries()) await shop.member.insert({ team: "t", id, ...(at % 2 ? {} : { nick: id }) });
  for (const { id } of accounts) await shop.seat.insert({ room: "r", place: id });
  for (const id of [0, 3, 4, 5, 8]) {
    await shop.account.delete({ tenant: "t", id });
    await shop.member.delete({ team: "t", id: ids[id] as string });
    await shop.seat.delete({ room: "r", place: id });
  }
  for (const limit of [1, 2, 3, 100]) {
    expect(await all(shop.accounts.each({ tenant: "t" }, { limit }))).toEqual(
      accounts.filter(({ id }) => [1, 2, 6, 7].includes(id)),
    );
    expect((await all(shop.members.each({ team: "t" }, { limit }))).map(({ id }) => id)).toEqual(
      [7, 6, 2, 1].map((at) => ids[at]),
    );
    expect((await all(shop.seats.each({ room: "r" }, { limit }))).map(({ place }) => place)).toEqual([1, 2, 6, 7]);
  }
});

test("give each field of the key the parameter of its name, in whatever order they are asked", async () => {
  const shop = await makeShop();
  await shop.street.insert({ country: "fr", city: "paris", id: 1 });
  await shop.street.insert({ country: "us", city: "paris", id: 2 });
  expect((await shop.streetsOfCity({ city: "paris", country: "us" })).items).toEqual([
    { country: "us", city: "paris", id: 2 },
  ]);
  expect((await shop.streets({ country: "fr" })).items).toHaveLength(1);
});
