import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { generateLines } from "../../src/cli/demo/generate.js";
import { folder, keyfold, MODEL, type Ran, server, start } from "./keyfold.js";

// Each test starts several processes, perhaps on a machine that is busy with others.
vi.setConfig({ testTimeout: 90_000 });

const { file, path } = folder();
let host: Awaited<ReturnType<typeof server>>;
beforeAll(async () => {
  host = await server();
});
afterAll(() => host.close());

async function applied(model = MODEL): Promise<string> {
  const url = host.database();
  const ran = await keyfold(["apply", model, "--to", url]);
  expect(ran.code, ran.stderr).toBe(0);
  return url;
}

const load = (source: string, url: string, ...more: string[]): Promise<Ran> =>
  keyfold(["load", MODEL, "line", source, "--to", url, "--json", ...more], { cwd: path });

async function query(url: string, ...words: string[]): Promise<Record<string, unknown>[]> {
  const ran = await keyfold(["query", MODEL, ...words, "--at", url, "--json"]);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Every record of the first days: enough to compare two loads. */
async function everything(url: string): Promise<Record<string, unknown>[]> {
  const days = Array.from({ length: 10 }, (_, at) => new Date(Date.UTC(2010, 11, 1 + at)).toISOString().slice(0, 10));
  return (await Promise.all(days.map((day) => query(url, "linesByDay", `day=${day}`)))).flat();
}

const HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const row = (invoice: string, description = "LANTERN", quantity = "6"): string =>
  `${invoice},85123A,${description},${quantity},12/1/2010 8:26,2.55,17850,United Kingdom\n`;

describe("load", () => {
  test("gives records as the mapping makes them, exact and typed", async () => {
    const url = await applied();
    const ran = await load(file("one.csv", HEADER + row("536365", '"SAY ""HI"", ALL "', "-3")), url);
    expect(ran).toMatchObject({ code: 0, stdout: '{"read":1,"inserted":1,"present":0,"rejected":0}\n', stderr: "" });
    expect(await query(url, "lineBySeq", "seq=1")).toEqual([
      {
        seq: 1,
        invoiceNo: "536365",
        stockCode: "85123A",
        description: 'SAY "HI", ALL ',
        quantity: -3,
        unitPrice: "2.550",
        total: "-7.650",
        at: "2010-12-01T08:26:00.000Z",
        customerId: "17850",
        country: "United Kingdom",
      },
    ]);
  });

  test("plain, gzip, by name, by content and from standard input are the same", async () => {
    const url = await applied();
    const text = HEADER + row("1") + row("2") + row("3");
    expect((await load(file("a.csv", text), url)).stdout).toContain('"inserted":3');
    expect((await load(file("a.csv.gz", gzipSync(text)), url)).stdout).toContain('"present":3');
    expect((await load(file("a.dat", gzipSync(text)), url)).stdout).toContain('"present":3');
    for (const input of [text, gzipSync(text), `\ufeff${text.replaceAll("\n", "\r\n")}`]) {
      const ran = await keyfold(["load", MODEL, "line", "-", "--to", url, "--json"], { input, cwd: path });
      expect(ran.stdout, ran.stderr).toBe('{"read":3,"inserted":0,"present":3,"rejected":0}\n');
    }
  });

  test("rejects what is wrong, with its place and its text, and goes on", async () => {
    const url = await applied();
    const lines = [
      row("536365"),
      row("536366", '"NEVER CLOSED'),
      row("536367"),
      row("536368", 'A 5" NAIL'),
      "536369,85123A,LANTERN,6,12/1/2010 8:26,2.55\n",
      row("536370", "LANTERN", "many"),
      "536371,85123A,LANTERN,6,13/32/2010 8:26,2.55,17850,United Kingdom\n",
      "536372,85123A,LANTERN,6,12/1/2010 8:26,2.5555,17850,United Kingdom\n",
      ",85123A,LANTERN,6,12/1/2010 8:26,2.55,17850,United Kingdom\n",
      row("536374", "", "9"),
    ];
    const bytes = Buffer.concat([Buffer.from(HEADER + lines.join("")), Buffer.from([0x35, 0xe9, 0x0a])]);
    const ran = await load(file("dirty.csv", bytes), url);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe('{"read":11,"inserted":3,"present":0,"rejected":8}\n');
    expect(ran.stderr).toMatch(/8 rejected, with reasons in .*dirty\.csv\.rejects\.ndjson/);
    const rejects = readFileSync(join(path, "dirty.csv.rejects.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { line: number; row: number; reason: string; text: string })
      .sort((a, b) => a.line - b.line);
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [3, expect.stringMatching(/quote/)],
      [5, expect.stringMatching(/a quote inside column 3/)],
      [6, "8 columns expected, 6 found"],
      [7, 'column Quantity: "many" is not a whole number'],
      [8, expect.stringMatching(/column InvoiceDate: .*not a moment of the calendar/)],
      [9, expect.stringMatching(/column UnitPrice: 2\.5555 has more than 3 digits/)],
      [10, "column InvoiceNo is empty, and invoiceNo must have a value"],
      [12, expect.stringMatching(/not UTF-8/)],
    ]);
    expect(rejects[0]?.text).toBe(lines[1]?.trimEnd());
    // The rows that were good keep their positions, whatever was rejected before them.
    expect((await query(url, "linesByInvoice", "invoiceNo=536374")).map(({ seq }) => seq)).toEqual([10]);
  });

  test("a clean run removes what an earlier one rejected", async () => {
    const url = await applied();
    const source = file("mended.csv", HEADER + row("1", "LANTERN", "x"));
    await load(source, url);
    expect(existsSync(`${source}.rejects.ndjson`)).toBe(true);
    file("mended.csv", HEADER + row("1"));
    await load(source, url);
    expect(existsSync(`${source}.rejects.ndjson`)).toBe(false);
  });

  test("another record under the same key is rejected, not stored over it", async () => {
    const url = await applied();
    await load(file("first.csv", HEADER + row("1") + row("2")), url);
    const ran = await load(file("second.csv", HEADER + row("1") + row("OTHER")), url);
    expect(ran.stdout).toBe('{"read":2,"inserted":0,"present":1,"rejected":1}\n');
    expect(readFileSync(join(path, "second.csv.rejects.ndjson"), "utf8")).toMatch(
      /"line":3,"row":2,"reason":".*(different|another)/i,
    );
    expect((await query(url, "lineBySeq", "seq=2"))[0]).toMatchObject({ invoiceNo: "2" });
  });

  test("where two lines of a file have one key, the first is stored, however many requests are under way", async () => {
    const lines = Array.from({ length: 400 }, (_, at) =>
      JSON.stringify({ ...json, seq: at % 100, invoiceNo: `i${at}` }),
    );
    const url = await applied();
    const ran = await load(file("doubles.ndjson", `${lines.join("\n")}\n`), url, "--batch", "30", "--in-flight", "8");
    // The example's mapping takes seq from the row, so all are different there; the plain model has no mapping.
    expect(ran.stdout).toContain('"rejected":400');
    const plain = file("plain.ts", PLAIN);
    const again = await applied(plain);
    const loaded = await keyfold(
      [
        "load",
        plain,
        "line",
        join(path, "doubles.ndjson"),
        "--to",
        again,
        "--json",
        "--batch",
        "30",
        "--in-flight",
        "8",
      ],
      { cwd: path },
    );
    expect(loaded.stdout, loaded.stderr).toBe('{"read":400,"inserted":100,"present":0,"rejected":300}\n');
    const stored = await keyfold(["query", plain, "all", "country=EIRE", "--at", again, "--json"]);
    const records = stored.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { seq: number; invoiceNo: string });
    expect(records.map(({ seq, invoiceNo }) => `${seq}:${invoiceNo}`)).toEqual(
      Array.from({ length: 100 }, (_, at) => `${at}:i${at}`),
    );
  });

  test("what query prints, load reads: a copy has the same records", async () => {
    const plain = file("plain.ts", PLAIN);
    const [from, to] = [await applied(plain), await applied(plain)];
    const records = Array.from({ length: 50 }, (_, at) =>
      JSON.stringify({ ...json, seq: at, total: "1.5", big: "9223372036854775807" }),
    );
    await keyfold(["load", plain, "line", "-", "--to", from], { input: records.join("\n"), cwd: path });
    const printed = await keyfold(["query", plain, "all", "country=EIRE", "--at", from, "--json"]);
    const copied = await keyfold(["load", plain, "line", "-", "--to", to, "--json"], {
      input: printed.stdout,
      cwd: path,
    });
    expect(copied.stdout, copied.stderr).toBe('{"read":50,"inserted":50,"present":0,"rejected":0}\n');
    expect((await keyfold(["query", plain, "all", "country=EIRE", "--at", to, "--json"])).stdout).toBe(printed.stdout);
    expect(printed.stdout).toContain('"total":"1.500"');
    expect(printed.stdout).toContain('"big":"9223372036854775807"');
  });

  test("a record too large for the engine, and numbers out of range, are rejected with their reasons", async () => {
    const plain = file("plain.ts", PLAIN);
    const url = await applied(plain);
    const records = [
      { ...json, seq: 1 },
      { ...json, seq: 2, invoiceNo: "x".repeat(20_000_000) },
      { ...json, seq: 3, big: "9223372036854775808" },
      { ...json, seq: 2 ** 53 },
      { ...json, seq: 5, nothing: 1 },
      { ...json, seq: 6 },
    ];
    const input = records.map((record) => JSON.stringify(record)).join("\n");
    const ran = await keyfold(["load", plain, "line", "-", "--to", url, "--json", "--rejects", "large.ndjson"], {
      input,
      cwd: path,
    });
    expect(ran.stdout, ran.stderr).toBe('{"read":6,"inserted":2,"present":0,"rejected":4}\n');
    const rejects = readFileSync(join(path, "large.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { line: number; reason: string })
      .sort((a, b) => a.line - b.line);
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [2, expect.stringMatching(/16 ?M|16,777,216|larger|too large/i)],
      [3, expect.stringMatching(/big: .*beyond the signed 64-bit range/)],
      [4, expect.stringMatching(/seq: .*beyond/)],
      [5, "nothing is no field of line"],
    ]);
  });

  test.each([
    ["lacks a column", "InvoiceNo,Quantity\n1,2\n", /the file has no column StockCode/],
    ["is empty", "", /the file is empty/],
    ["has a broken header", '"InvoiceNo,Stock\n1,2\n', /the first line, which names the columns, cannot be read/],
    ["is cut gzip", gzipSync(HEADER + row("1").repeat(50)).subarray(0, 100), /gzip data is damaged or cut off/],
  ])("a file that %s is told as a whole", async (_, text, message) => {
    const ran = await load(file("bad.csv", text as string | Buffer), await applied());
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(message);
  });

  test("interrupted in the midst of a line, it stops at once and takes the half line for no row", async () => {
    const url = await applied();
    const whole = HEADER + row("1") + row("2") + row("3");
    // Cut inside the last cell: the half would pass as a country.
    const running = start(["load", MODEL, "line", "-", "--to", url, "--json", "--batch", "1"], {
      cwd: path,
      input: whole.slice(0, -5),
      openInput: true,
    });
    const watching = new MongoClient(url);
    while ((await watching.db().collection("line").estimatedDocumentCount()) < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await watching.close();
    running.child.kill("SIGINT");
    const ran = await running.ended;
    expect(ran).toMatchObject({ code: 130, stdout: '{"read":2,"inserted":2,"present":0,"rejected":0}\n' });
    expect(ran.stderr).toMatch(/interrupted; the same command goes on/);
    const again = await load(file("whole.csv", whole), url);
    expect(again.stdout, again.stderr).toBe('{"read":3,"inserted":1,"present":2,"rejected":0}\n');
  });

  test("killed with kill -9 again and again, then repeated: the same records as one whole run", async () => {
    const source = file("many.csv", Buffer.concat([...generateLines({ lines: 6_000, seed: 3 })]));
    const [cut, whole] = [await applied(), await applied()];
    expect((await load(source, whole)).stdout).toContain('"inserted":6000');
    let before = -1;
    const watching = new MongoClient(cut);
    for (let kill = 0; kill < 3; kill++) {
      const running = start(["load", MODEL, "line", source, "--to", cut, "--json", "--batch", "100"], { cwd: path });
      // Killed at different moments: when so many more records are there.
      while (running.child.exitCode === null) {
        const found = await watching.db().collection("line").estimatedDocumentCount();
        if (found > before + 400) {
          before = found;
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      running.child.kill("SIGKILL");
      const ran = await running.ended;
      expect(ran.signal === "SIGKILL" || ran.code === 0).toBe(true);
    }
    await watching.close();
    const last = await load(source, cut);
    expect(last.code, last.stderr).toBe(0);
    const counts = JSON.parse(last.stdout) as Record<string, number>;
    expect(counts["read"]).toBe(6_000);
    expect(counts["present"]).toBeGreaterThan(400);
    expect((counts["inserted"] as number) + (counts["present"] as number)).toBe(6_000);
    expect(await everything(cut)).toEqual(await everything(whole));
    expect(await query(cut, "revenueByCountry")).toEqual(await query(whole, "revenueByCountry"));
    expect((await load(source, cut)).stdout).toBe('{"read":6000,"inserted":0,"present":6000,"rejected":0}\n');
  }, 120_000);
});

const json = { seq: 0, invoiceNo: "1", total: "1.500", at: "2010-12-01T08:26:00.000Z", country: "EIRE" };
const PLAIN = `import { decimal, defineModel, entity, list } from "keyfold";
import { z } from "zod";
const line = entity("line", {
  schema: z.object({ seq: z.int(), invoiceNo: z.string(), total: decimal(3), at: z.date(), country: z.string(), big: z.bigint().optional() }),
  key: ["seq"],
});
export default defineModel({ entities: { line }, patterns: { all: list(line, { by: ["country"], order: { seq: "asc" } }) } });
`;
