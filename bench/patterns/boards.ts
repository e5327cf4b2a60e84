import { Leaderboard } from "redis-rank";
import { leaderboard } from "../../src/patterns/leaderboard/index.js";
import { seededRandom } from "../../src/testing/random.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { asClient, type BenchClients, concurrently } from "./clients.js";

/**
 * Leaderboards of a million members (fewer in a quick run), 64 calls at a time. Both answer a call with one round trip;
 * keyfold's calls of one turn travel together, and the best 10, which all callers ask for, are asked for once a turn.
 */
export async function boardComparisons(
  clients: BenchClients,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
  members: number,
): Promise<void> {
  const { ioredis, nodeRedis } = clients;
  const options = { prefix: "board" } as const;
  const plain = leaderboard(ioredis, options);
  const onNode = leaderboard(asClient(nodeRedis), options);
  const first = leaderboard(ioredis, { prefix: "first", ties: "first" });
  const peer = new Leaderboard(ioredis, "rank", { sortPolicy: "high-to-low", updatePolicy: "replace" });
  const random = seededRandom(1);
  for (let from = 0; from < members; from += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, i) => ({
      id: `m${from + i}`,
      value: Math.floor(random() * 1_000_000),
    }));
    await Promise.all([
      ...rows.flatMap(({ id, value }) => [plain.set(id, value), first.set(id, value)]),
      ioredis.zadd("rank", ...rows.flatMap(({ id, value }) => [value, id])),
    ]);
  }
  const calls = 10_000;
  const member = (n: number) => `m${(n * 7919) % members}`;
  const run = (call: (n: number) => Promise<unknown>) => () => timed(calls, () => concurrently(calls, 64, call));
  let score = 0;
  report(
    await compare(
      `leaderboard of ${members.toLocaleString("en")}, update, 64 at a time`,
      "redis-rank ≥ × 3",
      [
        { name: "keyfold (ioredis)", run: run((n) => plain.set(member(n), ++score % 1_000_000)) },
        { name: "keyfold (node-redis)", run: run((n) => onNode.set(member(n), ++score % 1_000_000)) },
        { name: "keyfold, ties to the first", run: run((n) => first.set(member(n), ++score % 1_000_000)) },
        { name: "redis-rank", run: run((n) => peer.updateOne(member(n), ++score % 1_000_000)) },
      ],
      rounds,
    ),
  );
  report(
    await compare(
      `leaderboard of ${members.toLocaleString("en")}, 5 on each side of a member`,
      "redis-rank ≥ × 3",
      [
        { name: "keyfold (ioredis)", run: run((n) => plain.around(member(n), 5)) },
        { name: "keyfold (node-redis)", run: run((n) => onNode.around(member(n), 5)) },
        { name: "redis-rank", run: run((n) => peer.around(member(n), 5)) },
      ],
      rounds,
    ),
  );
  const offset = (n: number) => (n * 7919) % (members - 10);
  report(
    await compare(
      `leaderboard of ${members.toLocaleString("en")}, 10 from anywhere, each call another page`,
      "redis-rank, no goal",
      [
        { name: "keyfold (ioredis)", run: run((n) => plain.page(offset(n), 10)) },
        { name: "keyfold (node-redis)", run: run((n) => onNode.page(offset(n), 10)) },
        { name: "redis-rank", run: run((n) => peer.list(offset(n) + 1, offset(n) + 10)) },
      ],
      rounds,
    ),
  );
  report(
    await compare(
      `leaderboard of ${members.toLocaleString("en")}, the best 10`,
      "redis-rank ≥ × 3",
      [
        { name: "keyfold (ioredis)", run: run(() => plain.top(10)) },
        { name: "keyfold (node-redis)", run: run(() => onNode.top(10)) },
        { name: "redis-rank", run: run(() => peer.top(10)) },
      ],
      rounds,
    ),
  );
}
