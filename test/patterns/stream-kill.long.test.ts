import { expect, it } from "vitest";
import { startServer } from "./clients.js";
import { killConsumers } from "./stream-kill-proof.js";

it("loses none of 100,000 events under 60 kills", async () => {
  const server = await startServer();
  const run = await killConsumers(server.url, 100_000, 60, true, 7);
  await server.close();
  console.log(
    `${run.events} events, ${run.kills} kills, ${run.later} on a later delivery, ${run.duplicates.length} done twice, ${run.lost} lost, ${run.givenUp} given up, ${run.seconds.toFixed(0)} s`,
  );
  expect(run).toMatchObject({ events: 100_000, lost: 0, unmarked: 0, pending: 0 });
  // More than what the 11 poison events can have spoiled: consumers were killed with events in hand.
  expect(run.later).toBeGreaterThan(11 * 199);
  expect(run.duplicates.length).toBeGreaterThan(0);
  expect(run.dead).toEqual(Array.from({ length: 11 }, (_, i) => i * 9_973 + 1));
});
