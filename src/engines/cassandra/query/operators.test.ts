/** Operators among values whose types only what is wanted can tell, as Cassandra resolves them. */

import { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCassandra, startCassandra } from "../server.js";

let engine: RunningCassandra;
let client: Client;
beforeAll(async () => {
  engine = await startCassandra({});
  client = new Client({ contactPoints: [`127.0.0.1:${engine.port}`], localDataCenter: "datacenter1" });
  await client.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute("CREATE TABLE k.n (p int, c tinyint, s smallint, d double, PRIMARY KEY (p, c, s))");
  await client.execute("INSERT INTO k.n (p, c, s, d) VALUES (2, 2, 2, 0.5)");
  await client.execute("CREATE TABLE k.t (p int, at timestamp, PRIMARY KEY (p, at))");
  await client.execute("INSERT INTO k.t (p, at) VALUES (1, '2016-09-27 16:21:00Z')");
});
afterAll(async () => {
  await client?.shutdown();
  await engine?.close();
});

const rows = async (query: string, params: readonly unknown[] = []): Promise<number> =>
  (await client.execute(query, [...params], { prepare: true })).rows.length;

test("constants take the type that is wanted", async () => {
  expect(await rows("SELECT * FROM k.n WHERE p = 1 + 1 AND c = 1 + 1 AND s = 1 * (1 + 1)")).toBe(1);
  await client.execute("UPDATE k.n SET d = 1 + 1.5 WHERE p = 2 AND c = 2 AND s = 2");
  expect((await client.execute("SELECT d FROM k.n WHERE p = 2")).first()?.["d"]).toBe(2.5);
  await expect(rows("SELECT * FROM k.n WHERE p = 1 + 'a'")).rejects.toThrow("the '+' operation is not supported");
});

test("a marker takes the one type that is left, and is refused where there are several", async () => {
  // Only two tinyints add up to one.
  expect(await rows("SELECT * FROM k.n WHERE p = 2 AND c = 1 + ?", [1])).toBe(1);
  const ambiguous = (args: string) =>
    `Ambiguous '+' operation with args ${args}: use type hint to disambiguate, example '(int) ?'`;
  await expect(rows("SELECT * FROM k.n WHERE p = ? + 1", [1])).rejects.toThrow(ambiguous("? and 1"));
  const nested = "SELECT * FROM k.n WHERE p = 2 AND c = 2 AND s = 1 * (? + 1)";
  await expect(rows(nested, [1])).rejects.toThrow(ambiguous("? and 1"));
  await expect(rows("SELECT 1 + ? FROM k.n", [1])).rejects.toThrow(ambiguous("1 and ?"));
  await expect(rows("UPDATE k.n SET d = ? + 1 WHERE p = 2 AND c = 2 AND s = 2", [1])).rejects.toThrow(
    ambiguous("? and 1"),
  );
  expect(await rows("SELECT * FROM k.n WHERE p = (int) ? + 1", [1])).toBe(1);
});

test("a marker beside a duration is a moment, of the kind that is wanted", async () => {
  const at = new Date("2016-09-27T16:25:00Z");
  expect(await rows("SELECT * FROM k.t WHERE p = 1 AND at > ? - 5m", [at])).toBe(1);
  expect(await rows("SELECT * FROM k.t WHERE p = 1 AND at > ? - 1m", [at])).toBe(0);
  await expect(rows("SELECT * FROM k.t WHERE p = 1 AND at > ? - 10us", [at])).rejects.toThrow(
    "the operation 'timestamp - duration' failed: The duration must have a millisecond precision. Was: 10us",
  );
});

test("a timestamp casts to the milliseconds that it is, and they to a day", async () => {
  const query =
    "SELECT CAST(at AS bigint) AS b, CAST(at AS varint) AS v, CAST(CAST(at AS bigint) AS date) AS d FROM k.t";
  const row = (await client.execute(query)).first();
  const millis = String(Date.parse("2016-09-27T16:21:00Z"));
  expect([row?.["b"], row?.["v"], row?.["d"]].map(String)).toEqual([millis, millis, "2016-09-27"]);
  await expect(rows("SELECT CAST(p AS timestamp) FROM k.t")).rejects.toThrow("int cannot be cast to timestamp");
});
