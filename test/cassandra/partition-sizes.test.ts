/**
 * Partitions as the plan reckons them beside what Apache Cassandra wrote: the Online Retail file is loaded, and Cassandra's
 * own sstablepartitions tells the bytes of each partition before compression. By `npm run test:real -- cassandra`;
 * KEYFOLD_TEST_LINES=541909 takes the whole file.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import model from "../../examples/online-retail/model.js";
import { open } from "../../src/adapters/cassandra/index.js";
import { describe as describeModel } from "../../src/index.js";
import { planCassandra } from "../../src/plan/cassandra/plan.js";
import { partitionKeyBytes } from "../../src/plan/cassandra/sizes.js";
import { type LoadedShop, loadedShop } from "../main-job/answers.js";
import { FILE, there } from "../main-job/retail-file.js";

/** Of the real node: set by `npm run test:real -- cassandra`. */
const data = process.env["KEYFOLD_TEST_CASSANDRA_FOLDER"];
const LINES = Number(process.env["KEYFOLD_TEST_LINES"] ?? 30_000);
const skipped = data === undefined ? " (skipped: no real Cassandra's folder)" : there ? "" : ` (skipped: no ${FILE})`;

interface Partition {
  readonly table: string;
  readonly key: string;
  bytes: number;
  rows: number;
}

/** Every partition of a keyspace, from all files that it is in. */
async function partitionsOf(keyspace: string): Promise<readonly Partition[]> {
  const { cassandraTool } = (await import("../../scripts/real-engines/cassandra.mjs" as string)) as {
    cassandraTool(options: { java: string; lib: string; tool: string; args: readonly string[] }): Promise<string>;
  };
  const { cacheDir } = (await import("../../scripts/real-engines/recipes.mjs" as string)) as { cacheDir: string };
  const home = process.env["JAVA_HOME"];
  const stdout = await cassandraTool({
    java: home === undefined ? "java" : join(home, "bin/java"),
    lib: join(cacheDir, "keyfold-cassandra", "lib"),
    tool: "SSTablePartitions",
    args: ["--csv", "--min-size", "0", "--recursive", join(data as string, "data", keyspace)],
  });
  // Its log goes to the same place.
  const lines = stdout.split("\n").filter((line) => line.startsWith('"') || line.startsWith("key,"));
  const found = new Map<string, Partition>();
  for (const row of parse(lines.join("\n"), { columns: true }) as Record<string, string>[]) {
    const name = `${row["table"]} ${row["keyBinary"]}`;
    const known = found.get(name) ?? { table: row["table"] as string, key: row["key"] as string, bytes: 0, rows: 0 };
    known.bytes += Number(row["size"]);
    known.rows += Number(row["rowCount"]);
    found.set(name, known);
  }
  return [...found.values()];
}

describe.skipIf(skipped !== "")(`partitions of the Online Retail data${skipped}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-sizes-"));
  let loaded: LoadedShop;
  let partitions: readonly Partition[];
  beforeAll(async () => {
    const lines = gunzipSync(readFileSync(FILE))
      .toString()
      .split("\n")
      .slice(0, LINES + 1);
    writeFileSync(join(folder, "lines.csv"), `${lines.join("\n")}\n`);
    loaded = await loadedShop("cassandra", join(folder, "lines.csv"));
    const { client, keyspace } = open(loaded.url);
    const { rows } = await client.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", [
      keyspace,
    ]);
    for (const row of rows)
      await client.execute(`ALTER TABLE ${keyspace}.${row["table_name"]} WITH memtable_flush_period_in_ms = 1000`);
    await client.shutdown();
    const rowsOf = (table: string): number =>
      partitions.reduce((sum, partition) => sum + (partition.table === table ? partition.rows : 0), 0);
    do {
      await setTimeout(2_000);
      partitions = await partitionsOf(keyspace);
    } while (rowsOf("line") < LINES || rowsOf("line_by_invoice_no_seq") < LINES);
  }, 1_800_000);
  afterAll(async () => {
    await loaded?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test("are within a quarter of what the plan says", () => {
    const described = describeModel(model);
    const entity = described.entities["line"]!;
    const { tables } = planCassandra(described).entities["line"]!;
    const report: string[] = [];
    const ratios: Record<string, number> = {};
    for (const table of tables) {
      const own = partitions.filter((partition) => partition.table === table.name);
      const reckoned = (count: number, rows: number): number =>
        count * partitionKeyBytes(described, entity, table.partition) + rows * table.estimate.rowBytes;
      const largest = own.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      const [bytes, rows] = own.reduce(([b, r], one) => [b + one.bytes, r + one.rows], [0, 0] as [number, number]);
      ratios[`${table.name}, largest`] = reckoned(1, largest.rows) / largest.bytes;
      ratios[`${table.name}, all`] = reckoned(own.length, rows) / bytes;
      report.push(
        `${table.name}: ${own.length} partitions, ${rows} rows, ${bytes} bytes, reckoned × ${ratios[`${table.name}, all`]!.toFixed(2)}; ` +
          `the largest (${largest.key}) ${largest.rows} rows, ${largest.bytes} bytes, reckoned × ${ratios[`${table.name}, largest`]!.toFixed(2)}`,
      );
    }
    console.log(report.join("\n"));
    expect(Object.keys(ratios)).toHaveLength(12);
    expect(Object.entries(ratios).filter(([, ratio]) => ratio < 0.75 || ratio > 1.25)).toEqual([]);
  });
});
