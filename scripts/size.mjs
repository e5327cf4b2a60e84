// The size budget: what a user's bundle grows by, minified and gzipped, with drivers and zod left out.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const budgets = [
  { name: "keyfold", entry: "dist/index.js", maxBytes: 15_000 },
  // What the adapter adds to the core: they share the plan and the errors.
  { name: "keyfold/mongodb", entry: "dist/adapters/mongodb/index.js", without: "dist/index.js", maxBytes: 10_000 },
];

/** Gzipped bytes of everything that these entries pull in. */
async function gzippedBytes(entries) {
  const { outputFiles } = await build({
    stdin: { contents: entries.map((entry) => `export * from "./${entry}";`).join("\n"), resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["mongodb", "zod", "bson"],
    logLevel: "error",
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

let over = 0;
for (const { name, entry, without, maxBytes } of budgets) {
  const bytes =
    without === undefined
      ? await gzippedBytes([entry])
      : (await gzippedBytes([without, entry])) - (await gzippedBytes([without]));
  const fits = bytes <= maxBytes;
  if (!fits) over++;
  console.log(
    `${fits ? "ok  " : "OVER"} ${name}: ${bytes} of ${maxBytes} bytes, gzipped${without ? ", beside the core" : ""}`,
  );
}
process.exitCode = over === 0 ? 0 : 1;
