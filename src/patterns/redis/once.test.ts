import { describe, expect, it, vi } from "vitest";
import { drivers, freshName, singleServer, suiteOn } from "../../../test/patterns/clients.js";
import { sendOnce } from "./once.js";
import { luaOnce, script } from "./script.js";
import { serverClock } from "./server-clock.js";
import { RedisStore } from "./store.js";

const add = script(`${luaOnce}return once(redis.call('INCRBY',KEYS[1],1))`);

describe.runIf(singleServer).each(drivers)("a write that is done once over %s", (driver) => {
  const on = suiteOn(driver);

  /** A store whose server's clock has gone a minute ahead since it was asked, and a write over it. */
  async function setUp(): Promise<{ store: RedisStore; key: string; write: (id?: string) => Promise<unknown> }> {
    const store = new RedisStore(on.client, { deadlineMs: 2_000 });
    const send = vi.spyOn(store.link, "send");
    send.mockImplementationOnce(async () => [String(Math.floor(Date.now() / 1000) - 60), "0"]);
    await serverClock(store).measure();
    send.mockRestore();
    const key = freshName();
    const write = (writeId = "w") =>
      sendOnce(store, key, { writeId }, ([id, until], deadlineMs) =>
        store.run(add, [key, `${key}:${id}`], [id, until], { deadlineMs }),
      );
    return { store, key, write };
  }

  it("is sent anew by the server's own clock where that is not what it was", async () => {
    const { store, write } = await setUp();
    expect(await write()).toBe(1);
    expect(await write()).toBe(1);
    expect(await write("other")).toBe(2);
    expect(Math.abs(serverClock(store).now()! - Date.now())).toBeLessThan(1_000);
  });

  it("is not sent anew where the client may have sent it before, and the clock is learnt again", async () => {
    const { store, key, write } = await setUp();
    let cuts = 0;
    vi.spyOn(store.link, "cuts").mockImplementation(() => cuts++);
    const outcome = await write().catch((error) => error.code);
    expect(outcome).toBe(store.link.resends ? "OUTCOME_UNKNOWN" : 1);
    vi.restoreAllMocks();
    await expect.poll(() => Math.abs(serverClock(store).now()! - Date.now())).toBeLessThan(1_000);
    expect(await store.command(key, "GET", [key], false)).toBe(store.link.resends ? null : "1");
  });

  it("was not applied when it came too late", async () => {
    const { store, key } = await setUp();
    const late = store.run(add, [key, `${key}:w`], ["w", "1"]);
    await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", data: { applied: false } });
  });
});

it("asks the node of a key's slot for its time on a Cluster, and any node without a key", async () => {
  const run = vi.fn(async (_: unknown, [key]: string[]) => [key === "a" ? "100" : "200", "0"]);
  const command = vi.fn(async () => ["300", "0"]);
  const store = { link: { cluster: true }, run, command } as never;
  const seconds = async (key?: string) => Math.floor((await serverClock(store, key).ready()) / 1_000);
  expect([await seconds("a"), await seconds("b"), await seconds(), await seconds("{a}:2")]).toEqual([
    100, 200, 300, 100,
  ]);
  expect([run.mock.calls.length, command.mock.calls.length]).toEqual([2, 1]);
});
