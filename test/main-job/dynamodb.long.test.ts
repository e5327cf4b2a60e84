/**
 * The whole Online Retail file on DynamoDB: every line, the answers of its answers file that sums and lists give, what a
 * read of all time costs before and after its days were folded, and a line that comes late.
 */

import { connect } from "keyfold";
import { dynamodb, open } from "keyfold/dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import model from "../../examples/online-retail/model.js";
import { keyfold, MODEL } from "../cli/keyfold.js";
import { all, type LoadedShop, loadedShop, thousandths } from "./answers.js";
import { type Answers, FILE, readAnswers, skipped, there } from "./retail-file.js";
import { checkSums, wholeFile } from "./whole-file.js";

type Folded = { readonly pattern: string; readonly bucket: string; readonly state: string };

describe.skipIf(!there)(`the Online Retail data set on DynamoDB${skipped}`, () => {
  let loaded: LoadedShop;
  let answers: Answers;
  beforeAll(async () => {
    answers = readAnswers();
    loaded = await loadedShop("dynamodb", FILE);
    console.log(`loaded ${loaded.counts.inserted} lines in ${Math.round(loaded.loadMs / 1_000)} s`);
  }, 1_800_000);
  afterAll(() => loaded?.[Symbol.asyncDispose](), 120_000);

  const fold = async (): Promise<readonly Folded[]> => {
    const { code, stdout, stderr } = await keyfold(["fold", MODEL, "--at", loaded.url, "--json"]);
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as { readonly buckets: readonly Folded[] }).buckets;
  };
  const count = (buckets: readonly Folded[], state: string): number =>
    buckets.filter((bucket) => bucket.state === state).length;

  wholeFile(
    () => loaded,
    () => answers,
  );

  test("folded days cost a fiftieth to read or less, and a late line opens its own day alone", {
    timeout: 900_000,
  }, async () => {
    const { shop } = loaded;
    const cost = async () => {
      const [customers, countries] = [await shop.topCustomers.explain({}), await shop.revenueByCountry.explain({})];
      return { customers: customers.units as number, countries: countries.units as number };
    };
    const before = await cost();
    const from = performance.now();
    const first = await fold();
    const foldMs = performance.now() - from;
    const after = await cost();
    const daysSold = count(first, "folded") / 2;
    console.log(
      `read units of all time, unfolded and folded: topCustomers ${before.customers} → ${after.customers}, revenueByCountry ${before.countries} → ${after.countries}; ${first.length} buckets folded in ${Math.round(foldMs / 1_000)} s`,
    );
    expect(first.every(({ state }) => state === "folded")).toBe(true);
    // Two patterns, each with a bucket for each day that has a sale.
    expect(daysSold).toBeGreaterThan(300);
    expect(after.customers).toBeLessThan(before.customers / 50);
    expect(after.countries).toBeLessThan(before.countries / 50);
    await checkSums(loaded, answers);

    const { client, table } = open(loaded.url);
    const late = connect(model, dynamodb(client, { table }));
    const line = {
      seq: answers.source.rows + 1,
      invoiceNo: "581588",
      stockCode: "85123A",
      quantity: 1,
      unitPrice: "2.550",
      total: "2.550",
      at: new Date("2010-12-05T12:00:00Z"),
      customerId: "17850",
      country: "EIRE",
    } as const;
    const revenue = async (): Promise<bigint> =>
      (await all(shop.revenueByCountry.each({}, { limit: 50 }))).reduce((sum, row) => sum + thousandths(row.total), 0n);
    const whole = thousandths(answers.revenuePerCountry.totals.positiveQuantity);
    expect(await revenue()).toBe(whole);
    expect((await late.line.insert(line)).applied).toBe(true);
    expect(await revenue()).toBe(whole + 2_550n);
    const opened = await fold();
    // Its writer may yet add to that day: both patterns' buckets of it stay open.
    expect(opened.filter(({ state }) => state !== "same").map(({ bucket, state }) => [bucket, state])).toEqual([
      ["2010-12-05", "open"],
      ["2010-12-05", "open"],
    ]);
    await late.$close();
    client.destroy();
    const again = await fold();
    expect(again.filter(({ state }) => state !== "same").map(({ bucket, state }) => [bucket, state])).toEqual([
      ["2010-12-05", "folded"],
      ["2010-12-05", "folded"],
    ]);
    expect(await revenue()).toBe(whole + 2_550n);
  });
});
