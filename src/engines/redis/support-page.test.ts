import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { supportPage } from "./support-page.js";

it("docs/engines/redis.md says what the engine's tables say (node scripts/support-page.mjs)", () => {
  expect(readFileSync(new URL("../../../docs/engines/redis.md", import.meta.url), "utf8")).toBe(supportPage());
});
