import { afterAll, test } from "vitest";
import { stopDynamodb } from "../client/engines.js";
import { movingKeys } from "./moving-keys-proof.js";

afterAll(() => stopDynamodb());

test.each([11, 12, 13, 14])(
  "after 25,000 of 100,000 random writes every index, copy and sum is what the records say (seed %i)",
  { timeout: 1_800_000 },
  (seed) => movingKeys(25_000, seed),
);
