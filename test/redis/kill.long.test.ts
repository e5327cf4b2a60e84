import { expect, it } from "vitest";
import { proveKills } from "./kill-proof.js";

it.each(["always", "everysec"])(
  "Redis keeps what it acknowledged when it is killed 50 times (%s)",
  async (appendfsync) => {
    const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
    const summary = await proveKills(50, seed, appendfsync);
    console.log(`seed ${seed}: ${JSON.stringify(summary)}`);
    expect(summary.acknowledged, `seed ${seed}`).toBeGreaterThan(1_000);
  },
);
