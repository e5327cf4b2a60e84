// The one CommonJS file of the package: tests under Jest are CommonJS and cannot load a module of the package by
// themselves, yet want to reset, delay and move the clock of the engines that the global setup started.
import { copyFile } from "node:fs/promises";
import { build } from "esbuild";

await build({
  entryPoints: ["dist/testing/attach.js"],
  outfile: "dist/testing/attach.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  logLevel: "error",
});
await copyFile("src/testing/attach-cjs.d.cts", "dist/testing/attach.d.cts");
