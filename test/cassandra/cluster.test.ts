import { type Client, types } from "cassandra-driver";
import { startEngines, type TestEngines } from "keyfold/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clientOf, codeOf, contacts } from "./clients.js";

const { one, quorum, all } = types.consistencies;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(options: { hints?: boolean; timeoutMs?: number } = {}) {
  const { hints = true, timeoutMs = 300 } = options;
  const engines: TestEngines<"cassandra"> = await startEngines({
    cassandra: { nodes: 3, hints, readTimeoutMs: timeoutMs, writeTimeoutMs: timeoutMs },
  });
  open.push(engines);
  const { hosts, port } = contacts(engines.cassandra.url);
  const clients: Client[] = [];
  for (const host of hosts) {
    const client = await clientOf(port, host);
    open.push({ close: () => client.shutdown() });
    clients.push(client);
  }
  await clients[0]!.execute(
    "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
  );
  await clients[0]!.execute("CREATE TABLE k.t (p int PRIMARY KEY, v int)");
  return { engines, clients };
}

describe("three nodes in one process", () => {
  let cluster: Awaited<ReturnType<typeof start>>;
  const write = (node: number, p: number, consistency: number) =>
    cluster.clients[node - 1]!.execute("INSERT INTO k.t (p, v) VALUES (?, ?)", [p, p], { prepare: true, consistency });
  const read = async (node: number, p: number, consistency: number) =>
    (await cluster.clients[node - 1]!.execute("SELECT v FROM k.t WHERE p = ?", [p], { prepare: true, consistency }))
      .rows[0]?.["v"] as number | undefined;

  describe("with hints", () => {
    beforeEach(async () => {
      cluster = await start();
    });

    it("each have a store of their own; hints bring what one missed", async () => {
      const { cassandra } = cluster.engines;
      await cassandra.node(3).cutOff();
      await write(1, 1, one);
      expect(await read(1, 1, one)).toBe(1);
      expect(await read(3, 1, one)).toBeUndefined();
      expect(await codeOf(read(3, 1, quorum))).toBe(0x1000);
      await cassandra.node(3).reconnect();
      expect(await read(3, 1, one)).toBe(1);
    });

    it("lose nothing of what a quorum acknowledged while one dies, and refuse when two are gone", async () => {
      const { cassandra } = cluster.engines;
      const writes: Promise<unknown>[] = [];
      for (let p = 0; p < 2000; p++) {
        writes.push(write(1, p, quorum));
        if (p === 1000) await cassandra.node(3).stop();
        if (p % 100 === 99) await Promise.all(writes);
      }
      await Promise.all(writes);
      const { rows } = await cluster.clients[0]!.execute("SELECT p FROM k.t", [], {
        consistency: quorum,
        fetchSize: 5000,
      });
      expect(rows).toHaveLength(2000);
      await cassandra.node(2).stop();
      expect(await codeOf(write(1, 1, quorum))).toBe(0x1000);
      expect(await codeOf(read(1, 1, quorum))).toBe(0x1000);
      expect(await read(1, 1, one)).toBe(1);
      const conditional = "INSERT INTO k.t (p, v) VALUES (-1, 0) IF NOT EXISTS";
      expect(await codeOf(cluster.clients[0]!.execute(conditional))).toBe(0x1000);
      await cassandra.node(2).start();
      expect(await read(1, 1999, quorum)).toBe(1999);
    });

    it("time out where a node stands still", async () => {
      const { cassandra } = cluster.engines;
      await cassandra.node(2).pause();
      expect(await codeOf(write(1, 5, all))).toBe(0x1100);
      expect(await codeOf(read(1, 5, all))).toBe(0x1200);
      expect(await read(1, 5, quorum)).toBe(5);
      await cassandra.node(2).resume();
      expect(await read(1, 5, all)).toBe(5);
    });

    it("answer later where a node is slow", async () => {
      const { cassandra } = cluster.engines;
      await write(1, 6, all);
      await cassandra.node(2).slow(100);
      const from = performance.now();
      await read(1, 6, all);
      expect(performance.now() - from).toBeGreaterThan(90);
    });

    it("put a write that comes late into an index that was made meanwhile", async () => {
      const { cassandra } = cluster.engines;
      const [client] = cluster.clients;
      await cassandra.node(3).slow(250);
      await write(1, 8, one);
      await client!.execute("CREATE INDEX ON k.t (v)");
      await new Promise((resolve) => setTimeout(resolve, 400));
      await cassandra.node(3).slow(0);
      const query = "SELECT p FROM k.t WHERE v = 8";
      for (const node of [0, 1, 2]) {
        const { rows } = await cluster.clients[node]!.execute(query, [], { consistency: one });
        expect(rows.map((row) => row["p"] as number)).toEqual([8]);
      }
    });

    it("tell drivers when a node goes and comes back", async () => {
      const { cassandra } = cluster.engines;
      const { hosts, port } = contacts(cassandra.url);
      // It asks the first node alone, so what it knows of the others it has been told.
      const [client] = cluster.clients;
      const told = (event: "hostDown" | "hostUp") =>
        new Promise<string>((resolve) => client!.once(event, (host: { address: string }) => resolve(host.address)));
      const down = told("hostDown");
      await cassandra.node(3).stop();
      expect(await down).toBe(`${hosts[2]}:${port}`);
      const up = told("hostUp");
      await cassandra.node(3).start();
      expect(await up).toBe(`${hosts[2]}:${port}`);
    });

    it("let one of many conditional writes win", async () => {
      const wins = await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          const { rows } = await cluster.clients[at % 3]!.execute(
            `INSERT INTO k.t (p, v) VALUES (7, ${at}) IF NOT EXISTS`,
          );
          return rows[0]!["[applied]"] as boolean;
        }),
      );
      expect(wins.filter((won) => won)).toHaveLength(1);
    });
  });

  describe("without hints", () => {
    beforeEach(async () => {
      cluster = await start({ hints: false });
    });

    it("are mended by a read of all, or by repair", async () => {
      const { cassandra } = cluster.engines;
      await cassandra.node(3).cutOff();
      await write(1, 1, one);
      await write(1, 2, one);
      await cassandra.node(3).reconnect();
      const own = async (p: number) => {
        // Cut off, it answers from its own store alone.
        await cassandra.node(3).cutOff();
        const value = await read(3, p, one);
        await cassandra.node(3).reconnect();
        return value;
      };
      expect(await own(1)).toBeUndefined();
      expect(await read(1, 1, all)).toBe(1);
      expect(await own(1)).toBe(1);
      expect(await own(2)).toBeUndefined();
      await cassandra.repair();
      expect(await own(2)).toBe(2);
    });
  });
});
