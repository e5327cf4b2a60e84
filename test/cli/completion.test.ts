import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { folder, keyfold, MODEL, PROGRAM } from "./keyfold.js";

vi.setConfig({ testTimeout: 90_000 });

/** What the shell's script would be told for these words; the last one is being written. */
async function complete(...words: string[]): Promise<{ values: string[]; paths: boolean }> {
  const { stdout, stderr, code } = await keyfold(["complete", "--", ...words]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  const lines = stdout.trimEnd().split("\n");
  const directive = lines.pop();
  return { values: lines.map((line) => line.split("\t")[0] as string), paths: directive === ":0" };
}

describe("completion", () => {
  test("commands, options, their values", async () => {
    expect((await complete("")).values).toEqual([
      "demo",
      "dev",
      "plan",
      "apply",
      "load",
      "query",
      "fold",
      "completion",
    ]);
    expect((await complete("de")).values).toEqual(["demo", "dev"]);
    expect((await complete("load", "m.ts", "line", "f.csv", "--f")).values).toEqual(["--format"]);
    expect((await complete("load", "m.ts", "line", "f.csv", "--format", "")).values).toEqual(["csv", "ndjson"]);
    expect((await complete("completion", "")).values).toEqual(["bash", "zsh", "fish"]);
  });

  test("files where a file stands", async () => {
    expect(await complete("plan", "")).toEqual({ values: [], paths: true });
    expect((await complete("load", MODEL, "line", "")).paths).toBe(true);
    expect((await complete("dev", "--data", "")).paths).toBe(true);
    expect((await complete("query", MODEL, "")).paths).toBe(false);
  });

  test("entities, patterns and parameters, from the model file", async () => {
    expect((await complete("load", MODEL, "")).values).toEqual(["line"]);
    expect((await complete("query", MODEL, "linesBy")).values).toEqual([
      "linesByCustomer",
      "linesByInvoice",
      "linesByDay",
    ]);
    expect((await complete("query", MODEL, "topCustomers", "from=2011-01-01", "")).values).toEqual(["to="]);
    expect((await complete("query", "--at", "mongodb://h", MODEL, "lineBySeq", "")).values).toEqual(["seq="]);
  });

  test("a model that does not load spoils nothing", async () => {
    expect((await complete("query", "nowhere.ts", "")).values).toEqual([]);
  });

  test.each(["bash", "zsh", "fish"])("the script for %s is one that the shell accepts", async (shell) => {
    const { stdout } = await keyfold(["completion", shell]);
    expect(stdout).toContain("keyfold complete --");
    if (spawnSync(shell, ["--version"]).error !== undefined) return;
    execFileSync(shell, ["-n"], { input: stdout });
  });

  test("bash completes with it", async () => {
    const { path } = scratch;
    writeFileSync(join(path, "keyfold"), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    chmodSync(join(path, "keyfold"), 0o755);
    const script = `${(await keyfold(["completion", "bash"])).stdout}
COMP_LINE="keyfold que" COMP_POINT=11
_keyfold
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const said = execFileSync("bash", ["--norc"], {
      input: script,
      env: { ...process.env, PATH: `${path}:${process.env["PATH"]}` },
    });
    expect(said.toString()).toBe("query\n");
  });
});

const scratch = folder();
