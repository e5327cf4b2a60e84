import { expect, it } from "vitest";
import { interleave } from "./cache-interleavings.js";
import { startServer } from "./clients.js";

it("10,000 interleavings over two processes: nothing stale after a delete", async () => {
  const server = await startServer();
  const { stale, reads, loads, deletes } = await interleave(server.url, 10_000, 7, "on");
  await server.close();
  console.log(`${reads} reads, ${loads} loads, ${deletes} deletes, ${stale} stale`);
  expect(stale).toBe(0);
  expect(deletes).toBeGreaterThan(30_000);
});
