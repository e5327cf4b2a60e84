import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The package as a user gets it: packed, installed in a folder of its own, and used from there.

const execute = promisify(execFile);
const consumer = join(import.meta.dirname, "consumer");
/** Versions of the tools beside it; those of this repository where it has them, so that one cache serves both. */
const beside = ["@types/node", "mongodb", "typescript", "vitest", "zod"];
const jest = "^30.0.0";

let folder: string;
let packedFiles: readonly string[];

/** A program of the consumer's. */
const bin = (name: string): string => join(folder, "node_modules", ".bin", name);

/** Runs a program in the consumer's folder; what it said is in the error when it fails. */
async function run(file: string, args: readonly string[], cwd = folder): Promise<string> {
  // A test runner inside a test runner must not take the outer one's settings for its own.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(VITEST|VITE_|KEYFOLD_|NODE_OPTIONS|NODE_ENV|TEST$|DEV$|PROD$|MODE$)/.test(name),
    ),
  );
  try {
    const { stdout, stderr } = await execute(file, args, { cwd, env, maxBuffer: 1 << 26, timeout: 150_000 });
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? ""}`.trim() || message);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyfold-packed-"));
  const packed = await execute("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]);
  const listing: unknown = JSON.parse(packed.stdout);
  const [{ filename, files }] = (Array.isArray(listing) ? listing : Object.values(listing as object)) as [
    { filename: string; files: { path: string }[] },
  ];
  packedFiles = files.map(({ path }) => path);
  const own = JSON.parse(await readFile("package.json", "utf8")) as { devDependencies: Record<string, string> };
  const devDependencies = Object.fromEntries(beside.map((name) => [name, own.devDependencies[name]]));
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({
      private: true,
      dependencies: { keyfold: `file:${filename}` },
      devDependencies: { ...devDependencies, jest },
    }),
  );
  await cp(consumer, folder, { recursive: true });
  await writeFile(join(folder, "types", "package.json"), JSON.stringify({ type: "module" }));
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error"]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the packed package", () => {
  it("holds what is needed and nothing else", () => {
    // The demo's model is the example's, so the example is packed.
    expect(packedFiles).toEqual(
      expect.arrayContaining(["dist/cli/main.js", "dist/testing/attach.cjs", "README.md", "LICENSE"]),
    );
    expect(
      packedFiles.filter(
        (path) =>
          !/^(dist\/.*\.(d\.)?c?[jt]s|examples\/online-retail\/(model\.ts|README\.md)|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(
            path,
          ),
      ),
    ).toEqual([]);
    expect(packedFiles.filter((path) => path.includes(".test."))).toEqual([]);
  });

  it("is imported, and its engines run here and in a process beside", async () => {
    expect(await run(process.execPath, ["esm.mjs"])).toContain("esm ok");
  });

  it("is required from CommonJS", async () => {
    expect(await run(process.execPath, ["cjs.cjs"])).toContain("cjs ok");
  });

  it("starts and resets engines for vitest", async () => {
    const output = await run(bin("vitest"), ["run", "--root", "vitest", "--config", "vitest.config.mjs"]);
    expect(output).toMatch(/5 passed/);
  });

  it("starts and resets engines for Jest", async () => {
    const output = await run(bin("jest"), ["--rootDir", "jest", "--config", "jest/jest.config.cjs"]);
    expect(output).toMatch(/3 passed/);
  });

  it("lets a package that builds on it emit declarations, and another compile against those", async () => {
    await run(bin("tsc"), ["-p", "types"]);
    const declarations = await readFile(join(folder, "types/out/shop.d.ts"), "utf8");
    expect(declarations).toContain("customerId: string");
    expect(declarations).not.toContain("zod");
    // shop.d.ts in place of shop.ts
    await rm(join(folder, "types/shop.ts"));
    await cp(join(folder, "types/out/shop.d.ts"), join(folder, "types/shop.d.ts"));
    await run(bin("tsc"), ["-p", "types", "--noEmit", "--skipLibCheck"]);
  });

  it("has a program that helps and says its version", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect((await run(bin("keyfold"), ["--version"])).trim()).toBe(version);
    expect(await run(bin("keyfold"), ["--help"])).toMatch(
      /dev[\s\S]*plan[\s\S]*apply[\s\S]*load[\s\S]*query[\s\S]*demo/,
    );
  });

  it("starts the engines from its program and says where they are", async () => {
    const child = spawn(bin("keyfold"), ["dev", "--any-port", "--json"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    try {
      for await (const text of createInterface({ input: child.stdout })) {
        expect(JSON.parse(text)).toEqual({
          mongodb: expect.stringMatching(/^mongodb:\/\/127\.0\.0\.1:\d+/),
          redis: expect.stringMatching(/^redis:\/\/127\.0\.0\.1:\d+/),
          cassandra: expect.stringMatching(/^cassandra:\/\/127\.0\.0\.1:\d+/),
          dynamodb: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+/),
        });
        break;
      }
    } finally {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    }
  });
});
