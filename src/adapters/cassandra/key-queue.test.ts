import { expect, it } from "vitest";
import { Deadline } from "../../internal/deadline.js";
import { KeyQueue } from "./key-queue.js";

it("does the work of a key one after the other, that of several at once, and goes on after one that failed", async () => {
  const queue = new KeyQueue();
  using deadline = new Deadline({ deadlineMs: 60_000 });
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async (): Promise<string> => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    queue.run("a", work("a1", true), deadline),
    queue.run("a", work("a2"), deadline),
    queue.run("b", work("b1"), deadline),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(log.slice(0, 2)).toEqual(["a1 begins", "b1 begins"]);
  expect(log.indexOf("a1 ends")).toBeLessThan(log.indexOf("a2 begins"));
});

it("gives up a turn that does not come in time, and lets nobody pass those before it", async () => {
  const queue = new KeyQueue();
  using long = new Deadline({ deadlineMs: 60_000 });
  using short = new Deadline({ deadlineMs: 5 });
  let end = (): void => {};
  const done: string[] = [];
  const first = queue.run("a", () => new Promise<void>((resolve) => (end = resolve)), long);
  const second = queue.run("a", async () => void done.push("second"), short);
  const third = queue.run("a", async () => void done.push("third"), long);
  await expect(second).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await new Promise(setImmediate);
  expect(done).toEqual([]);
  end();
  await first;
  await third;
  expect(done).toEqual(["third"]);
});
