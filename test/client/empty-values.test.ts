import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apply, connect, defineModel, entity, get, list } from "../../src/index.js";
import { engines, useEngine } from "./engines.js";

// What is empty is neither missing nor null, wherever it stands in a record.

const box = entity("box", {
  schema: z.object({
    id: z.int(),
    kind: z.string(),
    text: z.string(),
    tags: z.array(z.string()),
    maybe: z.array(z.int()).optional(),
    orNull: z.array(z.int()).nullable(),
    rows: z.array(z.array(z.int())),
    byName: z.record(z.string(), z.array(z.int())),
    map: z.record(z.string(), z.int()),
    inner: z.object({ list: z.array(z.string()), maybe: z.array(z.string()).optional() }),
  }),
  key: ["id"],
});
type Box = (typeof box)["$record"];

const model = defineModel({
  entities: { box },
  patterns: { boxById: get(box), ofKind: list(box, { by: ["kind"], order: { id: "asc" } }) },
});

const full: Omit<Box, "id" | "kind"> = {
  text: "x",
  tags: ["a", ""],
  maybe: [1],
  orNull: [2],
  rows: [[1], [], [2, 3]],
  byName: { a: [1], b: [] },
  map: { a: 1 },
  inner: { list: ["a"], maybe: ["b"] },
};
const { maybe: _, ...less } = full;
const boxes: Box[] = [
  full,
  { text: "", tags: [], maybe: [], orNull: [], rows: [], byName: {}, map: {}, inner: { list: [], maybe: [] } },
  { ...less, orNull: null, rows: [[]], inner: { list: [] } },
].map((one, id) => ({ ...one, id, kind: "k" }));

describe.each(engines)("$engine", (server) => {
  useEngine(server);

  test("records come back as they were", async () => {
    const { adapter } = await server.place();
    await apply(model, adapter);
    const shop = connect(model, adapter);
    const [first, ...others] = boxes as [Box, ...Box[]];
    await shop.box.insert(first);
    expect((await shop.box.insertMany(others)).failures).toEqual([]);
    for (const one of boxes) expect(await shop.boxById({ id: one.id })).toEqual(one);
    expect((await shop.ofKind({ kind: "k" })).items).toEqual(boxes);
    expect((await shop.box.insert(boxes[1] as Box)).applied).toBe(false);
    expect((await shop.box.put({ ...full, id: 0, kind: "k", tags: [] })).applied).toBe(true);
    expect((await shop.boxById({ id: 0 }))?.tags).toEqual([]);
    expect(await shop.box.delete({ id: 1 })).toEqual({ applied: true });
  });
});
