import { spawn } from "node:child_process";
import { Redis } from "ioredis";
import { lock } from "../../src/patterns/lock/index.js";
import { freshName } from "./clients.js";

/** What became of writes by holders that were stopped past their lock's time. */
export interface FenceRuns {
  readonly runs: number;
  /** Holders that believed in their lock when they woke and tried to write. */
  readonly woke: number;
  /** Writes of theirs that passed. */
  readonly stale: number;
}

/** The resource: takes a write unless it has seen a higher fence; the control takes every write. */
const guarded =
  "if tonumber(redis.call('HGET',KEYS[1],'f') or 0)>tonumber(ARGV[1]) then return 0 end redis.call('HSET',KEYS[1],'f',ARGV[1],'v',ARGV[2]) return 1";
const unguarded = "redis.call('HSET',KEYS[1],'f',ARGV[1],'v',ARGV[2]) return 1";

/** A holder in a process of its own: takes the lock, says so, and writes when it is told to. */
const holder = `
  import { lock } from "keyfold/lock";
  import { Redis } from "ioredis";
  const [url, prefix, script] = process.argv.slice(1);
  const client = new Redis(url);
  const locks = lock(client, { prefix, ttlMs: 100, deadlineMs: 50, renew: false });
  let held;
  process.on("message", async ({ take, write }) => {
    try {
      if (take !== undefined) {
        held = await locks.acquire(take, { waitMs: 5000 });
        process.send({ fence: held.fence });
        // Stopped here. It does not look at its clock between checking and writing, as no program can.
      } else process.send({ wrote: await client.eval(script, 1, prefix + ":resource:" + write, String(held.fence), "stale") });
    } catch (error) {
      process.send({ failed: String(error) });
    }
  });
  await client.ping();
  process.send("ready");
`;

/**
 * Stops holders (SIGSTOP) until their lock has gone to another, lets the other write, and wakes them to write too.
 */
export async function stopHolders(url: string, runs: number, fenced: boolean): Promise<FenceRuns> {
  const prefix = freshName();
  const script = fenced ? guarded : unguarded;
  const child = spawn(process.execPath, ["--input-type=module", "-e", holder, url, prefix, script], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const next = () =>
    new Promise<Record<string, unknown>>((done) => child.once("message", (message) => done(message as never)));
  const client = new Redis(url);
  const locks = lock(client, { prefix, ttlMs: 1_000 });
  let woke = 0;
  let stale = 0;
  try {
    await next();
    // On a busy machine a holder may miss its deadline: that run is not counted, and made up for.
    for (let run = 0; woke < runs && run < 3 * runs; run++) {
      const name = `r${run % 7}`;
      const taken = next();
      child.send({ take: name });
      const { failed } = await taken;
      if (failed !== undefined) continue;
      process.kill(child.pid!, "SIGSTOP");
      const held = await locks.acquire(name, { waitMs: 5_000 });
      await client.eval(script, 1, `${prefix}:resource:${name}`, String(held.fence), `run ${run}`);
      await held.release();
      const wrote = next();
      child.send({ write: name });
      process.kill(child.pid!, "SIGCONT");
      if (typeof (await wrote)["wrote"] !== "number") continue;
      woke++;
      if ((await client.hget(`${prefix}:resource:${name}`, "v")) !== `run ${run}`) stale++;
    }
  } finally {
    locks.close();
    client.disconnect();
    child.kill("SIGKILL");
  }
  return { runs, woke, stale };
}
