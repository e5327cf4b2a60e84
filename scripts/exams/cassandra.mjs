// The exam of the embedded Cassandra engine: ScyllaDB's test/cql-pytest, of which 651 tests are translated from
// Cassandra's own, with the Python driver. PATH is a checkout of github.com/scylladb/scylladb at tag scylla-6.2.3,
// outside this repository; it needs Python 3.9.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDir } from "../real-engines/recipes.mjs";

export const summary = "ScyllaDB 6.2.3: test/cql-pytest, as Cassandra is asked by it; passed and xpassed are counted";
export const engine = "cassandra";

const packages = ["pytest==9.2.0", "pytest-timeout", "allure-pytest", "requests", "cassandra-driver==3.30.1"];
const venv = join(cacheDir, "keyfold-cql-pytest");
const python = join(venv, "bin/python");
const plugins = new URL("./cassandra/", import.meta.url).pathname;
const fileSeconds = 300;

function install() {
  if (existsSync(join(venv, "installed"))) return;
  for (const [file, ...args] of [
    ["python3", "-m", "venv", venv],
    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages],
    ["touch", join(venv, "installed")],
  ]) {
    const { status, error } = spawnSync(file, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (error !== undefined || status !== 0) throw error ?? new Error(`${file} ${args.join(" ")} failed`);
  }
}

async function filesOf(folder, under = "") {
  const files = [];
  for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
    const name = under === "" ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) files.push(...(await filesOf(folder, name)));
    else if (/^test_.*\.py$|_test\.py$/.test(entry.name)) files.push(name);
  }
  return files.sort();
}

/** Runs one file in a process of its own; the outcomes of its tests. */
function runFile(folder, file, host, port, outcomes) {
  return new Promise((resolve, reject) => {
    const args = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "outcomes", "-q", "--tb=short"];
    args.push("--host", host, "--port", port, "--timeout", "60", "--timeout-method", "signal", file);
    const child = spawn(python, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      // nodetool flush and compact have nothing to do here.
      env: {
        ...process.env,
        NODETOOL: "true",
        PYTHONPATH: plugins,
        PYTHONDONTWRITEBYTECODE: "1",
        KEYFOLD_OUTCOMES: outcomes,
      },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), fileSeconds * 1000);
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", async () => {
      clearTimeout(timer);
      const text = await readFile(outcomes, "utf8").catch(() => "");
      await rm(outcomes, { force: true });
      if (text === "")
        resolve([{ name: file, outcome: "failed", reason: Buffer.concat(chunks).toString().slice(-400) }]);
      else
        resolve(
          text
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line)),
        );
    });
  });
}

/** Names that a plain Apache Cassandra 5.0.9 passes, where the list of them is at hand. */
async function passedByCassandra() {
  const path = new URL("../../../shared/exams/cql-pytest-scylla-6.2.3.json", import.meta.url);
  if (!existsSync(path)) return undefined;
  const { passed, needs } = JSON.parse(await readFile(path, "utf8"));
  const more = new Set(Object.values(needs).flat());
  return new Set(passed.filter((name) => !more.has(name)));
}

export async function* run(from, server) {
  install();
  const folder = existsSync(join(from, "test/cql-pytest")) ? join(from, "test/cql-pytest") : from;
  const [, host, port] = /\/\/(?:[^@/]*@)?([^,/:]+)[^:/]*:(\d+)/.exec(server.url);
  const dir = await mkdtemp(join(tmpdir(), "keyfold-exam-"));
  const expected = await passedByCassandra();
  let reached = 0;
  let count = 0;
  const only = process.env["KEYFOLD_EXAM_FILES"];
  try {
    for (const file of await filesOf(folder)) {
      if (only !== undefined && !new RegExp(only).test(file)) continue;
      for (const { name, outcome, reason } of await runFile(folder, file, host, port, join(dir, "outcomes"))) {
        if (expected?.has(name)) {
          count++;
          if (outcome === "passed" || outcome === "xpassed") reached++;
        }
        if (outcome === "passed" || outcome === "xpassed") yield { name, outcome: "passed" };
        else if (outcome === "skipped") yield { name, outcome: "skipped", reason };
        else if (outcome === "xfailed" && !expected?.has(name))
          yield { name, outcome: "skipped", reason: "marked as failing, and fails" };
        else yield { name, outcome: "failed", reason };
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  if (expected !== undefined)
    console.log(`of the ${expected.size} that a plain Apache Cassandra 5.0.9 passes: ${reached} (${count} were run)`);
}
