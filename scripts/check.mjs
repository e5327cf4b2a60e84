// npm run check: everything about the repository that is not a test of behaviour. Name steps to run only those:
// npm run check -- lint types
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus } from "node:os";

const bin = (name) => `node_modules/.bin/${name}`;
const steps = [
  { name: "lint", command: [bin("biome"), "check", "--error-on-warnings", "."] },
  { name: "types", command: [bin("tsc"), "-p", "tsconfig.json", "--noEmit"] },
  { name: "unused", command: [bin("knip"), "--no-progress"] },
  { name: "package", command: [bin("publint"), "--strict"], built: true },
  { name: "exports", command: [bin("attw"), "--pack", ".", "--profile", "esm-only"], built: true },
  { name: "size", command: ["node", "scripts/size.mjs"], built: true },
  { name: "pages", command: ["node", "scripts/support-page.mjs", "--check"] },
  { name: "type budget", command: ["node", "scripts/type-budget.mjs", "--only-installed"] },
];

/** Runs a command; its output is kept, and shown when it fails. */
function run(command) {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }));
  });
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step "${unknown.join('", "')}"; there are: ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const chosen = asked.length === 0 ? steps : steps.filter(({ name }) => asked.includes(name));
if (chosen.some(({ built }) => built) && !existsSync("dist/index.js")) {
  const { code, output } = await run(["npm", "run", "--silent", "build"]);
  if (code !== 0) {
    console.error(output);
    process.exit(1);
  }
}

let passed = 0;
let failed = 0;
const waiting = [...chosen];
await Promise.all(
  Array.from({ length: Math.min(2, cpus().length) }, async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const from = performance.now();
      const { code, output } = await run(step.command);
      const seconds = ((performance.now() - from) / 1000).toFixed(1);
      if (code === 0) passed++;
      else failed++;
      console.log(`${code === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`);
      if (code !== 0) console.log(output.replace(/^/gm, "       "));
      else if (step.name === "size") console.log(output.trimEnd().replace(/^/gm, "       "));
    }
  }),
);
console.log(`check: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
