import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCaseFiles, runCase } from "./case-files.js";
import { openTarget } from "./embedded.js";
import type { Target } from "./targets.js";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target?.close());

describe.each(readCaseFiles())("$file", ({ cases }) => {
  it.each(cases)("$manual: $name", async (each) => {
    const { got, want } = await runCase(target, each);
    expect(got).toEqual(want);
  });
});
