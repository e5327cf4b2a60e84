import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { supportPage } from "./support-page.js";

it("is what docs/engines/cassandra.md says", () => {
  expect(readFileSync("docs/engines/cassandra.md", "utf8")).toBe(supportPage());
});
