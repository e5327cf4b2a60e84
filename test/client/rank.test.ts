import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apply, connect, defineModel, entity, list, rank } from "../../src/index.js";
import { useRedis } from "./redis.js";
import { codeOf } from "./shop.js";

const redis = useRedis();

const score = entity("score", {
  schema: z.object({
    board: z.string(),
    player: z.string(),
    points: z.int(),
    speed: z.number(),
    team: z.string().optional(),
    banned: z.boolean(),
  }),
  key: ["board", "player"],
});
type Score = (typeof score)["$record"];
const where = { banned: false };
const model = defineModel({
  entities: { score },
  patterns: {
    best: list(score, { by: ["board"], order: { points: "desc" } }),
    place: rank(score, { by: ["board"], order: { points: "desc" } }),
    slowest: list(score, { by: ["board", "team"], order: { speed: "asc", points: "desc" }, where }),
    placeInTeam: rank(score, { by: ["board", "team"], order: { speed: "asc", points: "desc" }, where }),
  },
});

const scores = fc.uniqueArray(
  fc.record({
    board: fc.constantFrom("a", "b{}"),
    player: fc.string({ maxLength: 3 }),
    points: fc.integer({ min: -2, max: 3 }),
    speed: fc.constantFrom(-1.5, 0, 0.25),
    team: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
    banned: fc.boolean(),
  }),
  { selector: ({ board, player }) => JSON.stringify([board, player]), minLength: 1, maxLength: 40 },
);

describe("rank", () => {
  test("is the place in the list with the same order, ties and all, also after changes", async () => {
    await fc.assert(
      fc.asyncProperty(scores, scores, async (first, then) => {
        const adapter = redis.adapter(redis.prefix());
        await apply(model, adapter);
        const shop = connect(model, adapter);
        await shop.score.insertMany(first);
        for (const one of then) await shop.score.put(one);
        const stored = new Map<string, Score>();
        for (const one of [...first, ...then]) stored.set(JSON.stringify([one.board, one.player]), one);
        const places = async (rows: AsyncIterable<Score>): Promise<string[]> => {
          const found: string[] = [];
          for await (const row of rows) found.push(row.player);
          return found;
        };
        const best = new Map<string, string[]>();
        for (const board of ["a", "b{}"]) best.set(board, await places(shop.best.each({ board })));
        for (const { board, player, team, banned } of stored.values()) {
          const players = best.get(board)!;
          const found = await shop.place({ board, player });
          expect([found?.rank, found?.of]).toEqual([players.indexOf(player) + 1, players.length]);
          expect(found?.record.player).toBe(player);
          const own = await shop.placeInTeam({ board, player });
          if (team === undefined || banned) expect(own).toBeUndefined();
          else {
            const teammates = await places(shop.slowest.each({ board, team }));
            expect([own?.rank, own?.of]).toEqual([teammates.indexOf(player) + 1, teammates.length]);
          }
        }
        await shop.$close();
      }),
      { numRuns: Number(process.env["KEYFOLD_RUNS"] ?? 15) },
    );
  });

  test("of no record is nothing; it is asked for by the key alone, and explained", async () => {
    const adapter = redis.adapter(redis.prefix());
    await apply(model, adapter);
    const shop = connect(model, adapter);
    expect(await shop.place({ board: "a", player: "nobody" })).toBeUndefined();
    expect(await codeOf(shop.place({ board: "a" } as never))).toBe("INPUT_INVALID");
    expect(await codeOf(shop.place({ board: "a", player: "p", points: 1 } as never))).toBe("INPUT_INVALID");
    expect(await codeOf(shop.place({ board: "a", player: "p" }, { consistency: "strong" as never }))).toBe(
      "CONSISTENCY_UNSUPPORTED",
    );
    await shop.score.insert({ board: "a", player: "p", points: 1, speed: 0, banned: false });
    const told = await shop.place.explain({ board: "a", player: "p" });
    expect(told).toMatchObject({ index: "all|points", keysExamined: 1, rows: 1 });
    await shop.$close();
  });
});
