/**
 * The main job on real input: every line of the Online Retail data set through the program, and every answer of its
 * answers file that the example's patterns give, alone or added up.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { add, all, days, type LoadedShop, loadedShop, months, pennies, thousandths } from "./answers.js";
import { type Answers, type Country, FILE, readAnswers, skipped, there } from "./retail-file.js";

describe.skipIf(!there)(`the Online Retail data set${skipped}`, () => {
  let loaded: LoadedShop;
  let answers: Answers;
  beforeAll(async () => {
    answers = readAnswers();
    loaded = await loadedShop("mongodb", FILE);
  }, 300_000);
  afterAll(() => loaded?.[Symbol.asyncDispose](), 60_000);

  const asLine = (record: { at: Date; description?: string | undefined } & Record<string, unknown>): unknown => ({
    seq: record["seq"],
    timestamp: record.at.toISOString().replace(".000Z", "Z"),
    invoiceNo: record["invoiceNo"],
    stockCode: record["stockCode"],
    description: record.description,
    quantity: record["quantity"],
    unitPrice: record["unitPrice"],
    lineTotal: record["total"],
  });

  test("every line is stored, none rejected", () => {
    expect(loaded.counts).toEqual({
      read: answers.source.rows,
      inserted: answers.source.rows,
      present: 0,
      rejected: 0,
    });
  });

  test("the best customers, of all time and of December 2010", async () => {
    const best = async (range: { from?: string; to?: string }): Promise<unknown> =>
      (await loaded.shop.topCustomers(range, { limit: 20 })).items.map(({ customerId, total, count }) => ({
        customerId,
        spend: pennies(thousandths(total)),
        rows: count,
      }));
    expect(await best({})).toEqual(answers.topCustomersAllTime);
    expect(await best({ from: "2010-12-01", to: "2011-01-01" })).toEqual(answers.topCustomersDecember2010);
  });

  test("customers with a purchase, month by month, and what all of them spent", async () => {
    const found: Record<string, number> = {};
    let spent = 0n;
    for (const { name, from, to } of months()) {
      const rows = await all(loaded.shop.topCustomers.each({ from, to }, { limit: 1_000 }));
      found[name] = rows.length;
      for (const { total } of rows) spent += thousandths(total);
    }
    expect(found).toEqual(answers.identifiedCustomersPerMonth);
    expect(spent).toBe(thousandths(answers.revenuePerCountry.totals.identified));
  });

  test("revenue by country, to the last digit", async () => {
    const rows = await all(loaded.shop.revenueByCountry.each({}, { limit: 10 }));
    const expected = answers.revenuePerCountry.positiveQuantity.countries.map(({ country, revenueExact, rows }) => ({
      country,
      total: revenueExact,
      count: rows,
    }));
    expect(rows).toEqual(expected);
    expect(rows.reduce((sum, { total }) => sum + thousandths(total), 0n)).toBe(
      thousandths(answers.revenuePerCountry.totals.positiveQuantity),
    );
  });

  test("a customer's lines, latest first", async () => {
    const lines = await all(loaded.shop.linesByCustomer.each({ customerId: "17850" }, { limit: 100 }));
    const { customer17850 } = answers;
    expect(lines).toHaveLength(customer17850.rows);
    expect(lines.slice(0, 5).map(asLine)).toEqual(customer17850.latest5Rows);
    const page = await loaded.shop.linesByCustomer({ customerId: "17850" }, { limit: 5 });
    expect(page.items.map(asLine)).toEqual(customer17850.latest5Rows);
    const positive = lines.filter(({ quantity }) => quantity > 0).slice(0, 5);
    expect(positive.map(asLine)).toEqual(customer17850.latest5RowsWithPositiveQuantity);
    const invoices = [...new Set(lines.map(({ invoiceNo }) => invoiceNo))].slice(0, 5);
    const summed = await Promise.all(
      invoices.map(async (invoiceNo) => {
        const of = await all(loaded.shop.linesByInvoice.each({ invoiceNo }));
        expect(of.map(({ seq }) => seq)).toEqual(of.map(({ seq }) => seq).sort((a, b) => a - b));
        const last = of.at(-1) as (typeof of)[number];
        return {
          invoiceNo,
          timestamp: last.at.toISOString().replace(".000Z", "Z"),
          lastSeq: last.seq,
          rows: of.length,
          total: pennies(of.reduce((sum, { total }) => sum + thousandths(total), 0n)),
        };
      }),
    );
    expect(summed).toEqual(customer17850.latest5Invoices);
  });

  test("the customers with the most lines", async () => {
    for (const { customerId, rows } of answers.largestCustomersByRows) {
      expect(await all(loaded.shop.linesByCustomer.each({ customerId }, { limit: 1_000 }))).toHaveLength(rows);
    }
  });

  test("one line by its key, and none for a key that is not there", async () => {
    const [expected] = answers.customer17850.latest5Rows;
    expect(asLine((await loaded.shop.lineBySeq({ seq: 86_903 })) as never)).toEqual(expected);
    expect(await loaded.shop.lineBySeq({ seq: answers.source.rows + 1 })).toBeUndefined();
  });

  test("every line once, day by day, latest first; and all that can be added up from them", async () => {
    const perDay = new Map<string, bigint>();
    const perMonth = new Map<string, bigint>();
    const kinds = { adjustment: 0, cancellation: 0, purchase: 0 };
    const [customers, pairs, invoices, codes, items] = [new Set(), new Set(), new Set(), new Set(), new Set()];
    const moments = new Map<string, Set<number>>();
    let identifiedRows = 0;
    const revenue = { identified: new Map<string, bigint>(), net: new Map<string, bigint>() };
    const rows = { identified: new Map<string, bigint>(), net: new Map<string, bigint>() };
    const stock = { positiveQuantity: new Map<string, bigint>(), net: new Map<string, bigint>() };
    const stockRows = { positiveQuantity: new Map<string, bigint>(), net: new Map<string, bigint>() };
    const hits = new Map(Object.keys(answers.descriptionSearch.hits).map((words) => [words, 0]));
    for (const day of days("2010-11-30", 377)) {
      let before = { at: Number.POSITIVE_INFINITY, seq: Number.POSITIVE_INFINITY };
      for await (const line of loaded.shop.linesByDay.each({ day }, { limit: 1_000 })) {
        const at = line.at.getTime();
        if (at > before.at || (at === before.at && line.seq >= before.seq))
          expect.fail(`line ${line.seq} is out of order`);
        before = { at, seq: line.seq };
        const { customerId, invoiceNo, stockCode, quantity, country } = line;
        const total = thousandths(line.total);
        add(perDay, day, 1n);
        add(perMonth, day.slice(0, 7), 1n);
        kinds[
          invoiceNo.startsWith("C")
            ? "cancellation"
            : quantity > 0 && !invoiceNo.startsWith("A")
              ? "purchase"
              : "adjustment"
        ] += 1;
        if (customerId !== undefined) {
          customers.add(customerId);
          pairs.add(`${customerId} ${at}`);
          identifiedRows += 1;
          if (quantity > 0) {
            add(revenue.identified, country, total);
            add(rows.identified, country, 1n);
          }
        }
        invoices.add(invoiceNo);
        codes.add(stockCode);
        items.add(`${invoiceNo} ${stockCode}`);
        if (!moments.has(invoiceNo)) moments.set(invoiceNo, new Set());
        moments.get(invoiceNo)?.add(at);
        add(revenue.net, country, total);
        add(rows.net, country, 1n);
        for (const kind of ["positiveQuantity", "net"] as const) {
          if (kind === "positiveQuantity" && quantity < 0) continue;
          add(stock[kind], stockCode, BigInt(quantity));
          add(stockRows[kind], stockCode, 1n);
        }
        const words = new Set((line.description ?? "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
        for (const [query, count] of hits)
          if (query.split(" ").every((word) => words.has(word))) hits.set(query, count + 1);
      }
    }
    for (const [day, count] of Object.entries(answers.rowsPerDay))
      expect([day, Number(perDay.get(day) ?? 0n)]).toEqual([day, count]);
    expect(Object.fromEntries([...perMonth].map(([month, count]) => [month, Number(count)]))).toEqual(
      answers.rowsPerMonth,
    );
    expect(kinds).toEqual({ ...kinds, ...pick(answers.rowsByKind, ["adjustment", "cancellation", "purchase"]) });
    expect({
      customers: customers.size,
      identifiedRowsAnyQuantity: identifiedRows,
      customerAndTimestamp: pairs.size,
      invoiceAndStockCode: items.size,
      invoices: invoices.size,
      invoicesWithTwoTimestamps: [...moments.values()].filter((set) => set.size > 1).length,
      stockCodes: codes.size,
    }).toEqual(
      pick(
        answers.distinct,
        Object.keys(answers.distinct).filter((key) => key !== "note"),
      ),
    );
    const byCountry = (kind: "identified" | "net"): unknown =>
      Object.fromEntries(
        [...revenue[kind]].map(([country, sum]) => [country, [pennies(sum), Number(rows[kind].get(country))]]),
      );
    const expected = (countries: readonly Country[]): unknown =>
      Object.fromEntries(countries.map(({ country, revenue: sum, rows: count }) => [country, [sum, count]]));
    expect(byCountry("identified")).toEqual(expected(answers.revenuePerCountry.identified));
    expect(byCountry("net")).toEqual(expected(answers.revenuePerCountry.net.countries));
    expect([...revenue.net.values()].reduce((a, b) => a + b, 0n)).toBe(
      thousandths(answers.revenuePerCountry.totals.net),
    );
    for (const kind of ["positiveQuantity", "net"] as const) {
      const best = [...stock[kind]]
        .sort(([a, x], [b, y]) => (x < y ? 1 : x > y ? -1 : a < b ? -1 : 1))
        .slice(0, 10)
        .map(([stockCode, quantity]) => ({
          stockCode,
          quantity: Number(quantity),
          rows: Number(stockRows[kind].get(stockCode)),
        }));
      expect(best).toEqual(answers.topStockCodes[kind]);
    }
    expect(Object.fromEntries(hits)).toEqual(answers.descriptionSearch.hits);
  }, 400_000);
});

function pick(from: object, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, (from as Record<string, unknown>)[key]]));
}
