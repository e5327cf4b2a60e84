import { expect, it } from "vitest";
import { proveDynamodbKills } from "./dynamodb-kill-proof.js";

it("DynamoDB keeps what it acknowledged when it is killed 50 times under load", async () => {
  const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
  const summary = await proveDynamodbKills(50, seed);
  console.log(`seed ${seed}: ${JSON.stringify(summary)}`);
  expect(summary.acknowledged, `seed ${seed}`).toBeGreaterThan(1_000);
});
