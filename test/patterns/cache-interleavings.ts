import { type ChildProcess, spawn } from "node:child_process";
import { freshName } from "./clients.js";

/** What a run of interleavings found. */
export interface Interleavings {
  /** Reads that began after a delete had returned, in either process, and got a value from before it. */
  readonly stale: number;
  readonly reads: number;
  readonly loads: number;
  readonly deletes: number;
}

/**
 * One of the processes. Rows are counters in Redis, which a load reads. A writer increments one, deletes it from the
 * cache, by id or by tag, and notes then which version every later read must reach.
 */
const worker = `
  import { cache } from "keyfold/cache";
  import { Redis } from "ioredis";
  const [url, prefix, index, seed, leases, scripts] = process.argv.slice(1);
  const rows = new Redis(url), client = new Redis(url);
  let state = Number(seed) * 2 + Number(index) + 1;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  if (leases === "off") {
    // The control: what was loaded is stored whether or not its lease was taken away.
    const { publishScript } = await import(scripts);
    const call = client.call;
    client.call = (command, args) => {
      if (args[0] === publishScript.sha() || args[0] === publishScript.lua) args[4] = "";
      return call.call(client, command, args);
    };
  }
  const counts = { stale: 0, reads: 0, loads: 0, deletes: 0 };
  const pause = async (most) => {
    for (let turns = Math.floor(random() * most); turns > 0; turns--) await new Promise(setImmediate);
  };
  const version = async (kind, id) => Number(await rows.get(prefix + kind + id));
  const values = cache(client, {
    prefix, ttlMs: 60_000, staleMs: 5_000, deadlineMs: 10_000,
    tags: (_, id) => ["tag-" + id, "all-" + id.slice(0, -2)],
    load: async (id) => {
      counts.loads++;
      const seen = await version("row", id);
      await pause(60);
      return seen;
    },
  });
  const read = async (id) => {
    const least = await version("least", id);
    counts.reads++;
    if ((await values.get(id)) < least) counts.stale++;
  };
  const write = async (id, how) => {
    const now = await rows.incr(prefix + "row" + id);
    await pause(8);
    if (how < 0.5) await values.delete(id);
    else await values.deleteByTag(how < 0.85 ? "tag-" + id : "all-" + id.slice(0, -2));
    counts.deletes++;
    await rows.eval("if tonumber(redis.call('GET',KEYS[1]) or 0)<tonumber(ARGV[1]) then redis.call('SET',KEYS[1],ARGV[1]) end", 1, prefix + "least" + id, now);
  };
  process.on("message", async ({ run, check }) => {
    const ids = [run + "-0", run + "-1"];
    if (check) await Promise.all(ids.map(read)); // nothing that was stored on the way may be served now
    else await Promise.all(Array.from({ length: 5 }, async () => {
      await pause(30);
      const id = ids[random() < 0.7 ? 0 : 1];
      await (random() < 0.6 ? read(id) : write(id, random()));
    }));
    process.send(counts);
  });
  await Promise.all([rows.ping(), values.peek("x")]);
  process.send(counts);
`;

/** Runs seeded interleavings of loads, deletes and deletes by tag over two processes that share a server. */
export async function interleave(
  url: string,
  runs: number,
  seed: number,
  leases: "on" | "off",
): Promise<Interleavings> {
  const prefix = `${freshName()}-`;
  const scripts = new URL("../../dist/patterns/cache/scripts.js", import.meta.url).href;
  const children = [0, 1].map((index) =>
    spawn(
      process.execPath,
      ["--input-type=module", "-e", worker, url, prefix, String(index), String(seed), leases, scripts],
      { stdio: ["ignore", "inherit", "inherit", "ipc"] },
    ),
  );
  /** Both do something at the same time. */
  const both = (message?: { readonly run: number; readonly check: boolean }) =>
    Promise.all(
      children.map((child) => {
        const answer = answerOf(child);
        if (message !== undefined) child.send(message);
        return answer;
      }),
    );
  try {
    let counts = await both();
    for (let run = 0; run < runs; run++) {
      await both({ run, check: false });
      counts = await both({ run, check: true });
    }
    const sum = (name: keyof Interleavings) => counts.reduce((total, each) => total + each[name], 0);
    return { stale: sum("stale"), reads: sum("reads"), loads: sum("loads"), deletes: sum("deletes") };
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function answerOf(child: ChildProcess): Promise<Interleavings> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("a process of the interleavings ended"));
    child.once("exit", ended);
    child.once("message", (counts) => {
      child.off("exit", ended);
      resolve(counts as Interleavings);
    });
  });
}
