// npm run exam -- NAME --from PATH: runs a public suite, which lies outside this repository, against an embedded
// engine. The names of the tests that pass are kept in docs/exams/NAME.json; a name that is lost fails the run.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

const exams = new Map(
  (await readdir(new URL("./exams", import.meta.url)))
    .filter((file) => file.endsWith(".mjs"))
    .map((file) => [file.slice(0, -".mjs".length), new URL(`./exams/${file}`, import.meta.url)]),
);

const help = `npm run exam -- NAME --from PATH [--at URL] [--update] [--failures] [--only TEXT] [--names FILE]

  --from PATH   the suite's checkout, outside this repository
  --at URL      ask this server in place of the embedded engine; nothing is compared or kept
  --update      keep the new list even when names are lost
  --failures    print each failure and its reason
  --names FILE  count against what a reference server passes: JSON with files: { NAME: { ok: [test, …] } }
  --only TEXT   only tests with TEXT in their name; nothing is compared or kept

exams: ${[...exams.keys()].sort().join(", ")}`;

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        from: { type: "string" },
        at: { type: "string" },
        update: { type: "boolean", default: false },
        failures: { type: "boolean", default: false },
        only: { type: "string" },
        names: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

const { values, positionals } = options();
const [name] = positionals;
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (!exams.has(name) || values.from === undefined || !existsSync(values.from)) {
  console.error(
    `${values.from !== undefined && !existsSync(values.from) ? `${values.from} is not there\n\n` : ""}${help}`,
  );
  process.exit(2);
}

const exam = await import(exams.get(name).href);
const { startEngines } = await import("../dist/testing/index.js");
const engines = values.at === undefined ? await startEngines({ [exam.engine]: true, beside: true }) : undefined;
const server = values.at === undefined ? { url: engines[exam.engine].url, faults: engines.faults } : { url: values.at };

const results = [];
try {
  for await (const result of exam.run(values.from, server)) {
    if (values.only !== undefined && !result.name.includes(values.only)) continue;
    results.push(result);
    if (values.failures && result.outcome === "failed") console.log(`FAILED ${result.name}\n       ${result.reason}`);
  }
} finally {
  await engines?.close();
}

/** Prints for each file of the reference how many of its tests are passed here; a name that it has n times counts n times. */
function compareWith(reference) {
  const own = new Map();
  for (const { file, test, outcome } of results) {
    if (outcome !== "passed") continue;
    const tests = own.get(file) ?? own.set(file, new Map()).get(file);
    tests.set(test, (tests.get(test) ?? 0) + 1);
  }
  let passed = 0;
  let total = 0;
  for (const [file, { ok }] of Object.entries(reference.files)) {
    if (ok.length === 0) continue;
    const left = own.get(file) ?? new Map();
    const missing = [];
    for (const test of ok) {
      if (left.get(test) > 0) left.set(test, left.get(test) - 1);
      else missing.push(test);
    }
    passed += ok.length - missing.length;
    total += ok.length;
    const share = (((ok.length - missing.length) / ok.length) * 100).toFixed(1);
    console.log(
      `${file.padEnd(24)} ${String(ok.length - missing.length).padStart(5)} of ${String(ok.length).padEnd(5)} ${share.padStart(5)} %`,
    );
    for (const test of missing) console.log(`    not passed: ${test}`);
  }
  console.log(`of the reference's tests: ${passed} of ${total}, ${((passed / total) * 100).toFixed(2)} %`);
}

if (values.names !== undefined) compareWith(JSON.parse(await readFile(values.names, "utf8")));

const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
const reasons = new Map();
for (const { outcome, reason } of results)
  if (outcome === "skipped") reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
console.log(`skipped, by reason:`);
for (const [reason, times] of [...reasons].sort(([, a], [, b]) => b - a))
  console.log(`  ${String(times).padStart(4)}  ${reason}`);

const passed = [...new Set(results.filter(({ outcome }) => outcome === "passed").map((result) => result.name))].sort();
let lost = [];
if (values.at === undefined && values.only === undefined) {
  const path = new URL(`../docs/exams/${name}.json`, import.meta.url);
  const kept = existsSync(path) ? JSON.parse(await readFile(path, "utf8")).passed : [];
  const now = new Set(passed);
  lost = kept.filter((test) => !now.has(test));
  for (const test of lost) {
    const result = results.find((each) => each.name === test);
    console.log(
      `LOST ${test}\n     ${result === undefined ? "it is not in the suite any more" : `${result.outcome}: ${result.reason}`}`,
    );
  }
  if (lost.length === 0 || values.update) {
    await mkdir(new URL("../docs/exams/", import.meta.url), { recursive: true });
    const record = {
      exam: name,
      suite: exam.summary,
      counts: { passed: count("passed"), failed: count("failed"), skipped: count("skipped") },
      passed,
    };
    await writeFile(path, `${JSON.stringify(record, null, 1)}\n`);
  }
}
console.log(
  `exam ${name}: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped${lost.length > 0 ? `, ${lost.length} lost` : ""}`,
);
process.exitCode = lost.length > 0 && !values.update ? 1 : 0;
