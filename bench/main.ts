/**
 * `npm run bench [-- NAME …] [--quick] [--server embedded]`: ours beside the peers, in one run, as ratios of medians over interleaved rounds.
 * Names: client, engine, start-up, load (MongoDB), and redis, dynamodb, cassandra and patterns, of which redis-commands, dynamodb-start-up, patterns-cache and so on are parts. Peers are fetched by `npm run engine` on their first use.
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { cassandraBench, cassandraParts, cassandraServers } from "./cassandra/run.js";
import { dynamodbBench, dynamodbParts } from "./dynamodb/run.js";
import { startServer } from "./harness/processes.js";
import { render } from "./harness/report.js";
import type { Comparison } from "./harness/rounds.js";
import { renderStartUp, startUp } from "./harness/start-up.js";
import { redisBench, redisParts } from "./redis/run.js";

const names = ["client", "engine", "start-up", "load", "redis", "dynamodb", "cassandra", "patterns"];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    server: { type: "string", default: "real" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(
    `npm run bench [-- NAME …] [--quick] [--server embedded]\n\n  names: ${names.join(", ")}; all of them when none is given\n  --server embedded: cassandra-client on the embedded engine, not on Apache Cassandra`,
  );
  process.exit(0);
}
const cassandraServer = cassandraServers.find((name) => name === values.server);
if (cassandraServer === undefined) {
  console.error(`--server is ${cassandraServers.join(" or ")}, not ${values.server}`);
  process.exit(2);
}
const wanted = positionals.length > 0 ? positionals : names;
const rounds = values.quick ? { rounds: 3, warmup: 1 } : { rounds: 9, warmup: 2 };

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const show = (comparison: Comparison) => console.log(render(comparison));

console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB\n`,
);

for (const name of wanted) {
  switch (name) {
    case "client": {
      const { startEmbedded } = await import("./mongodb/start-up.js");
      const { clientComparisons } = await import("./mongodb/client.js");
      const server = await startEmbedded();
      await clientComparisons(server, show, rounds);
      await server.stop();
      break;
    }
    case "engine": {
      const { startEmbedded } = await import("./mongodb/start-up.js");
      const { engineComparisons } = await import("./mongodb/engine.js");
      const ours = await startEmbedded();
      const peer = await startServer(
        "mongo-java-server (in memory)",
        process.execPath,
        ["scripts/real-engine.mjs", "mongo-java", "--port", "0"],
        (line) => /mongodb:\/\/\S+/.exec(line)?.[0],
      );
      const documents = values.quick ? 50_000 : 500_000;
      await engineComparisons([ours, peer], show, { ...rounds, documents });
      await Promise.all([ours.stop(), peer.stop()]);
      break;
    }
    case "start-up": {
      const { ping, startEmbedded } = await import("./mongodb/start-up.js");
      const figures = await startUp(startEmbedded, ping, values.quick ? 5 : 15);
      console.log(
        renderStartUp("start to first answered ping, MongoDB engine", "≤ 150 ms beyond node, ≤ 80 MB idle", figures),
      );
      break;
    }
    case "load": {
      const { loadComparison } = await import("./mongodb/load.js");
      const comparison = await loadComparison(values.quick ? { rounds: 1, warmup: 0 } : { rounds: 3, warmup: 1 });
      console.log(comparison === undefined ? "load: ../shared/data is absent, nothing to load\n" : render(comparison));
      break;
    }
    case "patterns":
    case "patterns-cache":
    case "patterns-limits":
    case "patterns-locks":
    case "patterns-boards":
    case "patterns-streams": {
      const { patternBench } = await import("./patterns/run.js");
      await patternBench(name, show, rounds, values.quick);
      break;
    }
    default: {
      const parts = redisParts.filter((part) => name === "redis" || name === `redis-${part}`);
      for (const part of parts) await redisBench(part, values.quick, rounds);
      const others = dynamodbParts.filter((part) => name === "dynamodb" || name === `dynamodb-${part}`);
      for (const part of others) await dynamodbBench(part, values.quick, rounds);
      const wide = cassandraParts.filter((part) => name === "cassandra" || name === `cassandra-${part}`);
      for (const part of wide) await cassandraBench(part, values.quick, rounds, cassandraServer);
      if (parts.length + others.length + wide.length > 0) break;
      const all = [
        ...names,
        ...redisParts.map((part) => `redis-${part}`),
        ...dynamodbParts.map((part) => `dynamodb-${part}`),
        ...cassandraParts.map((part) => `cassandra-${part}`),
      ];
      console.error(`there is no benchmark "${name}": ${all.join(", ")}`);
      process.exitCode = 2;
    }
  }
}
