// The exam of the embedded MongoDB engine: the unified tests of the MongoDB drivers' specifications.
// PATH is a checkout of github.com/mongodb/specifications, outside this repository.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { BSON, MongoClient } from "mongodb";
import { runCorpus } from "./mongodb/corpus.mjs";
import { NotSupported } from "./mongodb/operations.mjs";
import { TestRun } from "./mongodb/runner.mjs";

export const summary =
  "mongodb/specifications: the BSON corpus; unified tests of CRUD, sessions, retryable reads and writes, indexes, collections, commands";
export const engine = "mongodb";

const suites = [
  "crud/tests/unified",
  "retryable-writes/tests/unified",
  "retryable-reads/tests/unified",
  "sessions/tests",
  "collection-management/tests",
  "index-management/tests",
  "run-command/tests/unified",
  "command-logging-and-monitoring/tests/monitoring",
  "transactions/tests/unified",
  "unified-test-format/tests/valid-pass",
];

const testMs = 15_000;

const atLeast = (version, minimum) => compare(version, minimum) >= 0;
function compare(left, right) {
  const [a, b] = [left, right].map((text) => text.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0));
  for (let i = 0; i < 3; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
}

/** Why a test is not for this server; undefined when it is. */
function unmet(requirements, { version, topology }) {
  if (requirements === undefined) return undefined;
  const fits = requirements.some(
    ({ minServerVersion, maxServerVersion, topologies, serverless, auth, csfle }) =>
      (minServerVersion === undefined || atLeast(version, minServerVersion)) &&
      // "4.4" and "4.4.99" both end the 4.4 series as the files use them
      (maxServerVersion === undefined || compare(version, maxServerVersion) <= 0) &&
      (topologies === undefined || topologies.includes(topology)) &&
      serverless !== "require" &&
      auth !== true &&
      csfle === undefined,
  );
  return fits ? undefined : "for another server version or topology";
}

async function serverOf(client) {
  const hello = await client.db("admin").command({ hello: 1 });
  const { version } = await client.db("admin").command({ buildInfo: 1 });
  return { version, topology: hello.setName === undefined ? "single" : "replicaset" };
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * @param from the checkout
 * @param server `{ url, faults? }`
 * @yields `{ name, outcome: "passed" | "failed" | "skipped", reason? }`
 */
export async function* run(from, server) {
  const source = existsSync(join(from, "source")) ? join(from, "source") : from;
  const setup = new MongoClient(server.url);
  try {
    yield* runCorpus(join(source, "bson-corpus/tests"), server.url);
    const facts = await serverOf(setup);
    for (const suite of suites) {
      if (!existsSync(join(source, suite))) throw new Error(`${suite} is not under ${source}`);
      for (const path of await filesUnder(join(source, suite))) {
        const text = await readFile(path, "utf8");
        const file = BSON.EJSON.parse(text, { relaxed: true });
        if (file.tests === undefined || file.schemaVersion === undefined) continue;
        for (const [index, test] of file.tests.entries()) {
          const name = `${relative(source, path)}: ${test.description}`;
          const reason =
            test.skipReason ?? unmet(file.runOnRequirements, facts) ?? unmet(test.runOnRequirements, facts);
          if (reason !== undefined) {
            yield { name, outcome: "skipped", reason };
            continue;
          }
          // Parsed anew: what a test changes in its documents must not reach the next.
          const fresh = BSON.EJSON.parse(text, { relaxed: true });
          yield { name, ...(await runOne(server, setup, fresh, fresh.tests[index])) };
        }
      }
    }
  } finally {
    await setup.close();
  }
}

async function runOne(server, setup, file, test) {
  const run = new TestRun(server.url, setup, server.faults);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${testMs / 1000} s`)), testMs);
  });
  try {
    await Promise.race([run.run(file, test), late]);
    return { outcome: "passed" };
  } catch (error) {
    if (error instanceof NotSupported) return { outcome: "skipped", reason: `the runner has no ${error.message}` };
    return { outcome: "failed", reason: `${error.name}: ${error.message}`.slice(0, 400) };
  } finally {
    clearTimeout(timer);
    await server.faults?.clear();
    await run.close();
  }
}
