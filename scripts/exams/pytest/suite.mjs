// Exams that are suites of pytest: a virtual environment in the user's cache folder, a process for each file, and the
// outcomes of its tests.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDir } from "../../real-engines/recipes.mjs";

const plugins = fileURLToPath(new URL(".", import.meta.url));
const fileSeconds = 300;

/** The Python of an environment with these packages, which is made at the first call. */
function pythonWith(name, packages) {
  const venv = join(cacheDir, `keyfold-${name}`);
  const python = join(venv, "bin/python");
  if (existsSync(join(venv, "installed"))) return python;
  for (const [file, ...args] of [
    ["python3", "-m", "venv", venv],
    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages],
    ["touch", join(venv, "installed")],
  ]) {
    const { status, error } = spawnSync(file, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (error !== undefined || status !== 0) throw error ?? new Error(`${file} ${args.join(" ")} failed`);
  }
  return python;
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
function runFile(python, { folder, file, args, env, outcomes }) {
  return new Promise((resolve, reject) => {
    const all = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "outcomes", "-q", "--tb=short", ...args];
    all.push("--timeout", "60", "--timeout-method", "signal", file);
    const child = spawn(python, all, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: "1", KEYFOLD_OUTCOMES: outcomes },
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
      const reason = Buffer.concat(chunks).toString().slice(-400);
      if (text === "") resolve([{ name: file, outcome: "failed", reason }]);
      else {
        const lines = text.trimEnd().split("\n");
        resolve(lines.map((line) => JSON.parse(line)));
      }
    });
  });
}

/**
 * Runs all files of a suite, or those that KEYFOLD_EXAM_FILES, a regular expression, names.
 *
 * @param environment `{ name, packages }` of the virtual environment; pytest and pytest-timeout have to be among them
 * @param suite `{ folder, args, env?, path? }`: where the files are, arguments of pytest, variables, and folders in
 *   which Python looks for modules
 * @yields `{ name, outcome: "passed" | "failed" | "skipped" | "xpassed" | "xfailed", reason }`
 */
export async function* outcomesOf({ name, packages }, { folder, args, env = {}, path = [] }) {
  const python = pythonWith(name, packages);
  const dir = await mkdtemp(join(tmpdir(), "keyfold-exam-"));
  const only = process.env["KEYFOLD_EXAM_FILES"];
  const all = { ...env, PYTHONPATH: [plugins, ...path].join(delimiter) };
  try {
    for (const file of await filesOf(folder)) {
      if (only !== undefined && !new RegExp(only).test(file)) continue;
      yield* await runFile(python, { folder, file, args, env: all, outcomes: join(dir, "outcomes") });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
