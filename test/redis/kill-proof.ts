import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngines } from "keyfold/testing";
import { expect } from "vitest";
import { seeded } from "./random-commands.js";
import { RespClient, type WireReply } from "./resp-client.js";

// The engine is killed with SIGKILL while it is written to, again and again over one folder of data. After each restart
// what was acknowledged is there, what was done in a transaction or a script is there as a whole, and nothing is there
// that was not sent.

export interface KillSummary {
  readonly kills: number;
  readonly acknowledged: number;
  readonly rewrites: number;
}

/** What one writer knows: its counter and its lists, which all grow by one in each transaction. */
interface Writer {
  readonly id: number;
  sent: number;
  acknowledged: number;
}

/** Each step in one transaction or one script, so that all its parts must agree. */
function step(writer: Writer, n: number, scripted: boolean): string[][] {
  const { id } = writer;
  if (scripted) {
    const script =
      "redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) redis.call('ZADD', KEYS[3], ARGV[1], ARGV[1]) redis.call('XADD', KEYS[4], ARGV[1] .. '-1', 'n', ARGV[1])";
    return [["EVAL", script, "4", `n${id}`, `l${id}`, `z${id}`, `x${id}`, String(n)]];
  }
  return [
    ["MULTI"],
    ["SET", `n${id}`, String(n)],
    ["RPUSH", `l${id}`, String(n)],
    ["ZADD", `z${id}`, String(n), String(n)],
    ["XADD", `x${id}`, `${n}-1`, "n", String(n)],
    ["EXEC"],
  ];
}

async function write(client: RespClient, writer: Writer, random: () => number): Promise<void> {
  while (true) {
    const batch = 1 + Math.floor(random() * 8);
    const requests: string[][] = [];
    const last: number[] = [];
    for (let i = 0; i < batch; i++) {
      requests.push(...step(writer, ++writer.sent, random() < 0.4));
      last.push(requests.length - 1);
    }
    let replies: WireReply[];
    try {
      replies = await client.pipeline(requests);
    } catch {
      return;
    }
    for (const at of last) {
      const reply = replies[at];
      if (typeof reply === "string" && reply.startsWith("-")) throw new Error(reply);
      writer.acknowledged++;
    }
  }
}

async function verify(client: RespClient, writers: readonly Writer[], when: string): Promise<void> {
  for (const writer of writers) {
    const { id } = writer;
    const [n, list, zset, stream] = (await client.pipeline([
      ["GET", `n${id}`],
      ["LRANGE", `l${id}`, "0", "-1"],
      ["ZRANGE", `z${id}`, "0", "-1"],
      ["XLEN", `x${id}`],
    ])) as [string | null, string[], string[], string];
    const stored = n === null ? 0 : Number(n.slice(1));
    const numbers = list.slice(1).map((one) => Number(one.slice(1)));
    // All parts of the last step, and every step before it.
    expect(numbers, when).toEqual(Array.from({ length: stored }, (_, i) => i + 1));
    expect(zset.length - 1, when).toBe(stored);
    expect(stream, when).toBe(`:${stored}`);
    expect(stored, `${when}: acknowledged by writer ${id}`).toBeGreaterThanOrEqual(writer.acknowledged);
    expect(stored, `${when}: sent by writer ${id}`).toBeLessThanOrEqual(writer.sent);
    // What was sent and not answered may be there or not: the writer goes on from what is.
    writer.sent = stored;
    writer.acknowledged = stored;
  }
}

/** Kills the engine `kills` times under load; throws where a promise was broken. The seed replays the choices. */
export async function proveKills(kills: number, seed: number, appendfsync: string): Promise<KillSummary> {
  const random = seeded(seed);
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-redis-kill-"));
  const writers: Writer[] = Array.from({ length: 6 }, (_, id) => ({ id, sent: 0, acknowledged: 0 }));
  let acknowledged = 0;
  let rewrites = 0;
  try {
    for (let round = 0; round <= kills; round++) {
      const engines = await startEngines({ redis: { dataDir }, beside: true });
      const port = Number(new URL(engines.redis.url).port);
      const clients = await Promise.all([...writers, undefined].map(() => RespClient.open(port)));
      const asking = clients.at(-1)!;
      try {
        await asking.send("CONFIG", "SET", "appendfsync", appendfsync);
        await verify(asking, writers, `seed ${seed}, ${appendfsync}, after kill ${round}`);
        const before = writers.reduce((sum, one) => sum + one.acknowledged, 0);
        if (round < kills) {
          const working = writers.map((writer, i) => write(clients[i]!, writer, random));
          if (round % 3 === 2) {
            await asking.send("BGREWRITEAOF");
            rewrites++;
          }
          await new Promise((resolve) => setTimeout(resolve, 30 + random() * 300));
          process.kill(engines.pid as number, "SIGKILL");
          await Promise.all(working);
          acknowledged += writers.reduce((sum, one) => sum + one.acknowledged, 0) - before;
        }
      } finally {
        for (const client of clients) client.close();
        await engines.close();
      }
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  return { kills, acknowledged, rewrites };
}
