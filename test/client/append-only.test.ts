import { describe, expect, test } from "vitest";
import { z } from "zod";
import { connect, defineModel, describe as describeModel, entity, list } from "../../src/index.js";
import { engines, useEngine } from "./engines.js";
import { codeOf } from "./shop.js";

const event = entity("event", {
  schema: z.object({ id: z.string(), device: z.string(), at: z.date(), value: z.int() }),
  key: ["id"],
  appendOnly: true,
});
const log = defineModel({
  entities: { event },
  patterns: { eventsOfDevice: list(event, { by: ["device"], order: { at: "desc" } }) },
});

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));

describe.each(engines)("$engine", (server) => {
  useEngine(server);

  test("records that are only inserted can be inserted again and deleted, and never changed", async () => {
    const place = await server.place();
    await place.adapter.bind(describeModel(log)).apply({});
    const events = connect(log, place.adapter);
    const first = { id: "1", device: "d", at: at(1), value: 7 };
    expect((await events.event.insert(first)).applied).toBe(true);
    await events.event.insert(first);
    const second = { id: "2", device: "d", at: at(2), value: 8 };
    expect((await events.event.insertMany([second, first])).failures).toEqual([]);
    expect((await events.eventsOfDevice({ device: "d" })).items).toEqual([second, first]);
    expect(await codeOf(events.event.put(first))).toBe("INPUT_INVALID");
    expect(await codeOf(events.event.update({ id: "1" }, { value: 1 }))).toBe("INPUT_INVALID");
    expect(await codeOf(events.event.increment({ id: "1" }, { value: 1 }))).toBe("INPUT_INVALID");
    expect(await events.event.delete({ id: "1" })).toEqual({ applied: true });
    expect((await events.eventsOfDevice({ device: "d" })).items).toEqual([second]);
    expect(await events.event.get({ id: "2" })).toEqual(second);
  });
});
