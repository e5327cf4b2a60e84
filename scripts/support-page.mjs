#!/usr/bin/env node
// Writes the pages of docs/engines that are made from an engine's tables; with --check it only says which are not up
// to date.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createJiti } from "jiti";

const engines = ["mongodb", "redis", "dynamodb", "cassandra"];
const jiti = createJiti(import.meta.url);

for (const engine of engines) {
  const page = new URL(`../docs/engines/${engine}.md`, import.meta.url);
  const { supportPage } = await jiti.import(`../src/engines/${engine}/support-page.ts`);
  const text = supportPage();
  if (!process.argv.includes("--check")) {
    mkdirSync(new URL("./", page), { recursive: true });
    writeFileSync(page, text);
    continue;
  }
  let before = "";
  try {
    before = readFileSync(page, "utf8");
  } catch {}
  if (before !== text) {
    console.error(`docs/engines/${engine}.md is not up to date: node scripts/support-page.mjs`);
    process.exitCode = 1;
  }
}
