import { describe, expect, it } from "vitest";
import { drivers, freshName, singleServer, suiteOn } from "../../../test/patterns/clients.js";
import { BoardOracle } from "../../../test/patterns/leaderboard-oracle.js";
import { seededRandom } from "../../testing/random.js";
import { leaderboard } from "./index.js";

describe.each(drivers)("leaderboards over %s", (driver) => {
  const on = suiteOn(driver);

  it.each([
    ["desc", "first"],
    ["desc", "lexicographic"],
    ["desc", "shared"],
    ["asc", "first"],
    ["asc", "lexicographic"],
    ["asc", "shared"],
  ] as const)("%s, ties %s: says what sorting says", async (order, ties) => {
    const board = leaderboard(on.client, { prefix: freshName(), order, ties });
    const oracle = new BoardOracle(order, ties);
    const random = seededRandom(7);
    const better = (a: number, b: number) => (order === "desc" ? Math.max(a, b) : Math.min(a, b));
    for (let i = 0; i < 300; i++) {
      const member = `m${Math.floor(random() * 40)}`;
      const score = Math.floor(random() * 8) - 2;
      const now = oracle.score(member);
      const choice = random();
      if (choice < 0.4) {
        expect(await board.set(member, score)).toBe(score);
        oracle.put(member, score);
      } else if (choice < 0.65) {
        const best = now === undefined ? score : better(now, score);
        expect(await board.best(member, score)).toBe(best);
        oracle.put(member, best);
      } else if (choice < 0.95) {
        expect(await board.increment(member, score)).toBe((now ?? 0) + score);
        oracle.put(member, (now ?? 0) + score);
      } else {
        expect(await board.remove(member)).toBe(now !== undefined);
        oracle.remove(member);
      }
    }
    expect(await board.top(100)).toEqual(oracle.page(0, 100));
    expect(await board.page(7, 11)).toEqual(oracle.page(7, 11));
    for (const member of ["m1", "m2", "m3", "none"]) {
      expect(await board.around(member, 3)).toEqual(oracle.around(member, 3));
      const standing = await board.rank(member);
      const at = oracle.position(member);
      if (at < 0) expect(standing).toBeUndefined();
      else expect(standing).toEqual(oracle.standing(member));
    }
  });

  it("keeps exact scores and member data, and takes any text for a name", async () => {
    const board = leaderboard<{ team: string }>(on.client, { prefix: freshName(), ties: "first" });
    await board.set("ø {x} y", 0.1, { data: { team: "a" } });
    expect(await board.increment("ø {x} y", 0.2)).toBe(0.1 + 0.2);
    await board.set("b", 9_007_199_254_740_991);
    expect(await board.top(2, { data: true })).toEqual([
      { member: "b", score: 9_007_199_254_740_991, rank: 1 },
      { member: "ø {x} y", score: 0.1 + 0.2, rank: 2, data: { team: "a" } },
    ]);
    expect(await board.rank("ø {x} y", { data: true })).toMatchObject({ data: { team: "a" }, count: 2 });
    await expect(board.set("c", Number.NaN)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(board.set("", 1)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("takes line feeds in names, and gives many rows with their data", async () => {
    const board = leaderboard<number>(on.client, { prefix: freshName(), deadlineMs: 5_000 });
    await board.set("a\nb", 1, { data: 7 });
    await board.set("c", 2);
    const rows = [
      { member: "c", score: 2, rank: 1 },
      { member: "a\nb", score: 1, rank: 2 },
    ];
    expect(await board.top(3)).toEqual(rows);
    expect(await board.around("a\nb", 1, { data: true })).toEqual([rows[0], { ...rows[1], data: 7 }]);
    for (let from = 0; from < 9_000; from += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => board.set(`m${from + i}`, -from - i, { data: from + i })),
      );
    const page = await board.page(2, 9_000, { data: true });
    expect(page).toHaveLength(9_000);
    expect(page[8_999]).toEqual({ member: "m8999", score: -8_999, rank: 9_002, data: 8_999 });
  });

  it("has a board for each period, which expires", async () => {
    const prefix = freshName();
    const board = leaderboard(on.client, { prefix, period: { every: "day", timeZone: "Europe/Oslo" } });
    await board.set("a", 1);
    const yesterday = board.at(Date.now() - 86_400_000);
    await yesterday.set("b", 2);
    expect((await board.top(5)).map(({ member }) => member)).toEqual(["a"]);
    expect((await yesterday.top(5)).map(({ member }) => member)).toEqual(["b"]);
  });

  it.runIf(singleServer)("adds once, although the answer is lost and the driver may send again", async () => {
    const board = leaderboard(on.client, { prefix: freshName(), deadlineMs: 3_000 });
    for (let i = 0; i < 10; i++) {
      let cuts = 0;
      on.proxy.setRule(({ bytes }) => (bytes.includes("once!") && ++cuts <= 2 ? { kind: "cut-after" } : undefined));
      const outcome = await board.increment("once!", 1).catch((error) => error.code);
      on.proxy.setRule(undefined);
      expect([i + 1, "OUTCOME_UNKNOWN"]).toContain(outcome);
      await expect.poll(async () => (await board.rank("once!").catch(() => undefined))?.score).toBe(i + 1);
    }
  });
});
