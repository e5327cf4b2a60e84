import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { connect } from "../../src/client/connect.js";
import { apply, day, decimal, defineModel, entity, hour, list, month, top } from "../../src/index.js";
import { useRedis } from "./redis.js";

// Random writes, and after each run every list and every sum beside what the same records give when they are sorted and
// added up here. What the library keeps in sorted sets and hashes must be that, whatever came before.

const redis = useRedis();

const item = entity("item", {
  schema: z.object({
    shop: z.string(),
    id: z.int(),
    name: z.string(),
    price: decimal(2),
    big: z.int64(),
    score: z.number(),
    at: z.date(),
    sold: z.boolean(),
    group: z.string().optional(),
    place: z.object({ city: z.string(), floor: z.int() }).optional(),
    note: z.string().nullable().optional(),
  }),
  key: ["shop", "id"],
  unique: [["shop", "name"]],
});
type Item = (typeof item)["$record"];

const model = defineModel({
  entities: { item },
  patterns: {
    byShop: list(item, { by: ["shop"], order: { id: "desc" } }),
    byGroup: list(item, { by: ["group"], order: { at: "desc", name: "asc" } }),
    byCity: list(item, { by: ["place.city"], order: { price: "desc" }, range: "place.floor" }),
    byMonth: list(item, { by: [month("at")], order: { score: "desc", big: "asc" } }),
    cheap: list(item, {
      by: ["sold"],
      order: { price: "asc" },
      range: "price",
      where: { score: { lte: 0.1 }, group: { exists: true } },
    }),
    priceDown: list(item, { by: ["sold"], order: { price: "desc", shop: "asc", id: "asc" }, range: "price" }),
    inTime: list(item, { by: ["sold"], order: { name: "asc" }, range: hour("at") }),
    revenue: top(item, { by: "group", sum: "price", range: day("at") }),
    bigs: top(item, { by: "shop", sum: "big", where: { sold: { eq: true } } }),
    hours: top(item, { by: "name", range: "at" }),
    floors: top(item, { by: "shop", sum: "id", range: "score", where: { group: { in: ["a", "b"] } } }),
  },
});

const text = fc.constantFrom("", "a", "ab", "b", "a\0b", "\u0001", "\u0002x", "z{}z", "é", "\uffee", "😀", 'q"\\');
const moment = fc
  .integer({ min: 0, max: 40 * 24 })
  .map((hours) => new Date(Date.UTC(2011, 0, 20, hours, hours % 3 === 0 ? 0 : 17)));
const price = fc.integer({ min: -20_000, max: 20_000 }).map((cents) => cents2(BigInt(cents)));
const fields = {
  name: fc.tuple(text, fc.nat(30)).map(([head, n]) => `${head}${n}`),
  price,
  big: fc.oneof(fc.bigInt({ min: -5n, max: 5n }), fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })),
  score: fc.constantFrom(-1.5, -0.25, 0, 0.1, 1e-9, 3, 1e21),
  at: moment,
  sold: fc.boolean(),
  group: fc.option(fc.constantFrom("a", "b", "c\0"), { nil: undefined }),
  place: fc.option(fc.record({ city: fc.constantFrom("x", "ÿ"), floor: fc.integer({ min: -12, max: 120 }) }), {
    nil: undefined,
  }),
  note: fc.option(fc.constantFrom("n", "multi\nline"), { nil: null }),
};
const key = fc.record({ shop: fc.constantFrom("s", "t:{u}"), id: fc.integer({ min: -3, max: 12 }) });
const write = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, fields: fc.record(fields) }),
  fc.record({ kind: fc.constant("insert" as const), key, fields: fc.record(fields) }),
  fc.record({ kind: fc.constant("update" as const), key, fields: fc.record(fields, { requiredKeys: [] }) }),
  fc.record({
    kind: fc.constant("increment" as const),
    key,
    fields: fc.record({ price, big: fields.big }, { requiredKeys: ["price"] }),
  }),
  fc.record({ kind: fc.constant("delete" as const), key, fields: fc.constant({}) }),
);

test("every list and every sum is what an oracle says, after any writes", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 60 }), async (writes) => {
      const adapter = redis.adapter(redis.prefix());
      expect((await apply(model, adapter)).ready).toBe(true);
      const shop = connect(model, adapter);
      const oracle = new Map<string, Item>();
      for (const one of writes) await play(shop, oracle, one);
      await compare(shop, [...oracle.values()]);
      // Taken away again, nothing is left: no member of a set, no field of a sum.
      for (const { shop: name, id } of oracle.values()) await shop.item.delete({ shop: name, id });
      await compare(shop, []);
      await shop.$close();
    }),
    { numRuns: Number(process.env["KEYFOLD_RUNS"] ?? 25) },
  );
});

test("records inserted in bulk are in the same places", async () => {
  const adapter = redis.adapter(redis.prefix());
  await apply(model, adapter);
  const shop = connect(model, adapter);
  const records = fc
    .sample(fc.record({ ...fields, name: fc.constant("") }), { numRuns: 700, seed: 5 })
    .map((one, id): Item => ({ ...one, shop: id % 3 === 0 ? "s" : "t", id, name: `n${id}` }));
  expect((await shop.item.insertMany(records)).applied).toBe(700);
  await compare(shop, records);
});

type Shop = ReturnType<typeof connectTo>;
function connectTo() {
  return connect(model, redis.adapter("x"));
}

async function play(
  shop: Shop,
  oracle: Map<string, Item>,
  { kind, key, fields: given }: { kind: string; key: { shop: string; id: number }; fields: object },
): Promise<void> {
  const at = JSON.stringify(key);
  const there = oracle.get(at);
  const taken = (name: string | undefined): boolean =>
    [...oracle.values()].some((one) => one.shop === key.shop && one.name === name && one.id !== key.id);
  const changes = given as Partial<Item>;
  const refused = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "done",
      (error: { code: string }) => error.code,
    );
  switch (kind) {
    case "put":
    case "insert": {
      const record = { ...key, ...changes } as Item;
      const said = await refused(kind === "put" ? shop.item.put(record) : shop.item.insert(record));
      const allowed = (kind === "put" || there === undefined) && !taken(record.name);
      if (kind === "insert" && there !== undefined) expect(["CONFLICT", "done"]).toContain(said);
      else expect(said).toBe(allowed ? "done" : "CONFLICT");
      if (allowed) oracle.set(at, record);
      break;
    }
    case "update": {
      if (Object.keys(changes).length === 0) break;
      const said = await refused(shop.item.update(key, changes as never));
      if (there === undefined) expect(said).toBe("done");
      else if (changes.name !== undefined && taken(changes.name)) expect(said).toBe("CONFLICT");
      else {
        expect(said).toBe("done");
        oracle.set(at, { ...there, ...changes });
      }
      break;
    }
    case "increment": {
      const said = await refused(shop.item.increment(key, changes as never));
      if (there === undefined) break;
      const big = there.big + (changes.big ?? 0n);
      if (big >= 2n ** 63n || big < -(2n ** 63n)) expect(said).toBe("OUT_OF_RANGE");
      else {
        expect(said).toBe("done");
        oracle.set(at, { ...there, big, price: cents2(cents(there.price) + cents(changes.price ?? "0")) });
      }
      break;
    }
    default:
      await shop.item.delete(key);
      oracle.delete(at);
  }
}

async function compare(shop: Shop, records: readonly Item[]): Promise<void> {
  const tidy = (rows: readonly Item[]) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)));
  const rows = async (pages: AsyncIterable<Item>) => {
    const found: Item[] = [];
    for await (const row of pages) found.push(row);
    return found;
  };
  const expectList = async (pages: AsyncIterable<Item>, filter: (one: Item) => boolean, ...order: Compare[]) => {
    const sorted = records.filter(filter).sort((a, b) => {
      for (const compare of [...order, byText((one: Item) => one.shop), byNumber((one: Item) => one.id)]) {
        const said = compare(a, b);
        if (said !== 0) return said;
      }
      return 0;
    });
    expect(tidy(await rows(pages))).toEqual(tidy(sorted));
  };
  const down =
    (compare: Compare): Compare =>
    (a, b) =>
      -compare(a, b);
  const name = byText((one: Item) => one.name);
  const shopName = byText((one: Item) => one.shop);
  const id = byNumber((one: Item) => one.id);
  const at = byNumber((one: Item) => one.at.getTime());
  const money = byNumber((one: Item) => Number(cents(one.price)));
  for (const limit of [3, 100]) {
    await expectList(shop.byShop.each({ shop: "s" }, { limit }), (one) => one.shop === "s", down(id));
    for (const group of ["a", "c\0"])
      await expectList(shop.byGroup.each({ group }, { limit }), (one) => one.group === group, down(at), name);
    await expectList(
      shop.byCity.each({ "place.city": "ÿ", from: -3, to: 60 }, { limit }),
      (one) => one.place?.city === "ÿ" && one.place.floor >= -3 && one.place.floor < 60,
      down(money),
      down(shopName),
      down(id),
    );
    await expectList(
      shop.byMonth.each({ month: "2011-02" }, { limit }),
      (one) => one.at.toISOString().startsWith("2011-02"),
      down(byNumber((one) => one.score)),
      (a, b) => (a.big < b.big ? -1 : a.big > b.big ? 1 : 0),
    );
    const inPrice = (one: Item): boolean => cents(one.price) >= -5_000n && cents(one.price) < 5_000n;
    const bounds = { from: "-50.00", to: "50" } as const;
    await expectList(
      shop.cheap.each({ sold: true, ...bounds }, { limit }),
      (one) => one.sold && inPrice(one) && one.score <= 0.1 && one.group !== undefined,
      money,
    );
    await expectList(
      shop.priceDown.each({ sold: false, ...bounds }, { limit }),
      (one) => !one.sold && inPrice(one),
      down(money),
    );
    await expectList(
      shop.inTime.each({ sold: true, from: "2011-01-25T05", to: "2011-02-10T00" }, { limit }),
      (one) => one.sold && one.at >= new Date("2011-01-25T05:00Z") && one.at < new Date("2011-02-10T00:00Z"),
      name,
    );
  }
  for (const [from, to] of [
    [undefined, undefined],
    ["2011-01-22", "2011-02-03"],
    ["2011-02-01", undefined],
    [undefined, "2011-01-31"],
  ] as const) {
    const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    const within = (one: Item): boolean => {
      const named = one.at.toISOString().slice(0, 10);
      return (from === undefined || named >= from) && (to === undefined || named < to);
    };
    expect(await all(shop.revenue.each(range, { limit: 2 }))).toEqual(
      groups(
        records.filter(within),
        (one) => one.group,
        (one) => cents(one.price),
      ).map(({ key, sum, count }) => ({ group: key, price: cents2(sum), count })),
    );
    const moments = {
      ...(from === undefined ? {} : { from: new Date(from) }),
      ...(to === undefined ? {} : { to: new Date(to) }),
    };
    expect(await all(shop.hours.each(moments))).toEqual(
      groups(
        records.filter(within),
        (one) => one.name,
        () => 1n,
      ).map(({ key, count }) => ({ name: key, count })),
    );
  }
  expect(await all(shop.bigs.each({}))).toEqual(
    groups(
      records.filter((one) => one.sold),
      (one) => one.shop,
      (one) => one.big,
    ).map(({ key, sum, count }) => ({ shop: key, big: sum, count })),
  );
  expect(await all(shop.floors.each({ from: -0.25, to: 3 }))).toEqual(
    groups(
      records.filter((one) => one.score >= -0.25 && one.score < 3 && (one.group === "a" || one.group === "b")),
      (one) => one.shop,
      (one) => BigInt(one.id),
    ).map(({ key, sum, count }) => ({ shop: key, id: Number(sum), count })),
  );
}

type Compare = (a: Item, b: Item) => number;
const byNumber =
  (value: (one: Item) => number): Compare =>
  (a, b) =>
    value(a) - value(b);
const byText =
  (value: (one: Item) => string): Compare =>
  (a, b) =>
    Buffer.compare(Buffer.from(value(a)), Buffer.from(value(b)));

function groups(records: readonly Item[], by: (one: Item) => string | undefined, sum: (one: Item) => bigint) {
  const found = new Map<string, { sum: bigint; count: number }>();
  for (const one of records) {
    const name = by(one);
    if (name === undefined) continue;
    const so = found.get(name) ?? { sum: 0n, count: 0 };
    found.set(name, { sum: so.sum + sum(one), count: so.count + 1 });
  }
  return [...found]
    .map(([key, so]) => ({ key, ...so }))
    .sort((a, b) => (a.sum < b.sum ? 1 : a.sum > b.sum ? -1 : Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))));
}

async function all<Row>(pages: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of pages) found.push(row);
  return found;
}

function cents(price: string): bigint {
  const [whole = "0", fraction = ""] = price.replace("-", "").split(".");
  const amount = BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
  return price.startsWith("-") ? -amount : amount;
}

function cents2(amount: bigint): `${number}` {
  const digits = String(amount < 0n ? -amount : amount).padStart(3, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}` as `${number}`;
}
