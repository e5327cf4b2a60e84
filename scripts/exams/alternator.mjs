// The second exam of the embedded DynamoDB engine: the tests of Alternator, ScyllaDB's DynamoDB, with boto3. Most were
// checked on AWS by those who wrote them. PATH is a checkout of github.com/scylladb/scylladb at tag scylla-6.2.3, outside
// this repository; it needs Python 3.9.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { outcomesOf } from "./pytest/suite.mjs";

export const summary = "ScyllaDB 6.2.3: test/alternator; passed and xpassed are counted";
export const engine = "dynamodb";

const packages = ["pytest==8.4.2", "pytest-timeout", "allure-pytest", "requests", "boto3==1.43.11"];
const plugins = fileURLToPath(new URL("./alternator/", import.meta.url));

/** What cannot be asked of DynamoDB: Scylla's own interfaces, and CQL. */
const foreign = [[/^test_(scylla|metrics|system_tables|tracing|cql_rbac)\.py/, "asks Scylla's own interfaces"]];

export async function* run(from, server) {
  const folder = existsSync(join(from, "test/alternator")) ? join(from, "test/alternator") : from;
  const suite = {
    folder,
    args: ["-p", "role", "--url", server.url],
    path: [plugins, resolve(folder, "../..")],
  };
  for await (const { name, outcome, reason } of outcomesOf({ name: "alternator", packages }, suite)) {
    const [, why] = foreign.find(([pattern]) => pattern.test(name)) ?? [];
    if (outcome === "passed" || outcome === "xpassed") yield { name, outcome: "passed" };
    else if (why !== undefined) yield { name, outcome: "skipped", reason: why };
    else if (outcome === "skipped") yield { name, outcome, reason };
    else if (outcome === "xfailed") yield { name, outcome: "skipped", reason: "marked as failing, and fails" };
    else yield { name, outcome: "failed", reason };
  }
}
