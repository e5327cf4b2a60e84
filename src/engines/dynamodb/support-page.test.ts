import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { supportPage } from "./support-page.js";

it("docs/engines/dynamodb.md says what the engine's table says (node scripts/support-page.mjs)", () => {
  expect(readFileSync(new URL("../../../docs/engines/dynamodb.md", import.meta.url), "utf8")).toBe(supportPage());
});
