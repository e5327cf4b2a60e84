/** Records that are only inserted, by processes whose clocks differ. */

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, defineModel, entity, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";

const event = entity("event", {
  schema: z.object({ id: z.string(), device: z.string(), value: z.int() }),
  key: ["id"],
  appendOnly: true,
});
const model = defineModel({
  entities: { event },
  patterns: { eventsOfDevice: list(event, { by: ["device"], order: { value: "desc" } }) },
});

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

test("a record that comes again is there, though the clock of who deleted it is ahead", async () => {
  const adapter = () => cassandra(server.client, { keyspace });
  const keyspace = server.keyspace();
  await apply(model, adapter());
  const [one, two] = [connect(model, adapter()), connect(model, adapter())];
  const record = { id: "1", device: "d", value: 7 };
  await one.event.insert(record);
  const clock = vi.spyOn(Date, "now").mockImplementation(() => performance.timeOrigin + performance.now() + 60_000);
  try {
    expect((await two.event.delete({ id: "1" })).applied).toBe(true);
  } finally {
    clock.mockRestore();
  }
  expect(await one.event.get({ id: "1" })).toBeUndefined();
  expect((await one.eventsOfDevice({ device: "d" })).items).toEqual([]);
  const again = { ...record, value: 8 };
  expect((await one.event.insert(again)).applied).toBe(true);
  expect(await one.event.get({ id: "1" })).toEqual(again);
  expect((await one.eventsOfDevice({ device: "d" })).items).toEqual([again]);
});
