import { expect, it, vi } from "vitest";
import type { KeyfoldError } from "../../internal/errors.js";
import type { RedisStore } from "../redis/store.js";
import { Replicas } from "./replicas.js";

const server = { ends: [] as (() => void)[], opened: 0, replicas: 1 };
vi.mock("../redis/own-connection.js", () => ({
  openOwn: async () => {
    server.opened++;
    return {
      send: async (command: string) => (command === "WAIT" ? server.replicas : 1),
      onEnd: (listener: () => void) => server.ends.push(listener),
      close() {},
    };
  },
}));

const store = { link: { kind: "ioredis", cluster: false }, deadlineMs: 100 } as RedisStore;

it("listens once for the end of its connection, and opens another after it", async () => {
  const replicas = new Replicas(store, 1);
  for (let i = 0; i < 5; i++) expect(await replicas.confirm(["k"], "t", 1_000, "take")).toBe(true);
  expect([server.opened, server.ends.length]).toEqual([1, 1]);
  server.ends[0]!();
  expect(await replicas.confirm(["k"], "t", 1_000, "renew")).toBe(true);
  expect(server.opened).toBe(2);
});

it("says that nothing is held only where that is so", async () => {
  server.replicas = 0;
  const replicas = new Replicas(store, 1);
  const failure = (purpose: "take" | "renew") =>
    replicas.confirm(["k"], "t", 1_000, purpose).catch((error: KeyfoldError) => error) as Promise<KeyfoldError>;
  expect(await failure("take")).toMatchObject({ code: "UNAVAILABLE", data: { applied: false } });
  expect((await failure("take")).fix).toContain("nothing holds the lock now");
  expect(await failure("renew")).toMatchObject({ code: "UNAVAILABLE", data: { applied: undefined, replicas: 0 } });
  expect((await failure("renew")).fix).toContain("the server may hold it anew");
});
