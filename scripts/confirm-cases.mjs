// node scripts/confirm-cases.mjs URL: runs every case file of test/mongodb/cases against the MongoDB at URL, prints each
// case that answers something else than its table says, and fails if there is one.
import { spawnSync } from "node:child_process";

const url = process.argv[2];
if (url === undefined || url.startsWith("-")) {
  console.error("usage: node scripts/confirm-cases.mjs mongodb://HOST:PORT");
  process.exit(2);
}
const run = spawnSync("npx", ["vitest", "run", "test/mongodb/cases.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, KEYFOLD_TEST_MONGODB_URL: url },
});
process.exit(run.status ?? 1);
