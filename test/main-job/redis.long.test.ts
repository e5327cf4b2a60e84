/** The whole Online Retail file on Redis: every line, and the answers of its answers file that sums and lists give. */

import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { all, days, pennies, thousandths } from "./answers.js";
import { type LoadedRedisShop, loadedRedisShop } from "./redis.js";

const FOLDER = "../shared/data";
const FILE = `${FOLDER}/online-retail.csv.gz`;
const there = existsSync(FILE) && existsSync(`${FOLDER}/online-retail.answers.json`);

describe.skipIf(!there)(`the Online Retail data set on Redis${there ? "" : ` (skipped: ${FILE} is not there)`}`, () => {
  let loaded: LoadedRedisShop;
  // Its shape is told in online-retail.test.ts.
  let answers: any;
  beforeAll(async () => {
    answers = JSON.parse(readFileSync(`${FOLDER}/online-retail.answers.json`, "utf8"));
    loaded = await loadedRedisShop(FILE);
  }, 900_000);
  afterAll(() => loaded?.[Symbol.asyncDispose](), 120_000);

  test("every line is stored, none rejected", () => {
    const { rows } = answers.source;
    expect(loaded.counts).toEqual({ read: rows, inserted: rows, present: 0, rejected: 0 });
  });

  test("the best customers, of all time and of December 2010", async () => {
    const best = async (range: { from?: string; to?: string }) =>
      (await loaded.shop.topCustomers(range, { limit: 20 })).items.map(({ customerId, total, count }) => ({
        customerId,
        spend: pennies(thousandths(total)),
        rows: count,
      }));
    expect(await best({})).toEqual(answers.topCustomersAllTime);
    expect(await best({ from: "2010-12-01", to: "2011-01-01" })).toEqual(answers.topCustomersDecember2010);
  });

  test("revenue by country, to the last digit", async () => {
    const rows = await all(loaded.shop.revenueByCountry.each({}, { limit: 10 }));
    expect(rows).toEqual(
      answers.revenuePerCountry.positiveQuantity.countries.map(
        ({ country, revenueExact, rows: count }: { country: string; revenueExact: string; rows: number }) => ({
          country,
          total: revenueExact,
          count,
        }),
      ),
    );
  });

  test("a customer's lines, and the number of every day's", async () => {
    const lines = await all(loaded.shop.linesByCustomer.each({ customerId: "17850" }, { limit: 100 }));
    expect(lines).toHaveLength(answers.customer17850.rows);
    const perDay: Record<string, number> = {};
    for (const day of days("2010-11-30", 377))
      perDay[day] = (await all(loaded.shop.linesByDay.each({ day }, { limit: 1_000 }))).length;
    // The answers name some days; all of them together are the file.
    expect(perDay).toMatchObject(answers.rowsPerDay);
    expect(Object.values(perDay).reduce((sum, count) => sum + count, 0)).toBe(answers.source.rows);
  }, 300_000);
});
