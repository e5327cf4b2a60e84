import { expect, it } from "vitest";
import { proveKills } from "./kill-proof.js";

// A process that is killed leaves to the system what it has written: with everysec nothing is lost either. The second
// that everysec may cost is one of the machine's.
it.each(["always", "everysec"])(
  "Redis keeps what it acknowledged when it is killed 4 times (%s)",
  async (appendfsync) => {
    const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
    const { acknowledged } = await proveKills(4, seed, appendfsync);
    expect(acknowledged, `seed ${seed}`).toBeGreaterThan(100);
  },
);
