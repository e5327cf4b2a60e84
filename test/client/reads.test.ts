import { beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../src/client/connect.js";
import { type EngineUnderTest, engines, useEngine } from "./engines.js";
import { codeOf, makeAccount, makeLine, model } from "./shop.js";

const lines = Array.from({ length: 300 }, (_, seq) => makeLine(seq, seq % 9 === 0 ? { customerId: undefined } : {}));

const byAtDesc = (a: (typeof lines)[0], b: (typeof lines)[0]) => b.at.getTime() - a.at.getTime() || b.seq - a.seq;

describe.each(engines)("$engine", (server) => {
  useEngine(server);
  type Shop = Awaited<ReturnType<EngineUnderTest["shop"]>>;
  let shop: Shop["shop"];
  let place: Shop["place"];

  beforeAll(async () => {
    ({ shop, place } = await server.shop());
    const done = await shop.line.insertMany(lines);
    expect(done.applied).toBe(300);
  });

  describe("get and getMany", () => {
    test("give one answer per key, in order, undefined where there is nothing", async () => {
      expect(await shop.line.getMany([{ seq: 3 }, { seq: 999 }, { seq: 1 }, { seq: 3 }])).toEqual([
        lines[3],
        undefined,
        lines[1],
        lines[3],
      ]);
      // Declared strong, which not every engine has.
      const declared = codeOf(shop.lineBySeq({ seq: 5 }));
      expect(await declared).toBe(server.levels.includes("strong") ? undefined : "CONSISTENCY_UNSUPPORTED");
      expect(await shop.lineBySeq({ seq: 5 }, { consistency: "eventual" })).toEqual(lines[5]);
      expect(await shop.line.getMany([])).toEqual([]);
    });

    test("one caller's signal ends its own get and no other", async () => {
      const controller = new AbortController();
      const aborted = shop.line.get({ seq: 1 }, { signal: controller.signal });
      const other = shop.line.get({ seq: 2 });
      controller.abort();
      expect(await codeOf(aborted)).toBe("ABORTED");
      expect(await other).toEqual(lines[2]);
    });
  });

  describe("lists", () => {
    test("pages follow one another in order, without gaps or repeats, whatever their size", async () => {
      const expected = lines.filter((each) => each.customerId === "C1").sort(byAtDesc);
      for (const limit of [1, 7, 100]) {
        const seen: unknown[] = [];
        let cursor: string | undefined;
        do {
          const page = await shop.linesByCustomer({ customerId: "C1" }, { limit, cursor });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          expect(page.consistency).toBe("session");
          seen.push(...page.items);
          cursor = page.cursor;
        } while (cursor !== undefined);
        expect(seen).toEqual(expected);
      }
    });

    test("buckets and ranges are half open", async () => {
      const day: unknown[] = [];
      for await (const each of shop.linesByDay.each({ day: "2010-12-02" }, { limit: 9 })) day.push(each);
      expect(day).toEqual(lines.filter((each) => each.at.toISOString().startsWith("2010-12-02")).sort(byAtDesc));
      const from = new Date("2010-12-02T08:00:10Z");
      const to = new Date("2010-12-04T08:00:20Z");
      const page = await shop.linesOfCountry({ country: "EIRE", from, to }, { limit: 500 });
      const expected = lines
        .filter((each) => each.country === "EIRE" && each.at >= from && each.at < to)
        .sort((a, b) => a.at.getTime() - b.at.getTime() || a.seq - b.seq);
      expect(page.items).toEqual(expected);
      expect(page.cursor).toBeUndefined();
      expect((await shop.linesOfCountry({ country: "EIRE" }, { limit: 500 })).items).toHaveLength(150);
      // Nothing lies between an end and a later beginning.
      expect((await shop.linesOfCountry({ country: "EIRE", from: to, to: from })).items).toEqual([]);
      expect((await shop.topCustomers({ from: "2010-12-03", to: "2010-12-01" })).items).toEqual([]);
    });

    test("a list over the key's own prefix comes in the order of the key", async () => {
      for (const tenant of ["a", "b"]) {
        await shop.account.insertMany(
          ["3", "1", "2"].map((id) => makeAccount(id, { tenant, email: `${tenant}${id}@x` })),
        );
      }
      const first = await shop.accountsOfTenant({ tenant: "a" }, { limit: 2 });
      expect(first.items.map(({ id }) => id)).toEqual(["1", "2"]);
      const rest = await shop.accountsOfTenant({ tenant: "a" }, { limit: 2, cursor: first.cursor });
      expect(rest.items.map(({ id, tenant }) => [tenant, id])).toEqual([["a", "3"]]);
      expect(rest.cursor).toBeUndefined();
    });

    test("limits and parameters are checked", async () => {
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { limit: 0 }))).toBe("INPUT_INVALID");
      expect(await codeOf(shop.linesByCustomer({} as never))).toBe("INPUT_INVALID");
      expect(await codeOf(shop.linesByCustomer({ customerId: { $ne: null } } as never))).toBe("INPUT_INVALID");
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1", x: 1 } as never))).toBe("INPUT_INVALID");
      expect(await codeOf(shop.linesByDay({ day: "2010-02-30" }))).toBe("INPUT_INVALID");
    });
  });

  describe("cursors", () => {
    test("are refused when altered, and for another question or another secret", async () => {
      const { cursor } = await shop.linesByCustomer({ customerId: "C1" }, { limit: 2 });
      const given = cursor as string;
      for (let at = 0; at < given.length; at += 3) {
        const altered = given.slice(0, at) + (given[at] === "A" ? "B" : "A") + given.slice(at + 1);
        expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { cursor: altered }))).toBe("CURSOR_INVALID");
      }
      expect(await codeOf(shop.linesByCustomer({ customerId: "C2" }, { cursor: given }))).toBe("CURSOR_INVALID");
      expect(await codeOf(shop.linesByInvoice({ invoiceNo: "I1" }, { cursor: given }))).toBe("CURSOR_INVALID");
      const other = connect(model, place.adapter, { cursorSecret: "another secret of some length" });
      expect(await codeOf(other.linesByCustomer({ customerId: "C1" }, { cursor: given }))).toBe("CURSOR_INVALID");
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { cursor: "" }))).toBe("CURSOR_INVALID");
      const same = connect(model, place.adapter);
      expect((await same.linesByCustomer({ customerId: "C1" }, { cursor: given })).items[0]).toBeDefined();
    });

    test("hold their place while records come and go", async () => {
      const { shop: own } = await server.shop();
      await own.line.insertMany(Array.from({ length: 20 }, (_, seq) => makeLine(seq * 10, { invoiceNo: "X" })));
      const seen: number[] = [];
      for await (const record of own.linesByInvoice.each({ invoiceNo: "X" }, { limit: 3 })) {
        seen.push(record.seq);
        await own.line.insert(makeLine(record.seq - 1, { invoiceNo: "X" }));
        await own.line.delete({ seq: record.seq });
      }
      expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i * 10));
    });
  });

  describe("top", () => {
    test("sums exactly, leaves out records without the group, and pages", async () => {
      const sums = new Map<string, { cents: bigint; count: number }>();
      for (const each of lines) {
        const day = each.at.toISOString().slice(0, 10);
        if (each.customerId === undefined || each.quantity <= 0 || day < "2010-12-02" || day >= "2010-12-04") continue;
        const sum = sums.get(each.customerId) ?? { cents: 0n, count: 0 };
        sums.set(each.customerId, { cents: sum.cents + BigInt(each.total.replace(".", "")), count: sum.count + 1 });
      }
      const expected = [...sums]
        .sort(([a, x], [b, y]) => (x.cents === y.cents ? (a < b ? -1 : 1) : x.cents > y.cents ? -1 : 1))
        .map(([customerId, { cents, count }]) => ({
          customerId,
          total: `${cents / 1000n}.${String(cents % 1000n).padStart(3, "0")}`,
          count,
        }));
      const rows = [];
      for await (const row of shop.topCustomers.each({ from: "2010-12-02", to: "2010-12-04" }, { limit: 1 }))
        rows.push(row);
      expect(rows).toEqual(expected);
      expect((await shop.countries({})).items).toEqual([
        { country: "EIRE", count: 150 },
        { country: "United Kingdom", count: 150 },
      ]);
    });
  });

  describe("levels", () => {
    test("a level that the pattern or the engine does not promise is refused", async () => {
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { consistency: "strong" as never }))).toBe(
        "CONSISTENCY_UNSUPPORTED",
      );
      expect(await codeOf(shop.linesByDay({ day: "2010-12-01" }, { consistency: "session" as never }))).toBe(
        "CONSISTENCY_UNSUPPORTED",
      );
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { consistency: "none" as never }))).toBe(
        "INPUT_INVALID",
      );
      expect(await codeOf(shop.linesByCustomer({ customerId: "C1" }, { maxStalenessMs: 5 }))).toBe("INPUT_INVALID");
    });

    test("each level that is promised answers", async () => {
      for (const consistency of server.levels) {
        expect(await shop.lineBySeq({ seq: 7 }, { consistency })).toEqual(lines[7]);
      }
      for (const consistency of ["session", "bounded", "eventual"] as const) {
        expect((await shop.linesByCustomer({ customerId: "C1" }, { consistency, limit: 1 })).consistency).toBe(
          consistency,
        );
      }
      const page = await shop.linesByCustomer(
        { customerId: "C1" },
        { consistency: "bounded", maxStalenessMs: 100, limit: 1 },
      );
      expect(page.items).toHaveLength(1);
    });

    test("a session's token goes on in another client", async () => {
      const session = shop.$session();
      await session.line.insert(makeLine(5_000));
      const other = connect(model, place.adapter).$session(session.$token());
      expect(await other.line.get({ seq: 5_000 })).toBeDefined();
      expect(() => shop.$session("nonsense")).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    });
  });

  describe("what cannot be served", () => {
    test("a pattern says so when it is called all the same", () => {
      const unserved = shop.searchLines as unknown as (params: object) => unknown;
      expect(() => unserved({ text: "x" })).toThrow(
        `${server.engine}() cannot serve "search" patterns: see keyfold plan`,
      );
      expect(() => (shop.searchLines as unknown as { each(params: object): unknown }).each({})).toThrow(
        expect.objectContaining({ code: "PATTERN_UNSUPPORTED" }),
      );
    });

    test("a stored record that does not fit names the place, and costs the others nothing", async () => {
      const { shop: own, place: tampered } = await server.shop();
      await own.line.insertMany([makeLine(1), makeLine(2)]);
      await tampered.tamper(2, "quantity", "six");
      const [good, bad] = await Promise.allSettled([own.line.get({ seq: 1 }), own.line.get({ seq: 2 })]);
      expect(good.status).toBe("fulfilled");
      expect(bad).toMatchObject({ reason: { code: "SCHEMA_MISMATCH", data: { key: { seq: 2 }, path: ["quantity"] } } });
      await tampered.tamper(2, "quantity", undefined);
      const error = await own.line.get({ seq: 2 }).catch((thrown) => thrown);
      expect(error.message).toContain(
        "seq 2) does not fit the schema at quantity: expected a value of type int, found nothing.",
      );
    });

    test("a closed client says so", async () => {
      const own = connect(model, place.adapter);
      await own.$close();
      expect(await codeOf(own.line.get({ seq: 1 }))).toBe("INPUT_INVALID");
    });
  });
});
