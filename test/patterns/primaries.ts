import { Redis } from "ioredis";
import { slotOf } from "../../src/patterns/redis/keys.js";
import { sleep } from "./clients.js";

/** A primary on this machine that has a replica, behind a Sentinel or in a Cluster. */
export interface Killable {
  /** A name whose keys lie on it; `tag`: what of the name is between the braces of its keys. */
  nameHere(fresh: () => string, tag?: (name: string) => string): string;
  kill(): void;
  /** Whether another has taken its place. */
  replaced(): Promise<boolean>;
  /** Resolves when the killed one is back as a replica. Ends the connections. */
  restored(): Promise<void>;
}

/** Finds one, from a URL as KEYFOLD_TEST_REDIS_URL has it. */
export function killable(url: string): Promise<Killable> {
  return url.startsWith("redis+cluster:")
    ? inCluster(url.replace("+cluster", ""))
    : behindSentinel(url.replace("+sentinel", ""));
}

function connectTo(url: string): Redis {
  const client = new Redis(url);
  client.on("error", () => {}); // it tries on
  return client;
}

async function behindSentinel(url: string): Promise<Killable> {
  const sentinel = connectTo(url);
  const primary = async () => ((await sentinel.call("SENTINEL", "get-master-addr-by-name", "main")) as string[])[1]!;
  const port = Number(await primary());
  const pid = await pidOf(port);
  return {
    nameHere: (fresh) => fresh(),
    kill: () => process.kill(pid, "SIGKILL"),
    replaced: async () => Number(await primary()) !== port,
    async restored() {
      sentinel.disconnect();
      await sleep(6_000);
    },
  };
}

type SlotRange = readonly [low: number, high: number, ...nodes: (readonly [host: string, port: number])[]];

async function inCluster(url: string): Promise<Killable> {
  const first = connectTo(url);
  const ranges = (await first.call("CLUSTER", "SLOTS")) as SlotRange[];
  first.disconnect();
  const port = ranges[0]![2]![1];
  const own = ranges.filter(([, , primary]) => primary![1] === port);
  const isHere = (slot: number) => own.some(([low, high]) => low <= slot && slot <= high);
  const pid = await pidOf(port);
  const others = [...new Set(ranges.flatMap(([, , ...nodes]) => nodes.map(([, each]) => each)))].filter(
    (p) => p !== port,
  );
  const witness = connectTo(`redis://127.0.0.1:${others[0]}`);
  const slots = () => witness.call("CLUSTER", "SLOTS") as Promise<SlotRange[]>;
  return {
    nameHere(fresh, tag = (name) => name) {
      for (;;) {
        const name = fresh();
        if (isHere(slotOf(`{${tag(name)}}`))) return name;
      }
    },
    kill: () => process.kill(pid, "SIGKILL"),
    replaced: async () => (await slots()).every(([, , primary]) => primary![1] !== port),
    async restored() {
      const all = others.length + 1;
      for (const until = performance.now() + 60_000; performance.now() < until; await sleep(200)) {
        const there = new Set((await slots()).flatMap(([, , ...nodes]) => nodes.map(([, each]) => each)));
        if (there.size === all) break;
      }
      witness.disconnect();
    },
  };
}

async function pidOf(port: number): Promise<number> {
  const server = connectTo(`redis://127.0.0.1:${port}`);
  const pid = Number(/process_id:(\d+)/.exec(await server.info("server"))![1]);
  server.disconnect();
  return pid;
}
