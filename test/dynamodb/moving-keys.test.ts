import { afterAll, test } from "vitest";
import { stopDynamodb } from "../client/engines.js";
import { movingKeys } from "./moving-keys-proof.js";

afterAll(() => stopDynamodb());

test("after 500 random writes every index, copy and sum is what the records say", () => movingKeys(500, 7));
