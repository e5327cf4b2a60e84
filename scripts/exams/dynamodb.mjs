// The exam of the embedded DynamoDB engine: tests that were captured against AWS.
// PATH is a checkout of github.com/nubo-db/dynamodb-conformance, outside this repository, with its packages installed
// (delete its package-lock.json, then npm install).
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

export const summary = "nubo-db/dynamodb-conformance: all tiers";
export const engine = "dynamodb";

const longestMs = 10 * 60 * 1000;

/** Runs the suite's own vitest; its report, and what it printed. */
async function report(from, url) {
  const folder = await mkdtemp(join(tmpdir(), "keyfold-exam-"));
  const file = join(folder, "report.json");
  try {
    const output = await new Promise((resolve, reject) => {
      const args = ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", `--outputFile=${file}`];
      const env = { ...process.env, DYNAMODB_ENDPOINT: url, AWS_REGION: "us-east-1" };
      const child = spawn(process.execPath, args, { cwd: from, env });
      const timer = setTimeout(() => child.kill("SIGKILL"), longestMs);
      const chunks = [];
      child.stdout.on("data", (chunk) => chunks.push(chunk));
      child.stderr.on("data", (chunk) => chunks.push(chunk));
      child.on("error", reject);
      child.on("close", () => {
        clearTimeout(timer);
        resolve(Buffer.concat(chunks).toString());
      });
    });
    try {
      return JSON.parse(await readFile(file, "utf8"));
    } catch (cause) {
      throw new Error(`the suite made no report (are its packages installed?):\n${output.slice(-2000)}`, { cause });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param from the checkout
 * @param server `{ url }`
 * @yields `{ name, outcome: "passed" | "failed" | "skipped", reason? }`
 */
export async function* run(from, server) {
  const { testResults } = await report(from, server.url);
  for (const file of testResults) {
    const path = file.name.slice(file.name.indexOf("tests/"));
    for (const { fullName, status, failureMessages } of file.assertionResults) {
      const name = `${path}: ${fullName.trim()}`;
      if (status === "passed") yield { name, outcome: "passed" };
      else if (status === "failed") {
        const reason = stripVTControlCharacters(failureMessages.join(" ")).slice(0, 400);
        yield { name, outcome: "failed", reason };
      } else yield { name, outcome: "skipped", reason: "the suite found the operation missing" };
    }
  }
}
