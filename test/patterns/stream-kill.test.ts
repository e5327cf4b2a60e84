import { afterAll, beforeAll, expect, it } from "vitest";
import { singleServer, startServer, type TestServer } from "./clients.js";
import { killConsumers } from "./stream-kill-proof.js";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

it.runIf(singleServer)(
  "loses no event to consumers that are killed, and buries the poison",
  async () => {
    const run = await killConsumers(server.url, 20_000, 6, true);
    expect(run).toMatchObject({ events: 20_000, kills: 6, lost: 0, unmarked: 0, pending: 0, dead: [1, 9_974, 19_947] });
  },
  180_000,
);

it.runIf(singleServer)(
  "the control: a consumer that acknowledges first loses events",
  async () => {
    const run = await killConsumers(server.url, 20_000, 6, false);
    expect(run.lost).toBeGreaterThan(0);
  },
  180_000,
);
