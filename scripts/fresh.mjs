// npm run demo, npm test: work on a fresh clone, and after each other, without a thought. Installs when what is
// installed is not what package-lock.json says, builds when the sources are not those of the last build, then runs.
// Needs nothing but Node.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const BUILT = join(root, "dist", ".built");
const LOCK = join(root, ".fresh.lock");

/** What can be run, and how. */
const targets = {
  demo: (args) => [process.execPath, ["dist/cli/main.js", "demo", ...args]],
  test: (args) => [
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--project", "whole", ...args],
  ],
  /** Only makes everything ready. */
  ready: () => undefined,
};

const [name = "ready", ...args] = process.argv.slice(2);
if (!Object.hasOwn(targets, name)) {
  console.error(`There is no target ${name}: ${Object.keys(targets).join(", ")}.`);
  process.exit(2);
}
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node 20.19 or later is needed, and this is ${process.version}.`);
  process.exit(1);
}

await locked(async () => {
  if (!installed()) await run("installing", "npm", ["ci", "--no-audit", "--no-fund"]);
  const sources = fingerprint();
  if (!existsSync(BUILT) || readFileSync(BUILT, "utf8") !== sources) {
    // A file that was built once and has no source any more would be packed, and could be imported.
    rmSync(join(root, "dist"), { recursive: true, force: true });
    await run("building", "npm", ["run", "--silent", "build"]);
    writeFileSync(BUILT, sources);
  }
});
const command = targets[name](args);
if (command !== undefined) await pass(...command);

/** Whether node_modules holds, package for package, what the lock file says. */
function installed() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  let wanted;
  let found;
  try {
    wanted = read("package-lock.json");
    found = read("node_modules/.package-lock.json");
  } catch {
    return false;
  }
  return Object.entries(wanted).every(
    // Optional packages may be for another platform, or may not have been built here.
    ([path, { version, optional, devOptional, peer }]) =>
      path === "" || optional || devOptional || (peer && found[path] === undefined) || found[path]?.version === version,
  );
}

/** Changes when any file changes that the build reads. Content, not times: a fresh clone has all times new. */
function fingerprint() {
  const hash = createHash("sha256").update(process.version);
  const add = (path) =>
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
      .update("\0");
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder)).sort()) {
      const path = `${folder}/${entry}`;
      if (statSync(join(root, path)).isDirectory()) walk(path);
      else if (!/\.test(-d)?\.ts$/.test(entry)) add(path);
    }
  };
  for (const path of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"]) add(path);
  walk("src");
  return hash.digest("hex");
}

/** Runs a step; what it says is shown only when it fails. */
async function run(doing, program, words) {
  process.stderr.write(`${doing}: ${program} ${words.join(" ")}\n`);
  const from = Date.now();
  const child = spawn(program, words, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      said += text;
    });
  }
  const code = await new Promise((done, fail) => child.on("close", done).on("error", fail));
  if (code !== 0) {
    process.stderr.write(said);
    process.exit(code ?? 1);
  }
  process.stderr.write(`${doing}: done in ${((Date.now() - from) / 1000).toFixed(1)} s\n`);
}

/** Runs the target with this terminal; ends as it does. */
async function pass(program, words) {
  const child = spawn(program, words, { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  const [code, signal] = await new Promise((done, fail) =>
    child.on("exit", (...ended) => done(ended)).on("error", fail),
  );
  process.exitCode = signal === null ? code : 1;
}

/** Two of these at once (npm test in one terminal, npm run demo in another) must not build into one folder. */
async function locked(work) {
  for (;;) {
    try {
      mkdirSync(LOCK);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (abandoned()) rmSync(LOCK, { recursive: true, force: true });
      else await new Promise((done) => setTimeout(done, 200));
    }
  }
  const release = () => rmSync(LOCK, { recursive: true, force: true });
  process.once("exit", release);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  writeFileSync(join(LOCK, "pid"), String(process.pid));
  try {
    await work();
  } finally {
    release();
    process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM").off("exit", release);
  }
}

/** Whether whoever took the lock is gone. */
function abandoned() {
  let pid;
  try {
    pid = Number(readFileSync(join(LOCK, "pid"), "utf8"));
  } catch {
    // Just made: its owner is about to write its number, unless it died in between.
    try {
      return Date.now() - statSync(LOCK).mtimeMs > 5_000;
    } catch {
      return false;
    }
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
