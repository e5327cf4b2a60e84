import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const source = readFileSync(new URL("src/internal/errors.ts", root), "utf8");
const codes = [...source.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code as string);

test("every code has its line in the doc comment and a page of its own, and no page is without its code", () => {
  expect(codes.length).toBeGreaterThan(15);
  const documented = [...source.matchAll(/^ \* - `([A-Z_]+)`:/gm)].map(([, code]) => code);
  expect(documented).toEqual(codes);
  const pages = readdirSync(new URL("docs/errors/", root)).filter((name) => name !== "README.md");
  expect(pages.sort()).toEqual(codes.map((code) => `${code}.md`).sort());
});

test.each(codes)("the page of %s says what happened and what to do, and the index links it", (code) => {
  const page = readFileSync(new URL(`docs/errors/${code}.md`, root), "utf8");
  expect(page).toMatch(new RegExp(`^# ${code}\\n\\n.+\\n\\n## What happened\\n\\n.+\\n\\n## What to do\\n\\n.+`));
  expect(readFileSync(new URL("docs/errors/README.md", root), "utf8")).toContain(`[${code}](${code}.md)`);
});
