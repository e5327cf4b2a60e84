import { expect, it } from "vitest";
import { proveKills } from "./kill-proof.js";

it("keeps what it acknowledged when it is killed 50 times under load", async () => {
  const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
  const summary = await proveKills(50, seed);
  console.log(`seed ${seed}: ${JSON.stringify(summary)}`);
  expect(summary.acknowledged, `seed ${seed}`).toBeGreaterThan(1_000);
});
