import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

// docs/guides/consistency.md says what its scripts print; here they are run.

const execute = promisify(execFile);
const guide = await readFile("docs/guides/consistency.md", "utf8");
const shown = new Map(
  [...guide.matchAll(/^```text (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = "", text = ""]) => [name, text]),
);
const shared = ["shop.ts", "lagging-copy.ts"];
const scripts = (await readdir("examples/consistency")).filter(
  (file) => file.endsWith(".ts") && !shared.includes(file),
);

describe("the guide to consistency", () => {
  it("shows every script", () => {
    expect([...shown.keys()].sort()).toEqual(scripts.map((file) => file.replace(/\.ts$/, "")).sort());
  });

  it.each([...shown])("is right about %s", { timeout: 30_000 }, async (name, text) => {
    const folder = resolve(".keyfold/consistency");
    await mkdir(folder, { recursive: true });
    const outfile = join(folder, `${name}.mjs`);
    await build({
      entryPoints: [`examples/consistency/${name}.ts`],
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
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    expect(stdout).toBe(text);
  });
});
