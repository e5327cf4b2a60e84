import { expect, it } from "vitest";
import { startServer } from "./clients.js";
import { stopHolders } from "./lock-fence-proof.js";

it("no stale write in 1,000 runs", async () => {
  const server = await startServer();
  const { woke, stale } = await stopHolders(server.url, 1_000, true);
  await server.close();
  expect(woke).toBe(1_000);
  expect(stale).toBe(0);
});
