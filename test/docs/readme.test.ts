import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { startEngines } from "keyfold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The README's code, as it stands there: it compiles, runs, and prints what the README says.

const execute = promisify(execFile);
/** Within the repository, so that `keyfold` is found as in a project that has installed it. */
const folder = resolve(".keyfold/readme");

interface Block {
  readonly language: string;
  readonly text: string;
  /** From a first line like `// app.ts`. */
  readonly file: string | undefined;
}

let blocks: Block[];
const file = (name: string): string => {
  const block = blocks.find((each) => each.file === name);
  if (block === undefined) throw new Error(`the README has no ${name}`);
  return block.text;
};

/** Runs a file of the README, which imports the package as it was built; gives what it prints. */
async function run(name: string, url: string): Promise<string> {
  const outfile = join(folder, name.replace(/\.ts$/, ".mjs"));
  await build({
    entryPoints: [join(folder, name)],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    tsconfigRaw: "{}", // the package as it was built, not its sources
    target: "node20",
    logLevel: "error",
  });
  const { stdout } = await execute(process.execPath, [outfile], {
    env: { ...process.env, MONGODB_URL: url, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  return stdout;
}

beforeAll(async () => {
  const readme = await readFile("README.md", "utf8");
  blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
    file: text.match(/^\/\/ (\S+\.ts)\n/)?.[1],
  }));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const block of blocks) if (block.file !== undefined) await writeFile(join(folder, block.file), block.text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the README", () => {
  it("has code that compiles", { timeout: 60_000 }, async () => {
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "es2023",
          lib: ["es2023", "esnext.disposable"],
          module: "nodenext",
          strict: true,
          skipLibCheck: true,
          noEmit: true,
          types: ["node"],
        },
        include: ["*.ts"],
      }),
    );
    await execute(resolve("node_modules/.bin/tsc"), ["-p", folder]).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
  });

  it("has a quick start that prints what it says", { timeout: 60_000 }, async () => {
    const engines = await startEngines({ mongodb: true, beside: true });
    try {
      const program = [resolve("dist/cli/main.js"), "apply", join(folder, "model.ts"), "--to"];
      const url = new URL(engines.mongodb.url);
      url.pathname = "/shop";
      await execute(process.execPath, [...program, url.href]);
      const stdout = await run("app.ts", engines.mongodb.url);
      expect(stdout).toBe(blocks.find(({ language }) => language === "text")?.text);
      expect(await run("payments.ts", engines.mongodb.url)).toBe("booked\n");
      expect(await run("payments.ts", engines.mongodb.url)).toBe("was booked before\n");
    } finally {
      await engines.close();
    }
  });

  it("has a test that passes", { timeout: 60_000 }, async () => {
    expect(file("orders.test.ts")).toContain("keyfold/testing");
    await writeFile(join(folder, "vitest.config.mjs"), "export default {};\n");
    const { stdout, stderr } = await execute(
      process.execPath,
      [
        resolve("node_modules/vitest/vitest.mjs"),
        "run",
        "--root",
        folder,
        "--config",
        join(folder, "vitest.config.mjs"),
      ],
      { env: { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1" } },
    ).catch((error: { stdout: string; stderr: string }) => error);
    expect(stdout, stderr).toMatch(/Tests +2 passed/);
  });

  it("names files and commands that are there", async () => {
    const readme = await readFile("README.md", "utf8");
    for (const [, link = ""] of readme.matchAll(/\]\((?!https?:)([^)#]+)/g))
      await expect(readFile(link), link).resolves.toBeDefined();
    const { scripts } = JSON.parse(await readFile("package.json", "utf8")) as { scripts: Record<string, string> };
    for (const [, script = ""] of readme.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(script);
    expect(Object.keys(scripts)).toContain("test");
  });
});
