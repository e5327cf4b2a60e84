import { auth, Client, types } from "cassandra-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningCassandra, startCassandra } from "./server.js";

let engine: RunningCassandra;
let client: Client;

beforeAll(async () => {
  engine = await startCassandra();
  client = new Client({
    contactPoints: [`127.0.0.1:${engine.port}`],
    localDataCenter: "datacenter1",
    encoding: { map: Map, set: Set },
  });
  await client.connect();
  await client.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute("CREATE TYPE shop.address (street text, lines frozen<list<text>>)");
  await client.execute(
    `CREATE TABLE shop.line (customer text, at timestamp, seq bigint, total decimal, tags set<text>, facts map<text, int>,
       home frozen<address>, note text static, PRIMARY KEY ((customer), at, seq)) WITH CLUSTERING ORDER BY (at DESC, seq ASC)`,
  );
});

afterAll(async () => {
  await client.shutdown();
  await engine.close();
});

const insert =
  "INSERT INTO shop.line (customer, at, seq, total, tags, facts, home, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

it("writes and reads what the driver sends", async () => {
  const at = new Date("2026-01-02T03:04:05.678Z");
  const total = types.BigDecimal.fromString("2.550");
  const values = ["a", at, types.Long.fromString("9007199254740993"), total, ["x", "y"], { b: 2, a: 1 }];
  await client.execute(insert, [...values, { street: "Main", lines: ["1", "2"] }, "hello"], { prepare: true });
  const { rows } = await client.execute("SELECT * FROM shop.line WHERE customer = ?", ["a"], { prepare: true });
  expect(rows).toHaveLength(1);
  const [row] = rows;
  expect(row!["at"]).toEqual(at);
  expect(String(row!["seq"])).toBe("9007199254740993");
  expect(String(row!["total"])).toBe("2.550");
  expect(row!["tags"]).toEqual(new Set(["x", "y"]));
  expect([...(row!["facts"] as Map<string, number>)]).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect(row!["home"]).toMatchObject({ street: "Main", lines: ["1", "2"] });
  expect(row!["note"]).toBe("hello");
});

it("keeps clustering order, slices and pages", async () => {
  for (let seq = 0; seq < 10; seq++)
    await client.execute(
      "INSERT INTO shop.line (customer, at, seq) VALUES (?, ?, ?)",
      ["b", new Date(1000 * (seq % 5)), seq],
      { prepare: true },
    );
  const first = await client.execute("SELECT at, seq FROM shop.line WHERE customer = 'b'", [], {
    prepare: true,
    fetchSize: 4,
  });
  expect(first.rows.map((row) => [Number(row["at"]), Number(row["seq"])])).toEqual([
    [4000, 4],
    [4000, 9],
    [3000, 3],
    [3000, 8],
  ]);
  const rest = await client.execute("SELECT at, seq FROM shop.line WHERE customer = 'b'", [], {
    prepare: true,
    fetchSize: 100,
    pageState: first.pageState,
  });
  expect(rest.rows).toHaveLength(6);
  const slice = await client.execute(
    "SELECT seq FROM shop.line WHERE customer = 'b' AND at >= ? AND at < ? ORDER BY at ASC",
    [new Date(1000), new Date(3000)],
    { prepare: true },
  );
  expect(slice.rows.map((row) => Number(row["seq"]))).toEqual([6, 1, 7, 2]);
});

it("answers a conditional write with the row as it is", async () => {
  const once = "INSERT INTO shop.line (customer, at, seq, total) VALUES ('c', 0, 1, 1.5) IF NOT EXISTS";
  expect((await client.execute(once)).rows[0]!["[applied]"]).toBe(true);
  const again = (await client.execute(once)).rows[0]!;
  expect(again["[applied]"]).toBe(false);
  expect(String(again["total"])).toBe("1.5");
  const update = "UPDATE shop.line SET total = 2 WHERE customer = 'c' AND at = 0 AND seq = 1 IF total = 1.5";
  expect((await client.execute(update)).rows[0]!["[applied]"]).toBe(true);
  expect((await client.execute(update)).rows[0]!["[applied]"]).toBe(false);
});

it("shows the columns of conditions that do not hold in their order, static ones last", async () => {
  await client.execute("CREATE TABLE shop.shared (p int, c int, s text static, a int, b int, PRIMARY KEY (p, c))");
  await client.execute("INSERT INTO shop.shared (p, c, s, a, b) VALUES (1, 1, 'x', 2, 3)");
  const { columns } = await client.execute(
    "DELETE a FROM shop.shared WHERE p = 1 AND c = 1 IF s = 'y' AND b = 9 AND a = 2",
  );
  expect(columns.map(({ name }) => name)).toEqual(["[applied]", "b", "a", "s"]);
});

it("puts versions together by Cassandra's rules", async () => {
  await client.execute("CREATE TABLE shop.cell (k int PRIMARY KEY, v text)");
  const read = async () => (await client.execute("SELECT v FROM shop.cell WHERE k = 1")).rows[0]?.["v"];
  await client.execute("UPDATE shop.cell USING TIMESTAMP 10 SET v = 'a' WHERE k = 1");
  await client.execute("UPDATE shop.cell USING TIMESTAMP 9 SET v = 'z' WHERE k = 1");
  expect(await read()).toBe("a");
  await client.execute("UPDATE shop.cell USING TIMESTAMP 10 SET v = 'b' WHERE k = 1");
  expect(await read()).toBe("b");
  await client.execute("DELETE v FROM shop.cell USING TIMESTAMP 10 WHERE k = 1");
  await client.execute("UPDATE shop.cell USING TIMESTAMP 10 SET v = 'c' WHERE k = 1");
  expect(await read()).toBeUndefined();
  await client.execute("UPDATE shop.cell USING TIMESTAMP 11 SET v = 'd' WHERE k = 1");
  expect(await read()).toBe("d");
  await client.execute("DELETE FROM shop.cell USING TIMESTAMP 20 WHERE k = 1");
  await client.execute("UPDATE shop.cell USING TIMESTAMP 15 SET v = 'e' WHERE k = 1");
  expect(await read()).toBeUndefined();
});

it("counts and deletes counters in one batch", async () => {
  await client.execute("CREATE TABLE shop.visits (page text, day int, n counter, PRIMARY KEY (page, day))");
  await client.execute("UPDATE shop.visits SET n = n + 5 WHERE page = 'a' AND day = 1");
  await client.execute(
    `BEGIN COUNTER BATCH
       UPDATE shop.visits SET n = n + 2 WHERE page = 'a' AND day = 2;
       DELETE FROM shop.visits WHERE page = 'a' AND day = 1;
     APPLY BATCH`,
  );
  const { rows } = await client.execute("SELECT day, n, - n AS less FROM shop.visits WHERE page = 'a'");
  expect(rows.map((row) => [row["day"], Number(row["n"]), Number(row["less"])])).toEqual([[2, 2, -2]]);
});

it("computes and names as Cassandra does", async () => {
  await client.execute("CREATE TABLE shop.sums (k int PRIMARY KEY, a decimal, b decimal, l list<int>)");
  await client.execute("INSERT INTO shop.sums (k, a, b, l) VALUES (1, 10000, 3, [1, 2, 3, 4])");
  const sums = async (what: string) => {
    const { rows, columns } = await client.execute(`SELECT ${what} FROM shop.sums`);
    return [columns[0]!.name, String(rows[0]!.get(0))];
  };
  expect(await sums("a / b")).toEqual(["a / b", `3333.${"3".repeat(32)}`]);
  expect(await sums("-(b - 1) % b / b + (a - b)")).toEqual([
    "-(b - 1) % b / b + (a - b)",
    "9996.33333333333333333333333333333333",
  ]);
  await expect(client.execute("SELECT a + NaN FROM shop.sums")).rejects.toMatchObject({ code: 0x1400 });
  // Each deletion counts from what the one before has left.
  await client.execute("DELETE l[1], l[1] FROM shop.sums WHERE k = 1");
  expect((await client.execute("SELECT l FROM shop.sums")).rows[0]!["l"]).toEqual([1, 4]);
});

it("shows every partition of a table, whatever its token", async () => {
  await client.execute("CREATE TABLE shop.many (k int PRIMARY KEY)");
  const insertMany = "INSERT INTO shop.many (k) VALUES (?)";
  for (let k = 0; k < 1000; k++) await client.execute(insertMany, [k], { prepare: true });
  const { rows } = await client.execute("SELECT k, token(k) FROM shop.many", [], { fetchSize: 5000 });
  expect(rows).toHaveLength(1000);
  const tokens = rows.map((row) => BigInt(String(row["system.token(k)"])));
  expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)));
});

it("refuses what it does not have with Cassandra's error", async () => {
  await expect(client.execute("SELEC 1")).rejects.toMatchObject({ code: 0x2000 });
  await expect(client.execute("SELECT * FROM shop.none")).rejects.toMatchObject({
    code: 0x2200,
    message: "table none does not exist",
  });
  await expect(
    client.execute(
      "CREATE MATERIALIZED VIEW shop.v AS SELECT * FROM shop.cell WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)",
    ),
  ).rejects.toMatchObject({ message: "Materialized views are disabled. Enable in cassandra.yaml to use." });
  await expect(client.execute("SELECT * FROM shop.line WHERE total = 1")).rejects.toThrow("ALLOW FILTERING");
});

it("asks for a password where it has one", async () => {
  const guarded = await startCassandra({ auth: { user: "app", password: "secret" } });
  const as = (password: string) =>
    new Client({
      contactPoints: [`127.0.0.1:${guarded.port}`],
      localDataCenter: "datacenter1",
      authProvider: new auth.PlainTextAuthProvider("app", password),
    });
  const right = as("secret");
  await right.connect();
  expect((await right.execute("SELECT cluster_name FROM system.local")).rows).toHaveLength(1);
  await right.shutdown();
  const wrong = as("other");
  await expect(wrong.connect()).rejects.toThrow();
  await wrong.shutdown();
  await guarded.close();
});
