// What the compiler's output is not yet: files that are bundled from others. Runs after tsc.
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

// The one CommonJS file of the package: tests under Jest are CommonJS and cannot load a module of the package by
// themselves, yet want to reset, delay and move the clock of the engines that the global setup started.
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

/** Modules that an engine's file leaves where they are: the errors, which all of keyfold shares, and what few load. */
const apart = {
  name: "apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/internal\/errors\.js$/ }, () => ({ path: "../../internal/errors.js", external: true }));
    onResolve({ filter: /\/lmdb-store\.js$/ }, () => ({ path: "../storage/lmdb-store.js", external: true }));
  },
};

// Engines start from one file each: a hundred small ones take twice as long to load. From the sources, since tsc writes
// server.js anew only when its own source has changed.
for (const engine of ["mongodb", "redis", "dynamodb", "cassandra"]) {
  await build({
    entryPoints: [`src/engines/${engine}/server.ts`],
    outfile: `dist/engines/${engine}/server.js`,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
    plugins: [apart],
  });
}

// The library's Lua as the server takes it: comments and indentation are for those who read the sources.
for (const file of await readdir("dist/plan/redis/lua")) {
  if (!file.endsWith(".js")) continue;
  const path = `dist/plan/redis/lua/${file}`;
  const text = await readFile(path, "utf8");
  const head = text.indexOf("`", text.indexOf("export const")) + 1;
  const lua = text
    .slice(head)
    .split("\n")
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("-- "))
    .join("\n");
  await writeFile(path, text.slice(0, head) + lua);
}
