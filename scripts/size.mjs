// The size budget: what a user's bundle grows by, minified and gzipped, with drivers and zod left out.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const core =
  'export { connect, day, decimal, defineModel, entity, get, KeyfoldError, list, top } from "./dist/index.js";';
const mongodb = 'export { mongodb } from "./dist/adapters/mongodb/index.js";';
const redis = 'export { redis } from "./dist/adapters/redis/index.js";';
const dynamodb = 'export { dynamodb, open } from "./dist/adapters/dynamodb/index.js";';
const cassandra = 'export { cassandra, open, scylladb } from "./dist/adapters/cassandra/index.js";';
const budgets = [
  // What an application with a model and a client takes in.
  { name: "keyfold", code: core, maxBytes: 20_600 },
  // The adapter beside it, with the planner for its engine; the model and the errors are the core's.
  { name: "keyfold/mongodb", code: mongodb, beside: core, maxBytes: 30_400 },
  { name: "keyfold/redis", code: redis, beside: core, maxBytes: 33_000 },
  // Each pattern by itself, with all of its exports.
  ...["rate-limit", "lock", "leaderboard", "idempotency", "stream", "pubsub", "cache"].map((name) => ({
    name: `keyfold/${name}`,
    code: `export * from "./dist/patterns/${name}/index.js";`,
    maxBytes:
      { cache: 12_100, lock: 10_000, "rate-limit": 8_350, stream: 9_300, pubsub: 7_550, idempotency: 6_000 }[name] ??
      8_000,
  })),
  { name: "keyfold/batch", code: 'export * from "./dist/patterns/batch/index.js";', maxBytes: 8_800 },
  { name: "keyfold/dynamodb", code: dynamodb, beside: core, maxBytes: 41_200 },
  { name: "keyfold/cassandra", code: cassandra, beside: core, maxBytes: 44_000 },
];

/** Gzipped bytes of everything that this code pulls in. */
async function gzippedBytes(code) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["mongodb", "cassandra-driver", "zod", "bson", "@aws-sdk/*"],
    logLevel: "error",
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

let over = 0;
for (const { name, code, beside, maxBytes } of budgets) {
  const bytes =
    beside === undefined
      ? await gzippedBytes(code)
      : (await gzippedBytes(`${beside}\n${code}`)) - (await gzippedBytes(beside));
  const fits = bytes <= maxBytes;
  if (!fits) over++;
  console.log(
    `${fits ? "ok  " : "OVER"} ${name}: ${bytes} of ${maxBytes} bytes, gzipped${beside ? ", beside the core" : ""}`,
  );
}
process.exitCode = over === 0 ? 0 : 1;
