// The exam of the embedded Redis engine: valkey's own Tcl suite against an external server, a fresh one for each file.
// PATH is a checkout of github.com/valkey-io/valkey at tag 7.2.7, outside this repository; it needs tclsh, no build.
import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

export const summary =
  "valkey 7.2.7: tests/unit and tests/unit/type in external mode, without slow, repl, save and debug";
export const engine = "redis";

const files = [
  ..."hash incr list list-3 set stream stream-cgroups string zset".split(" ").map((name) => `unit/type/${name}`),
  ...(
    "bitfield bitops dump expire functions geo hyperloglog info-command introspection introspection-2 keyspace " +
    "latency-monitor lazyfree multi other pause protocol pubsub quit scan scripting slowlog sort tracking violations"
  )
    .split(" ")
    .map((name) => `unit/${name}`),
];

/** Runs one file; what the runner printed. */
function runFile(from, port, file) {
  return new Promise((resolve, reject) => {
    const args = ["--host", "127.0.0.1", "--port", String(port), "--single", file];
    args.push("--tags", "-slow -needs:repl -needs:save -needs:debug", "--ignore-encoding", "--ignore-digest");
    args.push("--durable", "--timeout", "60");
    const child = spawn("./runtest", args, { cwd: from, env: { ...process.env, TERM: "dumb" } });
    const timer = setTimeout(() => child.kill("SIGKILL"), 180_000);
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(timer);
      // Colours are of no use here.
      resolve(stripVTControlCharacters(Buffer.concat(chunks).toString()));
    });
  });
}

/** What became of each test of a file. A name may come more than once: it is counted each time. */
function* resultsOf(file, output) {
  const seen = new Map();
  const lines = output.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const match = /^\[(ok|err|exception|ignore|TIMEOUT)\]: (.*?)(?: \(\d+ ms\))?(?: in tests\/\S+)?$/.exec(lines[i]);
    if (match === null) continue;
    const [, kind, text] = match;
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    const name = `${file}: ${text}${times > 1 ? ` (${times})` : ""}`;
    if (kind === "ok") yield { name, file, test: text, outcome: "passed" };
    else if (kind === "ignore") yield { name, outcome: "skipped", reason: text.slice(text.lastIndexOf(": ") + 2) };
    else yield { name, outcome: "failed", reason: (lines[i + 1] ?? "").slice(0, 300) };
  }
  if (!output.includes("The End"))
    yield { name: `${file}: to its end`, outcome: "failed", reason: "the runner stopped" };
}

export async function* run(from, server) {
  const startRedis = server.startRedis ?? (await import("../../dist/engines/redis/server.js")).startRedis;
  for (const file of files) {
    // Files leave settings behind: each gets a server of its own, but for one that was named with --at.
    const own = server.faults === undefined && server.url !== undefined ? undefined : await startRedis({});
    try {
      yield* resultsOf(file, await runFile(from, own?.port ?? Number(new URL(server.url).port), file));
    } finally {
      await own?.close();
    }
  }
}
