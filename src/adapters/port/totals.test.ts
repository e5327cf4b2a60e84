import { expect, test } from "vitest";
import type { Field } from "../../model/field.js";
import { Adder, type Totals } from "./totals.js";

test("two folds of one bucket cut their sums alike, in whichever order they met the groups", () => {
  const adder = new Adder({ kind: "string" } as Field, { kind: "int" } as Field);
  const partsOf = (groups: readonly string[]): string[] => {
    const totals: Totals = new Map();
    for (const group of groups) adder.add(group, group.length, totals);
    return adder.foldedParts(totals, 40);
  };
  const groups = ["a", "bb", "ccc", "d".repeat(20), "ee", "f"];
  expect(partsOf(groups).length).toBeGreaterThan(1);
  expect(partsOf([...groups].reverse())).toEqual(partsOf(groups));
});
