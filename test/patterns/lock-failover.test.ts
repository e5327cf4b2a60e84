import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { lock } from "../../src/patterns/lock/index.js";
import { freshName, type OpenClient, openClient, sleep } from "./clients.js";

// A failover by a real Sentinel that loses acknowledged writes. Needs `npm run test:real -- redis-sentinel`: a primary
// and a replica, both on this machine.

const url = process.env["KEYFOLD_TEST_REDIS_URL"];

describe.runIf(url?.startsWith("redis+sentinel:"))("a failover behind Sentinel", () => {
  const sentinelPort = url === undefined ? 0 : Number(new URL(url).port);
  const opened: { close(): void }[] = [];
  const stopped: number[] = [];
  afterEach(() => {
    for (const pid of stopped.splice(0)) process.kill(pid, "SIGCONT");
    for (const each of opened.splice(0)) each.close();
  });

  const kept = <T extends { close(): void }>(each: T): T => {
    opened.push(each);
    return each;
  };
  const openOne = async (port: number) => {
    const client = new Redis(port);
    client.on("error", () => {});
    kept({ close: () => client.disconnect() });
    return client;
  };
  const client = async (): Promise<OpenClient> => kept(await openClient("ioredis 5", url!));

  async function primaryPort(): Promise<number> {
    const sentinel = await openOne(sentinelPort);
    const [, port] = (await sentinel.call("SENTINEL", "get-master-addr-by-name", "main")) as [string, string];
    return Number(port);
  }

  /** The primary, when its replica has everything. */
  async function syncedPrimary(): Promise<Redis> {
    const primary = await openOne(await primaryPort());
    await expect
      .poll(async () => /slave0:.*state=online.*lag=[01]\b/.test(await primary.info("replication")), {
        timeout: 30_000,
      })
      .toBe(true);
    return primary;
  }

  /** Cuts the replica off, which would come back within a second: so it is stopped, too. The result lets it go on. */
  async function cutReplica(primary: Redis): Promise<() => void> {
    const port = /slave0:.*port=(\d+)/.exec(await primary.info("replication"))![1];
    const pid = await pidOf(await openOne(Number(port)));
    process.kill(pid, "SIGSTOP");
    stopped.push(pid);
    await primary.call("CLIENT", "KILL", "TYPE", "replica");
    return () => process.kill(pid, "SIGCONT");
  }

  /** Stops the primary, and resolves when the Sentinel has made another. */
  async function failOver(primary: Redis, pid: number, stoppedThen = () => {}): Promise<void> {
    const before = primary.options.port;
    process.kill(pid, "SIGSTOP");
    stopped.push(pid);
    stoppedThen();
    await expect.poll(primaryPort, { timeout: 30_000, interval: 200 }).not.toBe(before);
    await sleep(300);
  }
  const pidOf = async (primary: Redis) => Number(/process_id:(\d+)/.exec(await primary.info("server"))![1]);

  it("forgets a lock that no replica has: two hold it, and only the fence tells them apart", async () => {
    const primary = await syncedPrimary();
    const pid = await pidOf(primary);
    const prefix = freshName();
    const before = lock((await client()).client, { prefix, ttlMs: 120_000, renew: false });
    await (await before.tryAcquire("a"))!.release(); // the replica knows this fence
    await primary.call("WAIT", "1", "1000");
    const joinAgain = await cutReplica(primary);
    const first = (await before.tryAcquire("a"))!;
    expect(first.valid).toBe(true);
    await failOver(primary, pid, joinAgain);
    const after = lock((await client()).client, { prefix, ttlMs: 120_000, renew: false });
    const second = (await after.tryAcquire("a"))!;
    // This is what one server and its replica do not promise.
    expect(second).toBeDefined();
    expect(first.valid).toBe(true);
    // A count would have been handed out twice: the replica knew of the one before.
    expect(second.fence).toBeGreaterThan(first.fence);
    let highest = 0;
    const write = (fence: number) => {
      if (fence < highest) return false;
      highest = fence;
      return true;
    };
    expect([write(second.fence), write(first.fence)]).toEqual([true, false]);
  });

  it("keeps a lock that a replica has acknowledged, and gives none that no replica has", async () => {
    const primary = await syncedPrimary();
    const pid = await pidOf(primary);
    const prefix = freshName();
    const options = { prefix, ttlMs: 120_000, renew: false, minReplicas: 1 };
    const before = kept(lock((await client()).client, { ...options, deadlineMs: 5_000 }));
    const hasty = kept(lock((await client()).client, { ...options, deadlineMs: 100 }));
    const joinAgain = await cutReplica(primary);
    await expect(hasty.tryAcquire("b")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    joinAgain();
    const first = (await before.tryAcquire("a"))!; // waits until the replica is back
    expect(first.valid).toBe(true);
    await failOver(primary, pid);
    const after = lock((await client()).client, { prefix, ttlMs: 120_000, renew: false });
    expect(await after.tryAcquire("a")).toBeUndefined();
    expect(await after.tryAcquire("b")).toBeDefined();
  });
});
