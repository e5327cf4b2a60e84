#!/usr/bin/env node
// Writes docs/engines/mongodb.md from the engine's tables; with --check it only says whether the page is up to date.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createJiti } from "jiti";

const page = new URL("../docs/engines/mongodb.md", import.meta.url);
const { supportPage } = await createJiti(import.meta.url).import("../src/engines/mongodb/support-page.ts");
const text = supportPage();
if (process.argv.includes("--check")) {
  let before = "";
  try {
    before = readFileSync(page, "utf8");
  } catch {}
  if (before !== text) {
    console.error("docs/engines/mongodb.md is not up to date: node scripts/support-page.mjs");
    process.exit(1);
  }
} else {
  mkdirSync(new URL("./", page), { recursive: true });
  writeFileSync(page, text);
}
