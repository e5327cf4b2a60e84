// The exam of the embedded Cassandra engine: ScyllaDB's test/cql-pytest, of which 651 tests are translated from
// Cassandra's own, with the Python driver. PATH is a checkout of github.com/scylladb/scylladb at tag scylla-6.2.3,
// outside this repository; it needs Python 3.9.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { outcomesOf } from "./pytest/suite.mjs";

export const summary = "ScyllaDB 6.2.3: test/cql-pytest, as Cassandra is asked by it; passed and xpassed are counted";
export const engine = "cassandra";

const packages = ["pytest==9.2.0", "pytest-timeout", "allure-pytest", "requests", "cassandra-driver==3.30.1"];
/** Tests that chance decides, whoever is asked: two of five seeds make a keyspace with ScyllaDB's tablets. */
const byChance = new Set(["test_describe.py::test_desc_keyspace"]);

/** Names that a plain Apache Cassandra 5.0.9 passes, where the list of them is at hand. */
async function passedByCassandra() {
  const path = new URL("../../../shared/exams/cql-pytest-scylla-6.2.3.json", import.meta.url);
  if (!existsSync(path)) return undefined;
  const { passed, needs } = JSON.parse(await readFile(path, "utf8"));
  const more = new Set(Object.values(needs).flat());
  return new Set(passed.filter((name) => !more.has(name)));
}

export async function* run(from, server) {
  const folder = existsSync(join(from, "test/cql-pytest")) ? join(from, "test/cql-pytest") : from;
  const [, host, port] = /\/\/(?:[^@/]*@)?([^,/:]+)[^:/]*:(\d+)/.exec(server.url);
  const expected = await passedByCassandra();
  let reached = 0;
  let count = 0;
  // nodetool flush and compact have nothing to do here.
  const suite = { folder, args: ["--host", host, "--port", port], env: { NODETOOL: "true" } };
  for await (const { name, outcome, reason } of outcomesOf({ name: "cql-pytest", packages }, suite)) {
    const passed = outcome === "passed" || outcome === "xpassed";
    if (expected?.has(name)) {
      count++;
      if (passed) reached++;
    }
    if (byChance.has(name)) yield { name, outcome: "skipped", reason: "chance decides it" };
    else if (passed) yield { name, outcome: "passed" };
    else if (outcome === "skipped") yield { name, outcome: "skipped", reason };
    else if (outcome === "xfailed" && !expected?.has(name))
      yield { name, outcome: "skipped", reason: "marked as failing, and fails" };
    else yield { name, outcome: "failed", reason };
  }
  if (expected !== undefined)
    console.log(`of the ${expected.size} that a plain Apache Cassandra 5.0.9 passes: ${reached} (${count} were run)`);
}
