import { expect, it } from "vitest";
import { sleep } from "../../../test/patterns/clients.js";
import { Held } from "./held.js";
import type { LockKeeper } from "./keeper.js";

/** A server that refuses to renew until `back`. */
const keeperOf = (server: { asked: number; back: boolean; ms: number }): LockKeeper => ({
  take: async () => ({ fence: 1 }),
  heard: async () => {},
  async extend() {
    server.asked++;
    await sleep(server.ms);
    if (!server.back) throw new Error("down");
    return true;
  },
  free: async () => true,
  close() {},
});

it("is lost with its time although nobody watches, and is not had again", async () => {
  const server = { asked: 0, back: false, ms: 0 };
  const held = new Held(keeperOf(server), ["k"], "t", 1, 100, performance.now(), true);
  await sleep(150);
  expect(held.valid).toBe(false);
  const { asked } = server;
  expect(asked).toBeGreaterThan(1);
  server.back = true;
  await sleep(60);
  expect(server.asked).toBe(asked);
  expect(await held.renew()).toBe(false);
  expect(held.valid).toBe(false);
  expect(held.signal.reason).toMatchObject({ code: "CONFLICT" });
});

it("is not had again by an answer that comes after its time", async () => {
  const server = { asked: 0, back: true, ms: 160 };
  const held = new Held(keeperOf(server), ["k"], "t", 1, 200, performance.now(), false);
  await sleep(100);
  expect(await held.renew()).toBe(false);
  expect(held.valid).toBe(false);
});
