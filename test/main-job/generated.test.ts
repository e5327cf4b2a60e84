/**
 * The main job where the data set is not at hand: made-up lines, and the answers computed from the same file by another
 * reader of CSV and with whole numbers.
 */

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateLines } from "../../src/cli/demo/generate.js";
import { keyfold, MODEL } from "../cli/keyfold.js";
import { all, engines, type LoadedShop, loadedShop, months } from "./answers.js";

interface Row {
  readonly seq: number;
  readonly invoiceNo: string;
  readonly stockCode: string;
  readonly description: string | undefined;
  readonly quantity: number;
  readonly price: bigint;
  readonly total: bigint;
  readonly at: Date;
  readonly customerId: string | undefined;
  readonly country: string;
}

const LINES = 8_000;

/** What the file says, read by csv-parse; amounts in thousandths. */
function expectedRows(text: Buffer): Row[] {
  const cells = parse(text, { columns: true }) as Record<string, string>[];
  return cells.map((cell, at) => {
    const [whole = "0", fraction = ""] = (cell["UnitPrice"] as string).split(".");
    const price = BigInt(whole) * 1_000n + BigInt(fraction.padEnd(3, "0"));
    const [date, time] = (cell["InvoiceDate"] as string).split(" ") as [string, string];
    const [month, day, year] = date.split("/").map(Number) as [number, number, number];
    const [hour, minute] = time.split(":").map(Number) as [number, number];
    const quantity = Number(cell["Quantity"]);
    return {
      seq: at + 1,
      invoiceNo: cell["InvoiceNo"] as string,
      stockCode: cell["StockCode"] as string,
      description: cell["Description"] === "" ? undefined : cell["Description"],
      quantity,
      price,
      total: price * BigInt(quantity),
      at: new Date(Date.UTC(year, month - 1, day, hour, minute)),
      customerId: cell["CustomerID"] === "" ? undefined : cell["CustomerID"],
      country: cell["Country"] as string,
    };
  });
}

function decimal(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(4, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

function record(row: Row): Record<string, unknown> {
  const { price, total, description, customerId, ...rest } = row;
  return {
    ...rest,
    unitPrice: decimal(price),
    total: decimal(total),
    ...(description === undefined ? {} : { description }),
    ...(customerId === undefined ? {} : { customerId }),
  };
}

const latestFirst = (a: Row, b: Row): number => b.at.getTime() - a.at.getTime() || b.seq - a.seq;

function groups(rows: readonly Row[], by: "customerId" | "country"): { key: string; total: string; count: number }[] {
  const sums = new Map<string, { total: bigint; count: number }>();
  for (const row of rows) {
    const key = row[by];
    if (key === undefined || row.quantity <= 0) continue;
    const sum = sums.get(key) ?? { total: 0n, count: 0 };
    sums.set(key, { total: sum.total + row.total, count: sum.count + 1 });
  }
  return [...sums]
    .sort(([a, x], [b, y]) => (x.total < y.total ? 1 : x.total > y.total ? -1 : a < b ? -1 : 1))
    .map(([key, { total, count }]) => ({ key, total: decimal(total), count }));
}

describe.each(engines)("made-up invoice lines on $engine", ({ engine }) => {
  const text = Buffer.concat([...generateLines({ lines: LINES, seed: 11 })]);
  const rows = expectedRows(text);
  const path = mkdtempSync(join(tmpdir(), "keyfold-main-job-"));
  let loaded: LoadedShop;
  beforeAll(async () => {
    writeFileSync(join(path, "lines.csv"), text);
    loaded = await loadedShop(engine, join(path, "lines.csv"));
  }, 120_000);
  afterAll(async () => {
    await loaded?.[Symbol.asyncDispose]();
    rmSync(path, { recursive: true, force: true });
  });

  test("are the same for the same seed, and have the original's dirt", () => {
    const digest = (seed: number): string =>
      createHash("sha256")
        .update(Buffer.concat([...generateLines({ lines: 500, seed })]))
        .digest("hex");
    expect(digest(11)).toBe(digest(11));
    expect(digest(11)).not.toBe(digest(12));
    expect(rows).toHaveLength(LINES);
    for (const dirt of [
      rows.some(({ customerId }) => customerId === undefined),
      rows.some(({ description }) => description === undefined),
      rows.some(({ description }) => description?.includes('"') && description.includes("SIGN")),
      rows.some(({ invoiceNo, quantity }) => invoiceNo.startsWith("C") && quantity < 0),
      rows.some(({ price }) => price === 0n),
      rows.some(({ country }) => country !== "United Kingdom"),
    ]) {
      expect(dirt).toBe(true);
    }
    expect(rows.every((row, at) => at === 0 || row.at >= (rows[at - 1] as Row).at)).toBe(true);
  });

  test("are all stored", () => {
    expect(loaded.counts).toEqual({ read: LINES, inserted: LINES, present: 0, rejected: 0 });
  });

  test("each is found by its key", async () => {
    const found = await loaded.shop.line.getMany(rows.map(({ seq }) => ({ seq })));
    expect(found).toEqual(rows.map(record));
    expect(await loaded.shop.lineBySeq({ seq: 1 })).toEqual(record(rows[0] as Row));
  });

  test("each customer's, latest first", async () => {
    for (const customerId of new Set(rows.flatMap((row) => row.customerId ?? []))) {
      const expected = rows.filter((row) => row.customerId === customerId).sort(latestFirst);
      expect(await all(loaded.shop.linesByCustomer.each({ customerId }, { limit: 37 }))).toEqual(expected.map(record));
    }
  });

  test("each invoice's, in the order of the file", async () => {
    for (const invoiceNo of [...new Set(rows.map((row) => row.invoiceNo))].filter((_, at) => at % 7 === 0)) {
      const expected = rows.filter((row) => row.invoiceNo === invoiceNo);
      expect(await all(loaded.shop.linesByInvoice.each({ invoiceNo }, { limit: 5 }))).toEqual(expected.map(record));
    }
  });

  test("each day's, latest first", async () => {
    const nameOf = (row: Row): string => row.at.toISOString().slice(0, 10);
    for (const day of [...new Set(rows.map(nameOf)), "2010-12-25"]) {
      const expected = rows.filter((row) => nameOf(row) === day).sort(latestFirst);
      expect(await all(loaded.shop.linesByDay.each({ day }, { limit: 50 }))).toEqual(expected.map(record));
    }
  });

  const sums = async (): Promise<void> => {
    const bounds = [
      ...months(),
      { from: undefined, to: undefined },
      { from: "2011-03-05", to: undefined },
      { from: undefined, to: "2011-03-05" },
    ];
    for (const { from, to } of bounds) {
      const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
      const start = from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from);
      const end = to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to);
      const within = rows.filter(({ at }) => at.getTime() >= start && at.getTime() < end);
      const customers = await all(loaded.shop.topCustomers.each(range, { limit: 100 }));
      expect(customers).toEqual(
        groups(within, "customerId").map(({ key, total, count }) => ({ customerId: key, total, count })),
      );
      const countries = await all(loaded.shop.revenueByCountry.each(range, { limit: 7 }));
      expect(countries).toEqual(
        groups(within, "country").map(({ key, total, count }) => ({ country: key, total, count })),
      );
    }
  };

  test("the best customers and revenue by country, of every month and of all time", sums);

  test("the same after closed days were folded, and with lines that come late", { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await keyfold(["fold", MODEL, "--at", loaded.url, "--json"]);
    expect(code, stderr).toBe(0);
    const { buckets } = JSON.parse(stdout) as { buckets: { state: string }[] };
    const days = new Set(rows.filter((row) => row.quantity > 0).map((row) => row.at.toISOString().slice(0, 10)));
    // Where the engine computes its sums, there is nothing to fold; every day of both patterns where it does not.
    if (engine === "mongodb") expect(buckets).toEqual([]);
    else {
      expect(buckets.every(({ state }) => state === "folded")).toBe(true);
      expect(buckets.length).toBeGreaterThan(days.size);
      expect(buckets.length).toBeLessThanOrEqual(2 * days.size);
    }
    await sums();
    const late = { ...(rows[0] as Row), seq: LINES + 1 };
    expect((await loaded.shop.line.insert(record(late) as never)).applied).toBe(true);
    rows.push(late);
    await sums();
  });
});
