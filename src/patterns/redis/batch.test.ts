import { describe, expect, it, vi } from "vitest";
import { drivers, freshName, rawCommand, singleServer, suiteOn } from "../../../test/patterns/clients.js";
import { Batches, batchScript } from "./batch.js";
import { doneOnce } from "./once.js";
import { RedisStore } from "./store.js";

const add = batchScript({ keys: 1, args: 1 }, "return call('INCRBY',K1,A1)");
const read = batchScript({ keys: 1, args: 1, writes: false }, "return call('GET',K1)");
const addTo = batchScript({ keys: 1, args: 1, oneSubject: true }, "return call('INCRBY',K1,A1)");
const readOf = batchScript({ keys: 1, args: 1, oneSubject: true, writes: false }, "return call('GET',K1)+A1");
const addOnce = batchScript({ keys: 1, args: 1, once: doneOnce }, "return call('INCRBY',K1,A1)");

describe.each(drivers)("calls of one turn over %s", (driver) => {
  const on = suiteOn(driver);

  const setUp = () => {
    const store = new RedisStore(on.client);
    return { batches: new Batches(store), send: vi.spyOn(store.link, "send"), key: `{${freshName()}}` };
  };

  it("travel as one command, each with its own answer, in the order in which they were made", async () => {
    const { batches, send, key } = setUp();
    await Promise.all([batches.run(add, [key], ["0"]), batches.run(read, [key], [""])]);
    send.mockClear();
    const answers = await Promise.all([
      batches.run(add, [key], ["1"]),
      batches.run(add, [`${key}b`], ["5"]),
      batches.run(add, [key], ["2"]),
      batches.run(read, [key], [""]),
      batches.run(read, [`${key}none`], [""]),
      batches.run(add, [key], ["4"]),
    ]);
    // The Sentinel client of node-redis leases a connection for each command, and so keeps no order between commands.
    const ordered = new RedisStore(on.client).link.kind !== "node-redis-sentinel";
    expect(answers).toEqual([1, 5, 3, ordered ? "3" : expect.stringMatching(/^[37]$/), null, 7]);
    expect(send).toHaveBeenCalledTimes(3);
    send.mockRestore();
  });

  it("fail alone: a call's neighbours are done and answered", async () => {
    const { batches, key } = setUp();
    await rawCommand(on, "LPUSH", `${key}list`, "a");
    const [before, wrong, after] = await Promise.allSettled([
      batches.run(add, [key], ["1"]),
      batches.run(add, [`${key}list`], ["1"]),
      batches.run(add, [key], ["1"]),
    ]);
    expect(before).toMatchObject({ status: "fulfilled", value: 1 });
    expect(wrong).toMatchObject({ status: "rejected", reason: { code: "DRIVER_ERROR" } });
    expect(String((wrong as PromiseRejectedResult).reason)).toMatch(/WRONGTYPE/);
    expect(after).toMatchObject({ status: "fulfilled", value: 2 });
  });

  it("are done once where they name themselves, all of a batch and each alone", async () => {
    const { batches, key } = setUp();
    for (let i = 0; i < 3; i++)
      expect(await batches.run(addOnce, [key], ["1"], { writeId: "w", deadlineMs: 60_000 })).toBe(1);
    const both = [batches.run(addOnce, [key], ["1"]), batches.run(addOnce, [key], ["1"])];
    expect(await Promise.all(both)).toEqual([2, 3]);
  });

  it("of one subject send its keys once, and never another's calls with them", async () => {
    const { batches, send, key } = setUp();
    await batches.run(addTo, [key], ["0"]);
    send.mockClear();
    const both = [key, key, `${key}b`].map((each) => batches.run(addTo, [each], ["1"]));
    expect(await Promise.all(both)).toEqual([1, 2, 1]);
    expect(send.mock.calls.map(([, , args]) => args.slice(-3))).toEqual([
      [key, "1", "1"],
      ["1", `${key}b`, "1"],
    ]);
    send.mockRestore();
  });

  it("ask the same question once, and anew in the next turn", async () => {
    const { batches, send, key } = setUp();
    await Promise.all([batches.run(add, [key], ["1"]), batches.run(readOf, [key], ["0"])]);
    send.mockClear();
    const ask = () => ["0", "1", "0"].map((by) => batches.run(readOf, [key], [by]));
    expect(await Promise.all(ask())).toEqual([1, 2, 1]);
    expect(send.mock.calls[0]![2].slice(-2)).toEqual(["0", "1"]);
    await batches.run(add, [key], ["1"]);
    expect(await Promise.all(ask())).toEqual([2, 3, 2]);
    send.mockRestore();
  });

  it("go alone with wishes of their own, after those that were made before", async () => {
    const { batches, send, key } = setUp();
    await batches.run(add, [key], ["0"]);
    send.mockClear();
    const both = [batches.run(add, [key], ["1"]), batches.run(add, [key], ["1"], { deadlineMs: 5_000 })];
    expect(await Promise.all(both)).toEqual([1, 2]);
    expect(send).toHaveBeenCalledTimes(2);
    send.mockRestore();
  });

  it.runIf(singleServer)("are told apart by slots once a server says that it is a Cluster", async () => {
    const { batches, send, key } = setUp();
    send.mockImplementationOnce(() =>
      Promise.reject(new Error("CROSSSLOT Keys in request don't hash to the same slot")),
    );
    const all = ["a", "b", "a"].map((name) => batches.run(add, [`{${name}}${key}`], ["1"]));
    expect(await Promise.all(all)).toEqual([1, 1, 2]);
    send.mockClear();
    await Promise.all(["a", "b", "a"].map((name) => batches.run(add, [`{${name}}${key}`], ["1"])));
    expect(send).toHaveBeenCalledTimes(2);
    send.mockRestore();
  });
});
