/** The main job on Redis: the same made-up lines are loaded into both engines, and every pattern answers alike. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateLines } from "../../src/cli/demo/generate.js";
import { keyfold, MODEL } from "../cli/keyfold.js";
import { all, type LoadedShop, loadedShop, months } from "./answers.js";
import { type LoadedRedisShop, loadedRedisShop } from "./redis.js";

const LINES = 5_000;
const path = mkdtempSync(join(tmpdir(), "keyfold-redis-job-"));
let mongodb: LoadedShop;
let redis: LoadedRedisShop;
beforeAll(async () => {
  const file = join(path, "lines.csv");
  writeFileSync(file, Buffer.concat([...generateLines({ lines: LINES, seed: 7 })]));
  mongodb = await loadedShop("mongodb", file);
  redis = await loadedRedisShop(file);
}, 240_000);
afterAll(async () => {
  await mongodb?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
  rmSync(path, { recursive: true, force: true });
}, 60_000);

test("every line is stored, and a second load stores none", async () => {
  expect(redis.counts).toEqual({ read: LINES, inserted: LINES, present: 0, rejected: 0 });
  const again = await keyfold(["load", MODEL, "line", join(path, "lines.csv"), "--to", redis.url, "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({ read: LINES, inserted: 0, present: LINES, rejected: 0 });
});

test("each line by its key", async () => {
  const keys = Array.from({ length: LINES + 1 }, (_, at) => ({ seq: at + 1 }));
  expect(await redis.shop.line.getMany(keys)).toEqual(await mongodb.shop.line.getMany(keys));
  expect(await redis.shop.lineBySeq({ seq: 17 })).toEqual(await mongodb.shop.lineBySeq({ seq: 17 }));
});

test("each customer's and each invoice's lines, and each day's", async () => {
  const lines = (await mongodb.shop.line.getMany(Array.from({ length: LINES }, (_, at) => ({ seq: at + 1 })))).map(
    (line) => line!,
  );
  for (const customerId of [...new Set(lines.flatMap((line) => line.customerId ?? []))].slice(0, 60)) {
    expect(await all(redis.shop.linesByCustomer.each({ customerId }, { limit: 37 }))).toEqual(
      await all(mongodb.shop.linesByCustomer.each({ customerId }, { limit: 100 })),
    );
  }
  for (const invoiceNo of [...new Set(lines.map((line) => line.invoiceNo))].filter((_, at) => at % 9 === 0)) {
    expect(await all(redis.shop.linesByInvoice.each({ invoiceNo }, { limit: 5 }))).toEqual(
      await all(mongodb.shop.linesByInvoice.each({ invoiceNo })),
    );
  }
  for (const day of [...new Set(lines.map(({ at }) => at.toISOString().slice(0, 10)))].filter(
    (_, at) => at % 5 === 0,
  )) {
    expect(await all(redis.shop.linesByDay.each({ day }, { limit: 50 }))).toEqual(
      await all(mongodb.shop.linesByDay.each({ day })),
    );
  }
});

test("the best customers and revenue by country, of every month, of odd ranges and of all time", async () => {
  for (const range of [
    ...months().map(({ from, to }) => ({ from, to })),
    {},
    { from: "2011-03-05" },
    { to: "2011-03-05" },
    { from: "2010-12-14", to: "2011-10-02" },
  ]) {
    expect(await all(redis.shop.topCustomers.each(range, { limit: 50 }))).toEqual(
      await all(mongodb.shop.topCustomers.each(range, { limit: 1_000 })),
    );
    expect(await all(redis.shop.revenueByCountry.each(range, { limit: 7 }))).toEqual(
      await all(mongodb.shop.revenueByCountry.each(range)),
    );
  }
});

test("the program asks Redis as it asks MongoDB", async () => {
  const asked = await keyfold([
    "query",
    MODEL,
    "topCustomers",
    "from=2010-12-01",
    "to=2011-01-01",
    "--at",
    redis.url,
    "--limit",
    "3",
    "--json",
  ]);
  expect(asked.code, asked.stderr).toBe(0);
  const rows = (await mongodb.shop.topCustomers({ from: "2010-12-01", to: "2011-01-01" }, { limit: 3 })).items;
  for (const { customerId, total } of rows)
    expect(asked.stdout).toContain(`"customerId":"${customerId}","total":"${total}"`);
});
