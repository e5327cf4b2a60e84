import { describe, expect, it } from "vitest";
import { seeded } from "../../../../test/redis/random-commands.js";
import { RankedTree } from "./ranked-tree.js";

describe("RankedTree", () => {
  it.each([1, 2, 3])("keeps order, ranks and ranges under random changes (seed %i)", (seed) => {
    const random = seeded(seed);
    const tree = new RankedTree();
    const model = new Map<string, number>();
    const ordered = (): [string, number][] => [...model].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y));
    for (let round = 0; round < 12; round++) {
      // It grows for a while, then shrinks to a little, so that nodes split and vanish.
      const growing = round % 3 !== 2;
      for (let i = 0; i < 3000; i++) {
        const member = `m${Math.floor(random() * 5000)}`;
        const old = model.get(member);
        if (old !== undefined) {
          tree.remove(old, member);
          model.delete(member);
        }
        if (growing || random() < 0.1) {
          const score = Math.floor(random() * 400);
          tree.insert(score, member);
          model.set(member, score);
        }
      }
      const all = ordered();
      expect(tree.size).toBe(all.length);
      expect(tree.members(0, all.length, false)).toEqual(all.map(([member]) => member));
      expect(tree.members(all.length - 1, 50, true)).toEqual(
        all
          .slice(-50)
          .reverse()
          .map(([member]) => member),
      );
      for (let i = 0; i < 60 && all.length > 0; i++) {
        const at = Math.floor(random() * all.length);
        const [member, score] = all[at]!;
        expect(tree.rank(score, member)).toBe(at);
        expect(tree.countBefore((s) => s >= score)).toBe(all.filter(([, s]) => s < score).length);
        expect(tree.members(at, 3, false)).toEqual(all.slice(at, at + 3).map(([m]) => m));
      }
    }
  });
});
