import { afterAll, test } from "vitest";
import { stopDynamodb } from "../client/engines.js";
import { movingKeys } from "./moving-keys-proof.js";

afterAll(() => stopDynamodb());

test("after 100,000 random writes every index, copy and sum is what the records say", { timeout: 3_600_000 }, () =>
  movingKeys(100_000, 11),
);
