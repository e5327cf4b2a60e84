import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { interleave } from "./cache-interleavings.js";
import { freshName, singleServer, startServer, type TestServer } from "./clients.js";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

it.runIf(singleServer)(
  "serves nothing after a delete that was loaded before it, in two processes; without leases it does",
  async () => {
    const runs = 500;
    const ours = await interleave(server.url, runs, 1, "on");
    expect(ours.reads).toBeGreaterThan(runs * 8);
    expect(ours.loads).toBeGreaterThan(runs * 2);
    expect(ours.deletes).toBeGreaterThan(runs * 3);
    expect(ours.stale).toBe(0);
    const control = await interleave(server.url, 300, 1, "off");
    expect(control.stale).toBeGreaterThan(0);
  },
  600_000,
);

/** A process that gets one id many times, as soon as it is told, and says how often it loaded. */
const caller = `
  import { cache } from "keyfold/cache";
  import { Redis } from "ioredis";
  const [url, prefix, mode] = process.argv.slice(1);
  const client = new Redis(url);
  let loads = 0;
  const values = cache(client, { prefix, ttlMs: 60_000, leaseMs: 500, load: async () => {
    loads++;
    process.send("loading");
    await new Promise((done) => setTimeout(done, mode === "hang" ? 60_000 : 400));
    if (mode === "fail") throw new Error("no");
    return "value";
  } });
  await values.peek("x");
  process.send("ready");
  await new Promise((go) => process.once("message", go));
  const got = await Promise.allSettled(Array.from({ length: 200 }, () => values.get("a")));
  process.send({ loads, outcomes: got.map((each) => each.value ?? each.reason.message) });
  client.disconnect();
  process.disconnect();
`;

interface Result {
  readonly loads: number;
  readonly outcomes: string[];
}

async function stampede(modes: readonly string[], killFirst: boolean): Promise<Result[]> {
  const prefix = freshName();
  const children = modes.map((mode) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", caller, server.url, prefix, mode], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const heard: unknown[] = [];
    child.on("message", (message) => heard.push(message));
    const result = new Promise<Result | undefined>((done) => {
      child.on("message", (message) => typeof message === "object" && done(message as Result));
      child.once("exit", () => done(undefined));
    });
    const said = async (word: string) => {
      while (!heard.includes(word)) await new Promise((done) => setTimeout(done, 2));
    };
    return { child, said, result };
  });
  await Promise.all(children.map(({ said }) => said("ready")));
  if (killFirst) {
    children[0]!.child.send("go");
    await children[0]!.said("loading");
    for (const { child } of children.slice(1)) child.send("go");
    await new Promise((done) => setTimeout(done, 100));
    children[0]!.child.kill("SIGKILL");
  } else for (const { child } of children) child.send("go");
  return (await Promise.all(children.map(({ result }) => result))).filter((result) => result !== undefined);
}

it.runIf(singleServer)(
  "loads once for 4 processes of 200 callers; twice when the first is killed; once when it fails",
  async () => {
    const all = (results: Result[]) => results.flatMap(({ outcomes }) => outcomes);
    const loads = (results: Result[]) => results.reduce((sum, result) => sum + result.loads, 0);
    const once = await stampede(["", "", "", ""], false);
    expect([loads(once), new Set(all(once)), all(once).length]).toEqual([1, new Set(["value"]), 800]);
    const failing = await stampede(["fail", "fail", "fail", "fail"], false);
    expect(loads(failing)).toBe(1);
    expect(all(failing).every((message) => message.includes("no"))).toBe(true);
    const killed = await stampede(["hang", "", "", ""], true);
    expect([loads(killed), new Set(all(killed)), all(killed).length]).toEqual([1, new Set(["value"]), 600]);
  },
  60_000,
);
