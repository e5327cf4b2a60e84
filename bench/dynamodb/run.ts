import { render, renderRates } from "../harness/report.js";
import type { Comparison, RoundsOptions } from "../harness/rounds.js";
import { renderStartUp, startUp } from "../harness/start-up.js";
import { clientBytes } from "./bytes.js";
import { clientComparisons } from "./client.js";
import { engineComparisons } from "./engine.js";
import { largeTableComparison } from "./large-table.js";
import { type Share, sdkShares } from "./sdk.js";
import { ping, startEmbedded, startPeer } from "./servers.js";

/** The parts of `npm run bench -- dynamodb`. */
export const dynamodbParts = ["dynalite", "moto", "sdk", "start-up", "large", "client"] as const;

const showRates = (comparison: Comparison): void => console.log(renderRates(comparison));

export async function dynamodbBench(
  part: (typeof dynamodbParts)[number],
  quick: boolean,
  rounds: RoundsOptions,
): Promise<void> {
  switch (part) {
    case "dynalite":
    case "moto": {
      const servers = [await startEmbedded(), await startPeer(part)];
      const goal = part === "moto" ? "≥ 20 ×" : "≥ 3 ×";
      // moto is so slow that its rounds have to be short.
      const own = part === "moto" ? { rounds: Math.min(rounds.rounds ?? 3, 3), warmup: 0, warmupMs: 1_000 } : rounds;
      await engineComparisons(servers, goal, showRates, { ...own, scale: part === "moto" ? 0.1 : quick ? 0.3 : 1 });
      await Promise.all(servers.map((server) => server.stop()));
      break;
    }
    case "sdk": {
      const servers = [await startEmbedded(), await startPeer("dynalite")] as const;
      const show = ({ comparison, ofSdk }: Share): void => {
        console.log(renderRates(comparison).trimEnd());
        console.log(`  the SDK's share of a request's time: ${(ofSdk * 100).toFixed(0)} %\n`);
      };
      await sdkShares(...servers, show, { ...rounds, scale: quick ? 0.3 : 1 });
      await Promise.all(servers.map((server) => server.stop()));
      break;
    }
    case "client": {
      const server = await startEmbedded();
      const show = (comparison: Comparison): void => console.log(render(comparison));
      await clientComparisons(server, show, { ...rounds, scale: quick ? 0.5 : 1 });
      await server.stop();
      console.log(await clientBytes());
      break;
    }
    case "start-up": {
      const figures = await startUp(startEmbedded, ping, quick ? 5 : 15);
      const title = "start to first answer, DynamoDB engine";
      console.log(renderStartUp(title, "≤ 120 ms beyond node, ≤ 80 MB idle", figures));
      break;
    }
    case "large": {
      const { comparison, startMs, fillSeconds } = await largeTableComparison(quick ? 200_000 : 10_000_000, rounds);
      console.log(render(comparison));
      console.log(
        `  start of the process to the first query answered: ${startMs.toFixed(0)} ms; filling took ${fillSeconds.toFixed(0)} s\n`,
      );
      break;
    }
    default: {
      const never: never = part;
      throw new Error(String(never));
    }
  }
}
