import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngines } from "keyfold/testing";
import { afterEach, expect, it } from "vitest";
import { clientOf, contacts } from "./clients.js";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

it("has every acknowledged write after kill -9", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-cassandra-"));
  folders.push(dataDir);
  const acknowledged = new Set<number>();
  let next = 0;
  for (let round = 0; round < 3; round++) {
    const engines = await startEngines({ cassandra: { dataDir }, beside: true });
    const { hosts, port } = contacts(engines.cassandra.url);
    const client = await clientOf(port, hosts[0]!);
    client.on("log", () => {});
    if (round === 0) {
      await client.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
      await client.execute("CREATE TYPE k.u (a int, b text)");
      await client.execute(
        "CREATE TABLE k.t (p int, c int, s int static, v frozen<u>, l list<int>, PRIMARY KEY (p, c))",
      );
    }
    const { rows } = await client.execute("SELECT c FROM k.t", [], { fetchSize: 100_000 });
    const there = new Set(rows.map((row) => row["c"] as number));
    for (const each of acknowledged) expect(there.has(each)).toBe(true);
    let killed = false;
    const writer = async () => {
      while (!killed) {
        const c = next++;
        try {
          await client.execute(
            "INSERT INTO k.t (p, c, s, v, l) VALUES (?, ?, ?, ?, ?)",
            [c % 7, c, c, { a: c, b: "x" }, [c]],
            { prepare: true },
          );
          acknowledged.add(c);
        } catch {
          return;
        }
      }
    };
    const writers = Array.from({ length: 8 }, writer);
    await new Promise((resolve) => setTimeout(resolve, 250));
    process.kill(engines.pid!, "SIGKILL");
    killed = true;
    await client.shutdown().catch(() => {});
    await Promise.race([Promise.all(writers), new Promise((resolve) => setTimeout(resolve, 3000))]);
    await engines.close();
  }
  expect(acknowledged.size).toBeGreaterThan(100);
});
