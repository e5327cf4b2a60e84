import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseIndexes, serves } from "./choose-indexes.js";
import type { KeyPart, Need } from "./needs.js";

const need = (equal: string[], tail: KeyPart[] = []): Need => ({ subject: "p", equal, tail });
const named = (keys: readonly KeyPart[]): string =>
  keys.map(([path, direction]) => (direction === 1 ? path : `-${path}`)).join(" ");

describe("an index serves a need", () => {
  it.each<[string, KeyPart[], Need, boolean]>([
    [
      "in its own order",
      [
        ["a", 1],
        ["t", -1],
        ["_id", -1],
      ],
      need(
        ["a"],
        [
          ["t", -1],
          ["_id", -1],
        ],
      ),
      true,
    ],
    [
      "read backwards",
      [
        ["a", 1],
        ["t", 1],
        ["_id", 1],
      ],
      need(
        ["a"],
        [
          ["t", -1],
          ["_id", -1],
        ],
      ),
      true,
    ],
    [
      "with equal fields in another order",
      [
        ["b", 1],
        ["a", 1],
      ],
      need(["a", "b"]),
      true,
    ],
    [
      "as a prefix",
      [
        ["a", 1],
        ["b", 1],
        ["c", 1],
      ],
      need(["a"], [["b", 1]]),
      true,
    ],
    [
      "not in a mixed order",
      [
        ["a", 1],
        ["t", 1],
        ["_id", -1],
      ],
      need(
        ["a"],
        [
          ["t", -1],
          ["_id", -1],
        ],
      ),
      false,
    ],
    [
      "not with a field between",
      [
        ["a", 1],
        ["b", 1],
        ["t", 1],
      ],
      need(["a"], [["t", 1]]),
      false,
    ],
    ["not when too short", [["a", 1]], need(["a", "b"]), false],
  ])("%s", (_, keys, wanted, expected) => {
    expect(serves(keys, wanted)).toBe(expected);
  });
});

describe("the smallest set of indexes", () => {
  it("drops a prefix of another", () => {
    expect(
      chooseIndexes(
        [
          need(["a"], [["b", 1]]),
          need(
            ["a"],
            [
              ["b", 1],
              ["c", 1],
            ],
          ),
        ],
        [],
      ).map(named),
    ).toEqual(["a b c"]);
  });

  it("orders equal fields so that one index serves both", () => {
    expect(chooseIndexes([need(["a", "b"], [["t", -1]]), need(["b"], [["a", 1]])], []).map(named)).toEqual(["b a -t"]);
  });

  it("takes a unique index that is there anyway", () => {
    expect(
      chooseIndexes(
        [need(["a"])],
        [
          [
            ["a", 1],
            ["b", 1],
          ],
        ],
      ),
    ).toEqual([]);
  });

  it("serves every need, and is never larger than the best that trying all subsets finds", () => {
    const path = fc.constantFrom("a", "b", "c");
    const direction = fc.constantFrom<1 | -1>(1, -1);
    const anyNeed = fc
      .record({
        equal: fc.uniqueArray(path, { minLength: 0, maxLength: 3 }),
        tail: fc.uniqueArray(fc.tuple(fc.constantFrom("t", "u"), direction), {
          maxLength: 2,
          selector: ([name]) => name,
        }),
      })
      .filter(({ equal, tail }) => equal.length + tail.length > 0)
      .map(({ equal, tail }) => need(equal, tail));
    fc.assert(
      fc.property(fc.array(anyNeed, { minLength: 1, maxLength: 4 }), (needs) => {
        const chosen = chooseIndexes(needs, []);
        for (const one of needs) expect(chosen.some((keys) => serves(keys, one))).toBe(true);
        expect(chosen.length).toBe(smallest(needs));
      }),
      { numRuns: 300 },
    );
  });

  it("comes to an end with many patterns", () => {
    const needs = Array.from({ length: 24 }, (_, i) =>
      need(
        [`a${i % 5}`, `b${i % 3}`, `c${i % 7}`],
        [
          ["t", i % 2 === 0 ? 1 : -1],
          ["_id", 1],
        ],
      ),
    );
    const chosen = chooseIndexes(needs, []);
    for (const one of needs) expect(chosen.some((keys) => serves(keys, one))).toBe(true);
    expect(chosen).toEqual(chooseIndexes(needs, []));
  });
});

/** By brute force: the fewest of all conceivable indexes (each need's own, in each order) that serve all needs. */
function smallest(needs: readonly Need[]): number {
  const orders = (items: readonly string[]): string[][] =>
    items.length === 0
      ? [[]]
      : items.flatMap((item) => orders(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
  const all = needs.flatMap((one) =>
    orders(one.equal).map((order): KeyPart[] => [...order.map((path): KeyPart => [path, 1]), ...one.tail]),
  );
  for (let size = 1; size <= needs.length; size++) {
    const pick = (from: number, left: number, taken: KeyPart[][]): boolean =>
      left === 0
        ? needs.every((one) => taken.some((keys) => serves(keys, one)))
        : all.some((keys, index) => index >= from && pick(index + 1, left - 1, [...taken, keys]));
    if (pick(0, size, [])) return size;
  }
  return needs.length;
}
