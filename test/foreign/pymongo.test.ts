import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningMongodb, startMongodb } from "../../src/engines/mongodb/server.js";

const version = "4.15.0";
const cache = process.env["KEYFOLD_TEST_CACHE"] ?? join(homedir(), ".cache", "keyfold-tests");

/** A Python with pymongo of its own, made on the first run; or why there is none. */
function python(): { path: string } | { missing: string } {
  const folder = join(cache, `pymongo-${version}`);
  const path = join(folder, "bin", "python");
  if (existsSync(join(folder, "done"))) return { path };
  try {
    execFileSync("python3", ["--version"], { stdio: "ignore" });
  } catch {
    return { missing: "python3 is not installed" };
  }
  try {
    mkdirSync(cache, { recursive: true });
    execFileSync("python3", ["-m", "venv", folder], { stdio: "ignore" });
    execFileSync(path, ["-m", "pip", "install", "-q", `pymongo==${version}`], { stdio: "ignore" });
    execFileSync(path, ["-c", `import pymongo; open(${JSON.stringify(join(folder, "done"))}, "w").close()`]);
    return { path };
  } catch (error) {
    return { missing: `pymongo ${version} could not be installed: ${(error as Error).message.split("\n")[0]}` };
  }
}

const found = python();
const reason = "missing" in found ? ` (skipped: ${found.missing})` : "";

describe.skipIf("missing" in found)(`pymongo on the embedded engine${reason}`, () => {
  let engine: RunningMongodb;
  beforeAll(async () => {
    engine = await startMongodb({});
  });
  afterAll(async () => {
    await engine.close();
  });

  it("connects unchanged: CRUD, indexes, aggregation, bulk writes, cursors, errors, sessions", async () => {
    const script = new URL("./pymongo_check.py", import.meta.url).pathname;
    const { stdout } = await promisify(execFile)((found as { path: string }).path, [script, engine.url]);
    expect(stdout.trim().split("\n").at(-1)).toBe("all well");
  }, 60_000);
});
