// The exam of BullMQ on the embedded Redis engine: its Lua scripts, and its own tests. PATH is a checkout of
// github.com/taskforcesh/bullmq in which `npm install`, `npm run pretest` and `npm run build` were run, or only the
// installed package (node_modules/bullmq), which has the scripts and no tests.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";

export const summary = "BullMQ: each of its Lua scripts loads, and its own tests with ioredis pass";
export const engine = "redis";

/** Sends SCRIPT LOAD; the reply's first line. */
function load(port, script) {
  return new Promise((done, failed) => {
    const socket = connect(port, "127.0.0.1", () => {
      const bytes = Buffer.from(script);
      socket.write(`*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$${bytes.length}\r\n`);
      socket.write(bytes);
      socket.write("\r\n");
    });
    socket.once("data", (reply) => {
      socket.destroy();
      done(String(reply).split("\r\n")[0]);
    });
    socket.once("error", failed);
  });
}

async function* scripts(from, port) {
  const folder = join(from, "dist/cjs/scripts");
  const require = createRequire(join(resolve(from), "package.json"));
  for (const file of (await readdir(folder)).filter((each) => each.endsWith(".js") && each !== "index.js").sort()) {
    const exported = require(join(resolve(folder), file));
    for (const { name, content, keys } of Object.values(exported)) {
      const reply = await load(port, content);
      const outcome = reply.startsWith("$") ? "passed" : "failed";
      yield { name: `script ${name}${keys === undefined ? "" : `-${keys}`}`, outcome, reason: reply };
    }
  }
}

/**
 * Two tests connect to Redis' own port whatever the environment says: it leads to the engine, unless some server has it.
 * Resolves to what ends that.
 */
function alsoOnRedisPort(port) {
  return new Promise((done) => {
    const server = createServer((socket) => {
      const engine = connect(port, "127.0.0.1");
      for (const [one, other] of [
        [socket, engine],
        [engine, socket],
      ]) {
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
    server.once("error", () => done(() => {}));
    server.listen(6379, "127.0.0.1", () => done(() => server.close()));
  });
}

async function* suite(from, port) {
  const leave = await alsoOnRedisPort(port);
  const folder = await mkdtemp(join(tmpdir(), "keyfold-bullmq-"));
  const report = join(folder, "report.json");
  try {
    await new Promise((done, failed) => {
      const args = ["node_modules/vitest/vitest.mjs", "run", "--no-file-parallelism", "--retry=2"];
      args.push("--config", "vitest.config.ts", "--reporter=json", `--outputFile=${report}`);
      const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(port) };
      const child = spawn(process.execPath, args, { cwd: from, env, stdio: "ignore" });
      child.once("error", failed);
      child.once("close", done);
    });
    for (const file of JSON.parse(await readFile(report, "utf8")).testResults) {
      const path = relative(resolve(from), file.name);
      for (const test of file.assertionResults) {
        const outcome = { passed: "passed", failed: "failed" }[test.status] ?? "skipped";
        const reason = test.failureMessages?.[0]?.split("\n")[0] ?? "the suite skips it";
        yield { name: `${path}: ${test.fullName}`, outcome, reason };
      }
    }
  } finally {
    leave();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function* run(from, server) {
  const port = Number(new URL(server.url).port);
  yield* scripts(from, port);
  if (existsSync(join(from, "vitest.config.ts")) && existsSync(join(from, "node_modules/vitest"))) {
    yield* suite(from, port);
  }
}
