import { expect, it } from "vitest";
import { proveDynamodbKills } from "./dynamodb-kill-proof.js";

it("DynamoDB keeps what it acknowledged when it is killed 5 times under load", { timeout: 60_000 }, async () => {
  const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);
  const { acknowledged, transactions } = await proveDynamodbKills(5, seed);
  // A load that wrote nothing would prove nothing.
  expect(acknowledged, `seed ${seed}`).toBeGreaterThan(50);
  expect(transactions, `seed ${seed}`).toBeGreaterThan(10);
});
