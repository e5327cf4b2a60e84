import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const stamp = "dist/.built-for-tests";

/**
 * Builds when a source is younger than the last build: these tests run what a user runs. The compiler writes its output
 * also where types are wrong; those are reported by `npm run check`, and keep no test of behaviour from running.
 */
export function setup(): void {
  const sources = readdirSync("src", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name) && !/\.test(-d)?\.ts$/.test(entry.name))
    .map((entry) => modified(join(entry.parentPath, entry.name)));
  if (Math.max(modified(stamp), modified("dist/.tsbuildinfo")) >= Math.max(...sources)) return;
  const from = new Date();
  const { status } = spawnSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) console.warn("built with type errors: npm run check says which");
  const { status: bundled } = spawnSync(process.execPath, ["scripts/bundle.mjs"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (bundled !== 0) throw new Error("scripts/bundle.mjs failed");
  mkdirSync("dist", { recursive: true });
  writeFileSync(stamp, `${from.toISOString()}\n`);
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
