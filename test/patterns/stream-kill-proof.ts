import { type ChildProcess, spawn } from "node:child_process";
import { Redis } from "ioredis";
import { stream } from "../../src/patterns/stream/index.js";
import { seededRandom } from "../../src/testing/random.js";
import { freshName } from "./clients.js";

/** What became of events whose consumers were killed at random. */
export interface KillRun {
  readonly events: number;
  readonly kills: number;
  /** Events that no consumer did and that are no dead letters. */
  readonly lost: number;
  /** Events that are no poison and went to the dead letters undone: their consumers were killed too often. */
  readonly givenUp: number;
  /** Events that were done more than once, by their numbers. */
  readonly duplicates: readonly number[];
  /** Events that were done on a later delivery: taken over from one that died, or of a batch that poison spoiled. */
  readonly later: number;
  /** Of the duplicates, how many were not marked as delivered before. */
  readonly unmarked: number;
  readonly pending: number;
  readonly dead: readonly number[];
  readonly seconds: number;
}

/** A consumer in a process of its own: counts each event in a hash, and fails on every poison event. */
const consumer = `
  import { stream } from "keyfold/stream";
  import { Redis } from "ioredis";
  const [url, prefix, protect] = process.argv.slice(1);
  const client = new Redis(url);
  const log = new Redis(url);
  if (protect === "1") {
    stream(client, { prefix, name: "s", deadlineMs: 2000 }).consume({
      group: "g", batch: 200, idleMs: 600, maxDeliveries: 4, backoffMs: 20, keep: { length: 0 },
      handleMany: async (messages) => {
        if (messages.some(({ event }) => event % 9973 === 1)) throw new Error("poison");
        // Work takes time: some of it is killed before it is done, some when it is done and not yet acknowledged.
        const work = () => new Promise((done) => setTimeout(done, Math.random() * 80));
        const first = Math.random() < 0.5;
        if (first && messages.length > 1) await work();
        await log.eval("for i=1,#ARGV,2 do redis.call('HINCRBY',KEYS[1],ARGV[i],1) if ARGV[i+1]~='1' then redis.call('HINCRBY',KEYS[2],ARGV[i],1) end end",
          2, prefix + ":done", prefix + ":again", ...messages.flatMap(({ event, attempt }) => [String(event), String(attempt)]));
        if (!first && messages.length > 1) await work();
      },
    });
  } else {
    // The control: acknowledges what it gets as it gets it, and takes over from nobody.
    const name = "c" + process.pid;
    for (;;) {
      const reply = await client.xreadgroup("GROUP", "g", name, "COUNT", 200, "BLOCK", 500, "NOACK", "STREAMS", prefix + ":{s}:s", ">");
      for (const [, rows] of reply ?? [])
        for (const [, fields] of rows) await log.hincrby(prefix + ":done", fields[1], 1);
    }
  }
`;

/** Adds events, lets several consumers do them, and kills one of them every few moments (SIGKILL). */
export async function killConsumers(
  url: string,
  events: number,
  kills: number,
  protect: boolean,
  seed = 1,
): Promise<KillRun> {
  const prefix = freshName();
  const client = new Redis(url);
  const log = stream<number>(client, { prefix, name: "s", deadlineMs: 5_000 });
  const random = seededRandom(seed);
  const from = performance.now();
  await client.xgroup("CREATE", `${prefix}:{s}:s`, "g", "0", "MKSTREAM");
  const start = () =>
    spawn(process.execPath, ["--input-type=module", "-e", consumer, url, prefix, protect ? "1" : "0"], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  const children: ChildProcess[] = [start(), start(), start()];
  const expected = Array.from({ length: events }, (_, i) => i).filter((n) => n % 9973 !== 1);
  const poison = Array.from({ length: events }, (_, i) => i).filter((n) => n % 9973 === 1);
  let killed = 0;
  let unclear = 0;
  try {
    const adding = (async () => {
      for (let n = 0; n < events; n += 500) {
        // There is work at every kill.
        while (n / events > (killed + 1) / kills) await new Promise((done) => setTimeout(done, 5));
        await Promise.all(
          Array.from({ length: Math.min(500, events - n) }, (_, i) =>
            log.add(n + i, { id: `${n + i}` }).catch(() => void unclear++),
          ),
        );
      }
    })();
    while (killed < kills) {
      await new Promise((done) => setTimeout(done, 150 + random() * 500));
      const victim = Math.floor(random() * children.length);
      children[victim]!.kill("SIGKILL");
      children[victim] = start();
      killed++;
    }
    await adding;
    const until = performance.now() + 60_000;
    for (let last = -1; performance.now() < until; ) {
      const { pending, lag } = await log.info("g");
      const done = await client.hlen(`${prefix}:done`);
      if (pending === 0 && lag === 0 && (protect ? done >= expected.length : done === last)) break;
      last = done;
      await new Promise((wait) => setTimeout(wait, 500));
    }
    const done = await client.hgetall(`${prefix}:done`);
    const again = await client.hgetall(`${prefix}:again`);
    const duplicates = expected.filter((n) => Number(done[n] ?? 0) > 1);
    const letters = await log.deadLetters(10_000);
    const buried = new Set(letters.map(({ event }) => event));
    const undone = expected.filter((n) => done[n] === undefined);
    return {
      events: events - unclear,
      kills: killed,
      lost: undone.filter((n) => !buried.has(n)).length,
      givenUp: undone.filter((n) => buried.has(n)).length,
      duplicates,
      later: Object.keys(again).filter((n) => !poison.includes(Number(n))).length,
      unmarked: duplicates.filter((n) => Number(again[n] ?? 0) < Number(done[n]) - 1).length,
      pending: (await log.info("g")).pending,
      dead: letters
        .map(({ event }) => event)
        .filter((n) => poison.includes(n))
        .sort((a, b) => a - b),
      seconds: (performance.now() - from) / 1000,
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    client.disconnect();
  }
}
