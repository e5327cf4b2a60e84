// npm run test:drivers: official drivers of other languages against the embedded engines, unchanged.
// Python's drivers, cqlsh and pytest go into a virtual environment in the user's cache folder.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startEngines } from "../dist/testing/index.js";
import { cacheDir } from "./real-engines/recipes.mjs";

const packages = [
  ...["pymongo==4.15.5", "redis==8.1.0", "boto3==1.43.11", "pytest==8.4.2"],
  ...["cassandra-driver==3.30.1", "lz4==4.4.5", "python-snappy==0.7.3", "cqlsh==6.2.2"],
];
const venv = join(cacheDir, "keyfold-drivers-python");
const python = join(venv, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");

function run(file, args, env) {
  const { status, error } = spawnSync(file, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

if (!existsSync(python) && run("python3", ["-m", "venv", venv]) !== 0) process.exit(1);
if (run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]) !== 0) process.exit(1);

const engines = await startEngines({ mongodb: true, redis: true, dynamodb: true, cassandra: true, beside: true });
const status = run(python, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test/drivers", ...process.argv.slice(2)], {
  KEYFOLD_MONGODB_URL: engines.mongodb.url,
  KEYFOLD_REDIS_URL: engines.redis.url,
  KEYFOLD_DYNAMODB_URL: engines.dynamodb.url,
  KEYFOLD_CASSANDRA_URL: engines.cassandra.url,
  PYTHONDONTWRITEBYTECODE: "1",
});
const go = runGo();
const java = runJava();
await engines.close();
process.exitCode = status || go || java;

/** The AWS SDK for Go, where there is a Go: its closing line counts as pytest's does. */
function runGo() {
  const { status: found } = spawnSync("go", ["version"]);
  if (found !== 0) {
    console.log("the AWS SDK for Go: skipped, there is no go");
    return 0;
  }
  const { status, stdout } = spawnSync("go", ["test", "-count=1", "-v", "./..."], {
    cwd: "test/drivers/go",
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, KEYFOLD_DYNAMODB_URL: engines.dynamodb.url },
  });
  const count = (outcome) => stdout.match(new RegExp(`^--- ${outcome}`, "gm"))?.length ?? 0;
  if (status !== 0) console.log(stdout);
  console.log(`drivers: ${count("PASS")} passed, ${Math.max(count("FAIL"), status === 0 ? 0 : 1)} failed in Go`);
  return status ?? 1;
}

/** The Java driver of Cassandra, where there is a Maven: it prints its own closing line. */
function runJava() {
  if (spawnSync("mvn", ["--version"]).status !== 0) {
    console.log("the Java driver of Cassandra: skipped, there is no mvn");
    return 0;
  }
  const args = ["-q", "-B", "-f", "test/drivers/java/pom.xml", "compile", "exec:java"];
  return run("mvn", args, { KEYFOLD_CASSANDRA_URL: engines.cassandra.url });
}
