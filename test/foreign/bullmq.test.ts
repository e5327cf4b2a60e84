import { FlowProducer, type Job, Queue, QueueEvents, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../redis/server.js";

let server: TestServer;
const closing: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  server = await startTestServer();
});

beforeEach(async () => {
  await server.reset();
});

afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

afterAll(async () => {
  await server.close();
});

function opened<T extends { close(): Promise<unknown>; on(event: "error", listener: () => void): unknown }>(one: T): T {
  // A connection that is closed during a call is no news here.
  one.on("error", () => {});
  closing.push(one);
  return one;
}

const connection = () => ({ url: server.url, maxRetriesPerRequest: null });

it("runs a thousand jobs, some delayed, some of a higher priority, some tried again", async () => {
  const queue = opened(new Queue("mixed", { connection: connection() }));
  const done = new Map<string, number>();
  const started = Date.now();
  const early: string[] = [];
  const worker = opened(
    new Worker(
      "mixed",
      async (job: Job<{ number: number; notBefore?: number }>) => {
        if (job.data.notBefore !== undefined && Date.now() < job.data.notBefore - 1) early.push(job.id!);
        // Every seventh fails at first.
        if (job.data.number % 7 === 0 && job.attemptsMade === 0) throw new Error("once more");
        done.set(job.id!, (done.get(job.id!) ?? 0) + 1);
        return job.data.number * 2;
      },
      { connection: connection(), concurrency: 50 },
    ),
  );
  const jobs = await queue.addBulk(
    Array.from({ length: 1000 }, (_, number) => ({
      name: "work",
      data: number % 10 === 0 ? { number, notBefore: started + 300 + (number % 500) } : { number },
      opts: {
        attempts: 3,
        backoff: { type: "fixed", delay: 20 },
        ...(number % 10 === 0 ? { delay: 300 + (number % 500) } : {}),
        ...(number % 13 === 0 ? { priority: 1 + (number % 3) } : {}),
      },
    })),
  );
  await expect.poll(() => done.size, { timeout: 20_000 }).toBe(1000);
  await expect
    .poll(() => queue.getJobCounts("completed", "failed", "waiting", "delayed", "active"))
    .toEqual({
      completed: 1000,
      failed: 0,
      waiting: 0,
      delayed: 0,
      active: 0,
    });
  expect([...done.values()].every((times) => times === 1)).toBe(true);
  expect(early).toEqual([]);
  expect((await queue.getJob(jobs[21]!.id!))?.returnvalue).toBe(42);
  expect((await queue.getJob(jobs[21]!.id!))?.attemptsMade).toBe(2);
  expect(worker.isRunning()).toBe(true);
});

it("keeps to a rate limit", async () => {
  const queue = opened(new Queue("limited", { connection: connection() }));
  const times: number[] = [];
  opened(
    new Worker("limited", async () => times.push(Date.now()), {
      connection: connection(),
      concurrency: 10,
      limiter: { max: 5, duration: 250 },
    }),
  );
  await queue.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: "work", data: { i } })));
  await expect.poll(() => times.length, { timeout: 10_000 }).toBe(20);
  expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(600);
});

it("runs a flow's children before their parent, with their results", async () => {
  const results: unknown[] = [];
  opened(new Worker("child", async (job: Job<{ n: number }>) => job.data.n ** 2, { connection: connection() }));
  opened(
    new Worker("parent", async (job: Job) => results.push(Object.values(await job.getChildrenValues()).sort()), {
      connection: connection(),
    }),
  );
  const flow = opened(new FlowProducer({ connection: connection() }));
  const child = (n: number) => ({ name: "square", queueName: "child", data: { n } });
  await flow.add({ name: "sum", queueName: "parent", children: [child(1), child(2), child(3)] });
  await expect.poll(() => results, { timeout: 10_000 }).toEqual([[1, 4, 9]]);
});

it("gives a job whose worker is gone to another one", async () => {
  const queue = opened(new Queue("stalled", { connection: connection() }));
  const events = opened(new QueueEvents("stalled", { connection: connection() }));
  await events.waitUntilReady();
  const stalled: string[] = [];
  events.on("stalled", ({ jobId }) => stalled.push(jobId));
  const taken = new Promise<void>((resolve) => {
    const dying = new Worker(
      "stalled",
      () => {
        resolve();
        return new Promise(() => {});
      },
      { connection: connection(), lockDuration: 200, skipLockRenewal: true, skipStalledCheck: true },
    );
    dying.on("error", () => {});
    closing.push({ close: () => dying.close(true) });
  });
  const job = await queue.add("work", {});
  await taken;
  const finished: string[] = [];
  opened(
    new Worker("stalled", async ({ id }) => finished.push(id!), { connection: connection(), stalledInterval: 100 }),
  );
  await expect.poll(() => finished, { timeout: 10_000 }).toEqual([job.id]);
  await expect.poll(() => stalled).toEqual([job.id]);
});

it("repeats by schedule, and tells of progress and results by events", async () => {
  const queue = opened(new Queue("events", { connection: connection() }));
  const events = opened(new QueueEvents("events", { connection: connection() }));
  await events.waitUntilReady();
  const progress: unknown[] = [];
  events.on("progress", ({ data }) => progress.push(data));
  let runs = 0;
  opened(
    new Worker(
      "events",
      async (job: Job) => {
        if (job.name === "tick") return ++runs;
        await job.updateProgress(50);
        await job.log("half");
        return "result";
      },
      { connection: connection() },
    ),
  );
  const job = await queue.add("work", {});
  expect(await job.waitUntilFinished(events, 5000)).toBe("result");
  await expect.poll(() => progress).toEqual([50]);
  expect((await queue.getJobLogs(job.id!)).logs).toEqual(["half"]);
  await queue.upsertJobScheduler("ticker", { every: 100 }, { name: "tick" });
  await expect.poll(() => runs, { timeout: 5000 }).toBeGreaterThanOrEqual(3);
  expect(await queue.removeJobScheduler("ticker")).toBe(true);
});
