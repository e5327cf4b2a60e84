import { expect, it } from "vitest";
import { leaderboard, type Ties } from "../../src/patterns/leaderboard/index.js";
import { seededRandom } from "../../src/testing/random.js";
import { freshName, openClient, startServer } from "./clients.js";
import { BoardOracle } from "./leaderboard-oracle.js";

const MEMBERS = 1_000_000;

it.each(["first", "lexicographic", "shared"] as const)(
  "a board of a million members, about twenty to a score, says what sorting says; ties %s",
  async (ties) => {
    const server = await startServer();
    const open = await openClient("ioredis 5", server.url);
    try {
      const board = leaderboard(open.client, { prefix: freshName(), ties, deadlineMs: 30_000 });
      const oracle = new BoardOracle("desc", ties);
      const random = seededRandom(11);
      const put = async (count: number, member: (i: number) => string) => {
        for (let from = 0; from < count; from += 2_000)
          await Promise.all(
            Array.from({ length: 2_000 }, (_, i) => {
              const name = member(from + i);
              const score = Math.floor(random() * 50_000);
              oracle.put(name, score);
              return board.set(name, score);
            }),
          );
      };
      await put(MEMBERS, (i) => `m${i}`);
      await put(20_000, () => `m${Math.floor(random() * MEMBERS)}`);
      expect(await board.count()).toBe(MEMBERS);
      expect(await board.top(1_000)).toEqual(oracle.page(0, 1_000));
      for (let i = 0; i < 100; i++) {
        const member = `m${Math.floor(random() * MEMBERS)}`;
        expect(await board.rank(member)).toEqual(oracle.standing(member));
        expect(await board.around(member, 5)).toEqual(oracle.around(member, 5));
        const offset = Math.floor(random() * MEMBERS);
        expect(await board.page(offset, 50)).toEqual(oracle.page(offset, 50));
      }
      // The control: an oracle that breaks ties another way is found out.
      const other: Ties = ties === "lexicographic" ? "first" : "lexicographic";
      const wrong = oracle.withTies(other);
      expect(await board.top(1_000)).not.toEqual(wrong.page(0, 1_000));
    } finally {
      open.close();
      await server.close();
    }
  },
);
