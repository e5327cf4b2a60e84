import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, concurrent } from "cassandra-driver";
import { afterEach, describe, expect, it } from "vitest";
import { type CassandraOptions, type RunningCassandra, startCassandra } from "./server.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(options: CassandraOptions = {}): Promise<{ engine: RunningCassandra; client: Client }> {
  const engine = await startCassandra(options);
  const client = new Client({ contactPoints: [`127.0.0.1:${engine.port}`], localDataCenter: "datacenter1" });
  open.push(engine, { close: () => client.shutdown() });
  await client.connect();
  return { engine, client };
}

async function makeTable(client: Client): Promise<void> {
  await client.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute(
    "CREATE TABLE k.t (p int, c int, s text static, v int, w text, m map<text, int>, PRIMARY KEY (p, c))",
  );
}

/** What a query by index finds, and what the same query finds without the index. */
async function both(client: Client, where: string, fetchSize = 7) {
  const found: string[][] = [];
  for (const table of ["k.t", "k.plain"]) {
    const rows: string[] = [];
    const text = `SELECT p, c, s, v, w FROM ${table} WHERE ${where} ALLOW FILTERING`;
    for await (const row of await client.execute(text, [], { prepare: true, fetchSize }))
      rows.push(JSON.stringify(row));
    found.push(rows);
  }
  return found;
}

describe("an index", () => {
  it("finds what a look at every row finds, page by page, after any writes", async () => {
    const { client } = await start();
    await makeTable(client);
    await client.execute(
      "CREATE TABLE k.plain (p int, c int, s text static, v int, w text, m map<text, int>, PRIMARY KEY (p, c))",
    );
    const write = async (text: string) => {
      for (const table of ["k.t", "k.plain"]) await client.execute(text.replace("TABLE", table));
    };
    const fill = async (from: number, to: number) => {
      for (let at = from; at < to; at++)
        await write(
          `INSERT INTO TABLE (p, c, s, v, w, m) VALUES (${at % 9}, ${at}, 's${at % 9 < 3}', ${at % 5}, '${"long".repeat(at % 3 === 0 ? 90 : 1)}${at % 2}', {'k${at % 4}': ${at % 3}})`,
        );
    };
    await fill(0, 60);
    for (const target of ["v", "w", "s", "c", "keys(m)"]) await client.execute(`CREATE INDEX ON k.t (${target})`);
    await client.execute("CREATE INDEX by_range ON k.t (v) USING 'sai'");
    await fill(60, 120);
    for (let at = 0; at < 120; at += 7)
      await write(`UPDATE TABLE SET v = 99, m['k9'] = 1 WHERE p = ${at % 9} AND c = ${at}`);
    await write("DELETE FROM TABLE WHERE p = 4");
    await write("DELETE FROM TABLE WHERE p = 5 AND c > 50");
    await write("DELETE m['k1'] FROM TABLE WHERE p = 6 AND c = 33");
    await write("UPDATE TABLE SET s = 'strue' WHERE p = 8");
    const questions = [
      ...["v = 3", "v = 99", "v = 1000", "v > 3", "v >= 1 AND v < 3", "w = 'long0'", `w = '${"long".repeat(90)}1'`],
      ...["s = 'strue'", "c = 44", "m CONTAINS KEY 'k1'", "m CONTAINS KEY 'k9' AND v = 99", "p = 3 AND v = 2"],
    ];
    for (const where of questions) {
      const [ours, plain] = await both(client, where);
      expect(ours, where).toEqual(plain);
      expect((await both(client, where, 1000))[0], where).toEqual(plain);
    }
    expect((await both(client, "v = 99"))[0]!.length).toBeGreaterThan(5);
    await client.execute("TRUNCATE k.t");
    expect((await client.execute("SELECT * FROM k.t WHERE v = 99")).rows).toEqual([]);
  });

  it("reads the rows that it finds and no others", async () => {
    const { client } = await start();
    await makeTable(client);
    await client.execute("CREATE INDEX ON k.t (v)");
    const insert = "INSERT INTO k.t (p, c, v) VALUES (?, ?, ?)";
    const rows = Array.from({ length: 20_000 }, (_, at) => [at % 100, at, at]);
    await concurrent.executeConcurrent(client, insert, rows);
    const times = async (where: string) => {
      const from = performance.now();
      for (let at = 0; at < 5; at++)
        expect((await client.execute(`SELECT c FROM k.t WHERE ${where} ALLOW FILTERING`)).rows).toHaveLength(1);
      return performance.now() - from;
    };
    await times("v = 7");
    // A look at every row takes tens of milliseconds, an entry of an index less than one.
    expect(await times("v = 12345")).toBeLessThan((await times("c = 12345")) / 3);
  });

  it("is there after a restart, with what has been written since", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "keyfold-index-"));
    open.push({ close: () => rm(dataDir, { recursive: true, force: true }) });
    const first = await start({ dataDir });
    await makeTable(first.client);
    await first.client.execute("INSERT INTO k.t (p, c, v) VALUES (1, 1, 5)");
    await first.client.execute("CREATE INDEX by_v ON k.t (v)");
    await first.client.execute("INSERT INTO k.t (p, c, v) VALUES (2, 1, 5)");
    for (const each of open.splice(1).reverse()) await each.close();
    const { client } = await start({ dataDir });
    await client.execute("UPDATE k.t SET v = 6 WHERE p = 1 AND c = 1");
    await client.execute("INSERT INTO k.t (p, c, v) VALUES (3, 1, 5)");
    const found = async () =>
      (await client.execute("SELECT p FROM k.t WHERE v = 5")).rows.map((row) => row["p"]).sort();
    expect(await found()).toEqual([2, 3]);
    await client.execute("DROP INDEX k.by_v");
    await client.execute("CREATE INDEX by_v ON k.t (v)");
    expect(await found()).toEqual([2, 3]);
  });
});

it("an index of Cassandra's own refuses a value that it cannot hold, also as one of several columns", async () => {
  const { client } = await start();
  await client.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute("CREATE TABLE k.b (a int, b blob, c int, d int, PRIMARY KEY (a, b, c))");
  const query = "SELECT * FROM k.b WHERE (b, c) = (?, ?) AND d = ? ALLOW FILTERING";
  const ask = (bytes: number) => client.execute(query, [Buffer.alloc(bytes, 1), 1, 2], { prepare: true });
  expect((await ask(65_536)).rows).toEqual([]);
  await client.execute("CREATE INDEX ON k.b (b)");
  await expect(ask(65_536)).rejects.toThrow("Index expression values may not be larger than 64K");
  expect((await ask(100)).rows).toEqual([]);
});
