import { afterAll, beforeAll, expect, it } from "vitest";
import { singleServer, startServer, type TestServer } from "./clients.js";
import { stopHolders } from "./lock-fence-proof.js";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

it.runIf(singleServer)(
  "no write of a holder that was stopped past its time passes the fence; without a fence they do",
  async () => {
    const fenced = await stopHolders(server.url, 40, true);
    expect(fenced.woke).toBe(40);
    expect(fenced.stale).toBe(0);
    const control = await stopHolders(server.url, 10, false);
    expect(control.stale).toBeGreaterThan(0);
  },
  120_000,
);
