import { expect, it } from "vitest";
import { RespClient } from "../../../../../test/redis/resp-client.js";
import { startRedis } from "../../server.js";

// In a file of its own: it is the first script of its process.
it("answers a first script that begins with what is no token", async () => {
  const engine = await startRedis({});
  const client = await RespClient.open(engine.port);
  try {
    expect(await client.send("SCRIPT", "LOAD", "$")).toMatch(/^-ERR Error compiling script .*unexpected symbol '\$'/);
    expect(await client.send("EVAL", "return 1", "0")).toBe(":1");
  } finally {
    client.close();
    await engine.close();
  }
});
