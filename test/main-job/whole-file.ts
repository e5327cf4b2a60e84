import { expect, test } from "vitest";
import { all, days, type LoadedShop, pennies, type Shop, thousandths } from "./answers.js";
import type { Answers } from "./retail-file.js";

/** What has the whole file and can be asked, on any engine. */
export interface Loaded extends Pick<LoadedShop, "counts"> {
  readonly shop: Pick<Shop, "topCustomers" | "revenueByCountry" | "linesByCustomer" | "linesByDay">;
}

/** The answers that sums give: the best customers, and the revenue of every country to the last digit. */
export async function checkSums({ shop }: Loaded, answers: Answers): Promise<void> {
  const best = async (range: { from?: string; to?: string }): Promise<unknown> =>
    (await shop.topCustomers(range, { limit: 20 })).items.map(({ customerId, total, count }) => ({
      customerId,
      spend: pennies(thousandths(total)),
      rows: count,
    }));
  expect(await best({})).toEqual(answers.topCustomersAllTime);
  expect(await best({ from: "2010-12-01", to: "2011-01-01" })).toEqual(answers.topCustomersDecember2010);
  expect(await all(shop.revenueByCountry.each({}, { limit: 10 }))).toEqual(
    answers.revenuePerCountry.positiveQuantity.countries.map(({ country, revenueExact, rows: count }) => ({
      country,
      total: revenueExact,
      count,
    })),
  );
}

/** Tests of what `keyfold load` of the whole file left on an engine. */
export function wholeFile(loaded: () => Loaded, answers: () => Answers): void {
  test("every line is stored, none rejected", () => {
    const { rows } = answers().source;
    expect(loaded().counts).toEqual({ read: rows, inserted: rows, present: 0, rejected: 0 });
  });

  test("the best customers, and revenue by country", () => checkSums(loaded(), answers()));

  test("a customer's lines, and the number of every day's", async () => {
    const { shop } = loaded();
    const { customer17850, rowsPerDay, source } = answers();
    const lines = await all(shop.linesByCustomer.each({ customerId: "17850" }, { limit: 100 }));
    expect(lines).toHaveLength(customer17850.rows);
    const perDay: Record<string, number> = {};
    for (const day of days("2010-11-30", 377))
      perDay[day] = (await all(shop.linesByDay.each({ day }, { limit: 1_000 }))).length;
    // The answers name some days; all of them together are the file.
    expect(perDay).toMatchObject(rowsPerDay);
    expect(Object.values(perDay).reduce((sum, count) => sum + count, 0)).toBe(source.rows);
  });
}
