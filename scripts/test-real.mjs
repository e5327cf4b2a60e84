// npm run test:real [-- ENGINE] [-- vitest arguments]: the suites that take a server by URL, against a real one. It is
// started from the package registries, unless KEYFOLD_TEST_MONGODB_URL (or KEYFOLD_TEST_REDIS_URL) names one that runs
// already: it is emptied. For DynamoDB, KEYFOLD_TEST_DYNAMODB_URL names AWS (dynamodb:///?region=eu-west-1, with the
// SDK's own credentials) or any server (http://host:port); the tests remove the tables that they make. Without it, the
// embedded engine is compared with the imitations that the registries have.
import { spawn } from "node:child_process";
import { startRealEngine } from "./real-engines/start.mjs";

/** Per engine: the variables through which its suites learn of a server, and where they lie. */
const suites = {
  mongodb: {
    url: "KEYFOLD_TEST_MONGODB_URL",
    judge: "KEYFOLD_TEST_MONGODB_ORACLE_URL",
    files: ["test/client", "test/main-job", "test/mongodb/cases", "test/mongodb/agreement"],
  },
  dynamodb: {
    url: "KEYFOLD_TEST_DYNAMODB_URL",
    judge: "KEYFOLD_TEST_DYNAMODB_ORACLE_URL",
    files: ["test/client", "test/main-job/online-retail", "test/main-job/generated", "test/dynamodb"],
    instead: ["dynalite", "moto"],
  },
  dynalite: imitation("dynalite"),
  moto: imitation("moto"),
  redis: redisLike("redis"),
  valkey: redisLike("valkey"),
  redis70: patternsOn("redis:"),
  // Tests that kill servers, or move slots, and others do not get on with each other.
  "valkey-cluster": patternsOn("redis+cluster:", [
    "test/patterns/slot-move.test.ts",
    "test/patterns/failover.test.ts",
    "--no-file-parallelism",
  ]),
  "redis-sentinel": patternsOn("redis+sentinel:", [
    "test/patterns/failover.test.ts",
    "test/patterns/lock-failover.test.ts",
    "--no-file-parallelism",
  ]),
  cassandra: {
    url: "KEYFOLD_TEST_CASSANDRA_URL",
    judge: "KEYFOLD_TEST_CASSANDRA_ORACLE_URL",
    files: [
      "test/cassandra/agreement",
      "test/cassandra/partition-sizes",
      // Those that need faults, or nodes to stop, have an engine of their own.
      ...["reads", "writes", "append-only"].map((name) => `test/client/${name}.test`),
      ...["append-only", "design", "expires", "home-lists", "keys", "models", "series", "uniques"].map(
        (name) => `test/client/cassandra-${name}`,
      ),
      "test/main-job/generated",
    ],
    folder: "KEYFOLD_TEST_CASSANDRA_FOLDER",
    env: { KEYFOLD_TEST_ENGINES: "cassandra" },
  },
  // Its tests kill nodes by the ids that lie in the ring's folder.
  cassandra3: {
    url: "KEYFOLD_TEST_CASSANDRA_RING_URL",
    folder: "KEYFOLD_TEST_CASSANDRA_RING_FOLDER",
    files: ["test/cassandra/quorum", "test/client/cassandra-cluster", "--no-file-parallelism"],
  },
};

/** The suites of the patterns and the model on other servers; the URL's scheme says how clients connect. */
function patternsOn(scheme, more = []) {
  const model = ["redis-design", "redis-oracle", "redis-expires", "redis-cluster", "redis-sentinel", "expires", "rank"];
  return {
    url: "KEYFOLD_TEST_REDIS_URL",
    judge: "KEYFOLD_TEST_REDIS_ORACLE_URL",
    files: ["src/patterns", ...model.map((name) => `test/client/${name}`), ...more],
    scheme,
  };
}

/** What imitates DynamoDB is asked the same as the embedded engine, and proves nothing else. */
function imitation(flavour) {
  const url = "KEYFOLD_TEST_DYNAMODB_ORACLE_URL";
  return { url, judge: url, files: ["test/dynamodb/agreement"], env: { KEYFOLD_TEST_DYNAMODB_FLAVOUR: flavour } };
}

/** All files share one server and empty it: one after the other. */
function redisLike(flavour) {
  return {
    url: "KEYFOLD_TEST_REDIS_URL",
    judge: "KEYFOLD_TEST_REDIS_ORACLE_URL",
    files: [
      "src/patterns",
      "test/patterns",
      "test/redis",
      "test/client/redis",
      "test/client/rank",
      "test/client/expires",
      "test/foreign/redis",
      "test/foreign/bullmq",
      "--no-file-parallelism",
    ],
    env: { KEYFOLD_TEST_REDIS_FLAVOUR: flavour },
  };
}

const [first, ...more] = process.argv.slice(2);
const named = first !== undefined && Object.hasOwn(suites, first);
const asked = named ? first : "mongodb";
const extra = named || first === undefined ? more : [first, ...more];

/** Starts the server where none is named, and runs the suites; the exit code. */
async function run(name, suite) {
  let engine;
  if (process.env[suite.url] === undefined) {
    try {
      engine = await startRealEngine(name, { log: (line) => console.error(line) });
    } catch (error) {
      console.error(`${name} could not be started: ${error.message}`);
      return 1;
    }
  }
  const url = process.env[suite.url] ?? engine.url.replace(/^redis:/, suite.scheme ?? "redis:");
  console.error(`against ${name} at ${url.replace(/\/\/[^@/]*@/, "//…@")}`);
  const child = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--project", "whole", ...suite.files, ...extra],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        [suite.url]: url,
        ...(suite.judge === undefined ? {} : { [suite.judge]: process.env[suite.judge] ?? url }),
        ...(suite.folder === undefined || engine === undefined ? {} : { [suite.folder]: engine.data }),
        ...suite.env,
      },
    },
  );
  let ended;
  void engine?.ended.then((reason) => {
    if (ended === undefined) console.error(`${name} ended during the tests: ${reason}`);
  });
  ended = await new Promise((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
  await engine?.stop();
  return ended;
}

const { instead, url } = suites[asked];
const names = instead !== undefined && process.env[url] === undefined ? instead : [asked];
let worst = 0;
for (const name of names) worst = Math.max(worst, await run(name, suites[name]));
process.exit(worst);
