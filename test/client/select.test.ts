import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { apply, bytes, type Client, connect, day, decimal, defineModel, entity, get, list } from "../../src/index.js";
import { type Both, engines, useEngine } from "./engines.js";

// Patterns that read some of a record: on each engine the same rows as of whole records, with these fields alone.

const order = entity("order", {
  schema: z.object({
    tenant: z.string(),
    id: z.int(),
    status: z.enum(["open", "sent"]),
    at: z.date(),
    total: decimal(2),
    weight: z.number(),
    big: z.bigint(),
    note: z.string().optional(),
    reason: z.string().nullable(),
    tags: z.array(z.string()),
    address: z.object({ city: z.string(), zip: z.string().optional() }),
    image: bytes(),
  }),
  key: ["tenant", "id"],
});
type Order = (typeof order)["$record"];

const model = defineModel({
  entities: { order },
  patterns: {
    whole: list(order, { by: ["status"], order: { at: "desc" }, consistency: "eventual" }),
    // Nothing but what the keys of any index hold.
    keys: list(order, {
      by: ["status"],
      order: { total: "desc", weight: "asc" },
      select: ["total", "tenant", "id", "status", "weight"],
      consistency: "eventual",
    }),
    some: list(order, {
      by: ["address.city"],
      order: { at: "asc", big: "desc" },
      range: "at",
      select: ["note", "reason", "tags", "address", "big"],
      consistency: "eventual",
    }),
    tested: list(order, {
      by: [day("at")],
      order: { id: "asc" },
      range: "weight",
      select: ["image"],
      consistency: "eventual",
    }),
    strong: list(order, { by: ["status"], order: { weight: "desc" }, select: ["note"] }),
    ofTenant: list(order, { by: ["tenant"], order: { id: "desc" }, select: ["at"] }),
    one: get(order, { select: ["reason", "note"] }),
    all: get(order),
  },
});

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
const pick = (record: Order, fields: readonly (keyof Order)[]) =>
  Object.fromEntries(fields.flatMap((field) => (record[field] === undefined ? [] : [[field, record[field]]])));
const ordered = (records: readonly Order[], ...terms: ((record: Order) => number | bigint)[]): Order[] =>
  records.toSorted((a, b) => {
    for (const term of terms) if (term(a) !== term(b)) return term(a) < term(b) ? -1 : 1;
    return 0;
  });

const tenants = ["a", "b#", "c d"];
const cities = ["Rome", "Oslo #1"];
const records = fc.uniqueArray(
  fc.record({
    tenant: fc.constantFrom(...tenants),
    id: fc.integer({ min: -50, max: 50 }),
    status: fc.constantFrom("open" as const, "sent" as const),
    at: fc.integer({ min: 0, max: 3 * 86_400_000 - 1 }).map((ms) => new Date(Date.UTC(2024, 0, 1) + ms)),
    total: fc.integer({ min: -999, max: 999 }).map((cents) => (cents / 100).toFixed(2) as `${number}`),
    weight: fc.constantFrom(0, -1.5, 2.25, 1e-7, 123456.75),
    big: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
    note: fc.option(fc.string({ maxLength: 8 }), { nil: undefined }),
    reason: fc.option(fc.constantFrom("late", ""), { nil: null }),
    tags: fc.array(fc.constantFrom("x", "y"), { maxLength: 3 }),
    address: fc.record({ city: fc.constantFrom(...cities), zip: fc.constantFrom("00100", "9") }),
    image: fc.uint8Array({ maxLength: 5 }).map((array) => new Uint8Array(array)),
  }),
  { selector: ({ tenant, id }) => `${tenant}/${id}`, maxLength: 25 },
);

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

describe.each(engines)("$engine", (server) => {
  useEngine(server);
  let shop: Client<typeof model, Both>;
  beforeAll(async () => {
    const { adapter } = await server.place();
    await apply(model, adapter);
    shop = connect(model, adapter);
  });

  test("rows have the selected fields and no others, page by page", async () => {
    let stored: readonly Order[] = [];
    await fc.assert(
      fc.asyncProperty(records, fc.integer({ min: 1, max: 9 }), async (fresh, limit) => {
        for (const { tenant, id } of stored) await shop.order.delete({ tenant, id });
        // An undefined field is one that is not there.
        stored = (fresh as Order[]).map((one) => pick(one, Object.keys(one) as (keyof Order)[]) as unknown as Order);
        const { failures } = await shop.order.insertMany(stored);
        expect(failures).toEqual([]);
        const tenantOf = (one: Order) => tenants.indexOf(one.tenant);
        for (const status of ["open", "sent"] as const) {
          const group = stored.filter((one) => one.status === status);
          const keys = ordered(
            group,
            (one) => -Number(one.total),
            (one) => one.weight,
            tenantOf,
            (one) => one.id,
          );
          expect(await all(shop.keys.each({ status }, { limit }))).toEqual(
            keys.map((one) => pick(one, ["total", "tenant", "id", "status", "weight"])),
          );
          const strong = ordered(
            group,
            (one) => -one.weight,
            (one) => -tenantOf(one),
            (one) => -one.id,
          );
          expect(await all(shop.strong.each({ status }, { limit }))).toEqual(strong.map((one) => pick(one, ["note"])));
        }
        for (const city of cities) {
          const from = new Date(Date.UTC(2024, 0, 1, 12));
          const group = stored.filter((one) => one.address.city === city && one.at >= from);
          const some = ordered(
            group,
            (one) => one.at.getTime(),
            (one) => -one.big,
            (one) => -tenantOf(one),
            (one) => -one.id,
          );
          expect(await all(shop.some.each({ "address.city": city, from }, { limit }))).toEqual(
            some.map((one) => pick(one, ["note", "reason", "tags", "address", "big"])),
          );
        }
        const tested = stored.filter((one) => dayOf(one.at) === "2024-01-02" && one.weight >= 0 && one.weight < 100);
        expect(await all(shop.tested.each({ day: "2024-01-02", from: 0, to: 100 }, { limit }))).toEqual(
          ordered(tested, (one) => one.id, tenantOf).map((one) => pick(one, ["image"])),
        );
        const own = stored.filter((one) => one.tenant === "a");
        expect(await all(shop.ofTenant.each({ tenant: "a" }, { limit }))).toEqual(
          ordered(own, (one) => -one.id).map((one) => pick(one, ["at"])),
        );
        const [first] = stored;
        if (first !== undefined) {
          const { tenant, id } = first;
          // In one tick: one wants some of the record, the other one all of it.
          const [one, whole] = await Promise.all([shop.one({ tenant, id }), shop.all({ tenant, id })]);
          expect(one).toEqual(pick(first, ["reason", "note"]));
          expect(whole).toEqual(first);
        }
        expect(await shop.one({ tenant: "nobody", id: 1 })).toBeUndefined();
      }),
      { numRuns: 15 },
    );
  });
});
