// npm run bench [-- NAME …]: builds the package and the benchmarks, then runs them; see main.ts.
import { execFileSync, spawnSync } from "node:child_process";
import { build } from "esbuild";

execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noCheck"], {
  stdio: "inherit",
});
execFileSync(process.execPath, ["scripts/bundle.mjs"], { stdio: "inherit" });
const outfile = "node_modules/.keyfold/bench.mjs";
await build({
  entryPoints: ["bench/main.ts"],
  outfile,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20",
});
process.exitCode = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1;
