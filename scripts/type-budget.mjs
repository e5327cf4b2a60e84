#!/usr/bin/env node
/**
 * Measures what keyfold's types cost the compiler: programs with 1, 20 and 50 entities of ten fields and four patterns
 * each, every one of them used, are checked by TypeScript 6 and 7, and the instantiations are counted. The client is
 * MongoDB's, and DynamoDB's with a transaction for each entity.
 *
 *   node scripts/type-budget.mjs [--peers] [--time] [--json] [--only-installed]
 *
 * Fails when a further entity costs more than 2,000 instantiations (with a transaction each: 2,200), or one entity more
 * than 6,000.
 * --peers           also measures ElectroDB and DynamoDB Toolbox on the same entity
 * --time            also measures the compiler's time for 50 entities: the median of five interleaved rounds
 * --only-installed  leaves out TypeScript 7, which is installed into a cache folder otherwise
 * --json            prints one JSON value
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const limits = { slope: 2_000, base: 6_000 };
/** A used transaction's type is a union over the entities' writes. */
const transactLimits = { slope: 2_200, base: 6_000 };
const sizes = [1, 20, 50];

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const work = join(root, ".keyfold", "type-budget");
const flags = new Set(process.argv.slice(2));
for (const flag of flags) {
  if (!["--peers", "--time", "--json", "--only-installed"].includes(flag)) {
    console.error(`unknown option ${flag}; see the head of scripts/type-budget.mjs`);
    process.exit(2);
  }
}

const note = (text) => process.stderr.write(`${text}\n`);

/** The library's declarations, as a user's compiler sees them: its own sources are not counted. */
function emitDeclarations() {
  const lib = join(work, "lib");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(
    join(work, "tsconfig.lib.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        rootDir: join(root, "src"),
        outDir: lib,
      },
      include: [],
      files: [
        join(root, "src/index.ts"),
        join(root, "src/adapters/port/capability.ts"),
        join(root, "src/client/types.ts"),
      ],
    }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", join(work, "tsconfig.lib.json")], { encoding: "utf8" });
  if (!existsSync(join(lib, "index.d.ts"))) throw new Error(`no declarations were emitted:\n${run.stdout}`);
  return lib;
}

const schemaFields = (i) =>
  `seq${i}: z.int(), invoiceNo: z.string(), stockCode: z.string(), description: z.string().optional(), quantity: z.int(), unitPrice: decimal(3), total: decimal(3), at: z.date(), customerId: z.string().optional(), country: z.string()`;

/** keyfold: get, list, list by day, top; insert and every pattern called; on DynamoDB, a transaction too. */
function keyfoldProgram(lib, n, engine) {
  let model = `import { z } from "zod";\nimport { day, decimal, defineModel, entity, get, list, top } from "${lib}/index.js";\n`;
  const entities = [];
  const patterns = [];
  const workload = [];
  for (let i = 0; i < n; i++) {
    model += `export const e${i} = entity("e${i}", { schema: z.object({ ${schemaFields(i)} }), key: ["seq${i}"] });\n`;
    entities.push(`e${i}`);
    workload.push(`e${i}: { records: 1_000_000, writesPerSecond: 10 }, byDay${i}: { readsPerSecond: 5 }`);
    patterns.push(
      `get${i}: get(e${i})`,
      `byCustomer${i}: list(e${i}, { by: ["customerId"], order: { at: "desc", seq${i}: "desc" } })`,
      `byDay${i}: list(e${i}, { by: [day("at")], order: { at: "desc", seq${i}: "desc" } })`,
      `top${i}: top(e${i}, { by: "customerId", sum: "total", where: { quantity: { gt: 0 } }, range: day("at"), consistency: "eventual" })`,
    );
  }
  model += `export default defineModel({ entities: { ${entities.join(", ")} }, patterns: {\n${patterns.join(",\n")}\n}, workload: {\n${workload.join(",\n")}\n} });\n`;
  if (engine === undefined) return { "model.ts": model };
  let use = `import { type Adapter, connect } from "${lib}/index.js";\nimport type { ${engine} } from "${lib}/adapters/port/capability.js";\nimport model from "./model.js";\ndeclare const adapter: Adapter<${engine}>;\nexport const shop = connect(model, adapter);\n`;
  for (let i = 0; i < n; i++) {
    const transact =
      engine === "DynamoDB"
        ? `\n  await shop.$transact([{ entity: "e${i}", update: { seq${i}: 1 }, changes: { quantity: 2 } }, { entity: "e${i}", delete: { seq${i}: 2 } }]);`
        : "";
    use += `export async function use${i}() {
  await shop.e${i}.insert({ seq${i}: 1, invoiceNo: "a", stockCode: "b", quantity: 1, unitPrice: "2.550", total: "2.550", at: new Date(), country: "UK" });${transact}
  const one = await shop.get${i}({ seq${i}: 1 });
  const page = await shop.byCustomer${i}({ customerId: "1" }, { limit: 5, consistency: "session" });
  for await (const r of shop.byDay${i}.each({ day: "2011-01-01" })) if (r.country === one?.country) return r.seq${i};
  return (await shop.top${i}({ from: "2011-01-01" })).items[0]!.total + page.items[0]!.unitPrice;
}\n`;
  }
  return { "model.ts": model, "use.ts": use };
}

function zodProgram(n) {
  let text = `import { z } from "zod";\ndeclare function decimal(scale: number): z.ZodType<\`\${number}\`, \`\${number}\`>;\n`;
  for (let i = 0; i < n; i++) {
    text += `export const e${i} = z.object({ ${schemaFields(i)} });\nexport const f${i} = (r: z.output<typeof e${i}>) => r.seq${i};\n`;
  }
  return { "model.ts": text };
}

function electroProgram(n) {
  let text = `import { Entity } from "electrodb";\n`;
  for (let i = 0; i < n; i++) {
    text += `export const e${i} = new Entity({
  model: { entity: "e${i}", version: "1", service: "shop" },
  attributes: { seq${i}: { type: "number", required: true }, invoiceNo: { type: "string", required: true }, stockCode: { type: "string", required: true }, description: { type: "string" }, quantity: { type: "number", required: true }, unitPrice: { type: "string", required: true }, total: { type: "string", required: true }, at: { type: "string", required: true }, customerId: { type: "string" }, country: { type: "string", required: true } },
  indexes: { main: { pk: { field: "pk", composite: ["seq${i}"] }, sk: { field: "sk", composite: [] } }, byCustomer: { index: "gsi1", pk: { field: "gsi1pk", composite: ["customerId"] }, sk: { field: "gsi1sk", composite: ["at", "seq${i}"] } }, byCountry: { index: "gsi2", pk: { field: "gsi2pk", composite: ["country"] }, sk: { field: "gsi2sk", composite: ["at"] } } },
}, { table: "t" });
export async function use${i}() {
  await e${i}.put({ seq${i}: 1, invoiceNo: "a", stockCode: "b", quantity: 1, unitPrice: "2.550", total: "2.550", at: "2011", customerId: "c", country: "UK" }).go();
  const one = await e${i}.get({ seq${i}: 1 }).go();
  const page = await e${i}.query.byCustomer({ customerId: "1" }).go();
  const other = await e${i}.query.byCountry({ country: "UK" }).go();
  return [one.data?.total, page.data[0]?.unitPrice, other.data[0]?.seq${i}];
}\n`;
  }
  return { "use.ts": text };
}

function toolboxProgram(n) {
  let text = `import { Entity, item, number, string, Table, PutItemCommand, GetItemCommand, QueryCommand } from "dynamodb-toolbox";
export const table = new Table({ name: "t", partitionKey: { name: "pk", type: "string" }, indexes: { byCustomer: { type: "global", partitionKey: { name: "customerId", type: "string" } }, byCountry: { type: "global", partitionKey: { name: "country", type: "string" } } } });\n`;
  for (let i = 0; i < n; i++) {
    text += `export const e${i} = new Entity({ name: "e${i}", table, schema: item({ pk: string().key(), seq${i}: number(), invoiceNo: string(), stockCode: string(), description: string().optional(), quantity: number(), unitPrice: string(), total: string(), at: string(), customerId: string().optional(), country: string() }) });
export async function use${i}() {
  await e${i}.build(PutItemCommand).item({ pk: "1", seq${i}: 1, invoiceNo: "a", stockCode: "b", quantity: 1, unitPrice: "2.550", total: "2.550", at: "2011", customerId: "c", country: "UK" }).send();
  const one = await e${i}.build(GetItemCommand).key({ pk: "1" }).send();
  const page = await table.build(QueryCommand).query({ index: "byCustomer", partition: "1" }).entities(e${i}).send();
  const other = await table.build(QueryCommand).query({ index: "byCountry", partition: "UK" }).entities(e${i}).send();
  return [one.Item?.total, page.Items?.[0]?.unitPrice, other.Items?.[0]?.seq${i}];
}\n`;
  }
  return { "use.ts": text };
}

/** Writes a program into a folder of its own. */
function write(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2023",
        lib: ["es2023", "esnext.disposable"],
        module: "nodenext",
        moduleResolution: "nodenext",
        types: ["node"],
        strict: true,
        noUncheckedIndexedAccess: false,
        skipLibCheck: true,
        noEmit: true,
      },
      include: ["*.ts"],
    }),
  );
}

/** What the compiler says of a program. */
function measure(compiler, folder) {
  const run = spawnSync(compiler[0], [...compiler.slice(1), "-p", folder, "--extendedDiagnostics"], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const figure = (name) => Number(new RegExp(`${name}:\\s+([\\d,.]+)`).exec(run.stdout)?.[1]?.replaceAll(",", ""));
  const errors = run.stdout.split("\n").filter((line) => line.includes("error TS"));
  const instantiations = figure("Instantiations");
  if (errors.length > 0 || Number.isNaN(instantiations))
    throw new Error(`${folder} does not compile:\n${errors.slice(0, 5).join("\n") || run.stderr || run.stdout}`);
  return { instantiations, checkSeconds: figure("Check time"), totalSeconds: figure("Total time") };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** TypeScript 7 cannot be a dependency beside 6: both would be node_modules/.bin/tsc. */
function typescript7() {
  const home = join(root, "node_modules", ".cache", "typescript-7");
  const tsc = join(home, "node_modules/typescript/bin/tsc");
  if (!existsSync(tsc)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), "{}");
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent", "typescript@7.0.2"], {
      cwd: home,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  // Several checkers would each check the model anew, and count it as often: one gives the number that compares.
  return [process.execPath, tsc, "--checkers", "1"];
}

const compilers = { "TypeScript 6": [process.execPath, join(root, "node_modules/typescript/bin/tsc")] };
if (!flags.has("--only-installed")) compilers["TypeScript 7"] = typescript7();

note("emitting the library's declarations");
const lib = emitDeclarations();
const programs = {
  "zod schemas alone": { make: (_, n) => zodProgram(n) },
  "keyfold, model only": { make: (folder, n) => keyfoldProgram(relative(folder, lib), n) },
  "keyfold, used": { make: (folder, n) => keyfoldProgram(relative(folder, lib), n, "MongoDB"), budget: limits },
  "keyfold on DynamoDB, used": {
    make: (folder, n) => keyfoldProgram(relative(folder, lib), n, "DynamoDB"),
    budget: transactLimits,
  },
  ...(flags.has("--peers")
    ? {
        "ElectroDB, used": { make: (_, n) => electroProgram(n) },
        "DynamoDB Toolbox, used": { make: (_, n) => toolboxProgram(n) },
      }
    : {}),
};

writeFileSync(join(work, "package.json"), JSON.stringify({ type: "module" }));
if (!existsSync(join(work, "node_modules"))) symlinkSync(join(root, "node_modules"), join(work, "node_modules"));

const rows = [];
let failed = false;
for (const [name, program] of Object.entries(programs)) {
  const folders = sizes.map((n) => {
    const folder = join(work, `${name.replaceAll(/[^a-z]+/gi, "-")}-${n}`);
    write(folder, program.make(folder, n));
    return folder;
  });
  for (const [version, compiler] of Object.entries(compilers)) {
    const counts = folders.map((folder) => measure(compiler, folder).instantiations);
    const slope = Math.round((counts[2] - counts[1]) / (sizes[2] - sizes[1]));
    const over = program.budget !== undefined && (slope > program.budget.slope || counts[0] > program.budget.base);
    failed ||= over;
    rows.push({
      program: name,
      compiler: version,
      instantiations: Object.fromEntries(sizes.map((n, i) => [n, counts[i]])),
      perFurtherEntity: slope,
      ...(program.budget ? { within: !over } : {}),
      folder: folders.at(-1),
    });
    note(`${name}, ${version}: ${slope} per further entity`);
  }
}

if (flags.has("--time")) {
  const measured = rows.map(() => []);
  for (let round = 0; round < 5; round++)
    for (const [at, { compiler, folder }] of rows.entries()) measured[at].push(measure(compilers[compiler], folder));
  for (const [at, row] of rows.entries()) {
    row.checkSeconds = median(measured[at].map(({ checkSeconds }) => checkSeconds));
    row.totalSeconds = median(measured[at].map(({ totalSeconds }) => totalSeconds));
  }
}

if (flags.has("--json")) {
  const shown = rows.map(({ folder: _, ...row }) => row);
  console.log(JSON.stringify({ limits, transactLimits, rows: shown, ok: !failed }));
} else {
  const number = (value) => value.toLocaleString("en-US");
  const timed = flags.has("--time");
  console.log(
    `| program | compiler | 1 | 20 | 50 | per further entity |${timed ? " check of 50, s | in all, s |" : ""}\n| --- | --- | ---: | ---: | ---: | ---: |${timed ? " ---: | ---: |" : ""}`,
  );
  for (const row of rows) {
    const times = timed ? ` ${row.checkSeconds.toFixed(2)} | ${row.totalSeconds.toFixed(2)} |` : "";
    console.log(
      `| ${row.program} | ${row.compiler} | ${sizes.map((n) => number(row.instantiations[n])).join(" | ")} | ${number(row.perFurtherEntity)}${row.within === false ? " (over)" : ""} |${times}`,
    );
  }
  const said = ({ slope, base }) => `${number(slope)} for a further entity, ${number(base)} for the first`;
  console.log(
    `\nbudget of "keyfold, used": ${said(limits)}; on DynamoDB, with transactions: ${said(transactLimits)}: ${failed ? "exceeded" : "kept"}`,
  );
}
process.exit(failed ? 1 : 0);
