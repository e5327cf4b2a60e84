import { expect, it } from "vitest";
import { proveKills } from "./kill-proof.js";

it("keeps what it acknowledged when it is killed 5 times under load", { timeout: 60_000 }, async () => {
  const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
  const { kills, acknowledged } = await proveKills(5, seed);
  expect(kills).toBe(5);
  // A load that wrote nothing would prove nothing.
  expect(acknowledged, `seed ${seed}`).toBeGreaterThan(100);
});
