import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";
import { startMongodb } from "../../src/testing/index.js";

/** The built program: what a user runs. */
export const PROGRAM = resolve("dist/cli/main.js");
/** The example's model, which ships with the package. */
export const MODEL = resolve("examples/online-retail/model.ts");

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `keyfold ARGS`; what it prints is collected. `openInput`: more may be written to its standard input. */
export function start(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string | Buffer; openInput?: boolean } = {},
): { child: ChildProcess; ended: Promise<Ran>; line: () => Promise<string> } {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const waiting: (() => void)[] = [];
  child.stdout?.on("data", (data) => {
    stdout += data;
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  if (options.input !== undefined) {
    child.stdin?.on("error", () => {});
    if (options.openInput) child.stdin?.write(options.input);
    else child.stdin?.end(options.input);
  }
  const ended = new Promise<Ran>((done) => {
    child.on("close", (code, signal) => {
      done({ code, signal, stdout, stderr });
      for (const wake of waiting.splice(0)) wake();
    });
  });
  /** The first line on standard output. */
  const line = async (): Promise<string> => {
    while (!stdout.includes("\n")) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended without a line: ${stderr}`);
      await new Promise<void>((wake) => waiting.push(wake));
    }
    return stdout.slice(0, stdout.indexOf("\n"));
  };
  return { child, ended, line };
}

/** Runs `keyfold ARGS` to its end. */
export function keyfold(args: readonly string[], options: Parameters<typeof start>[1] = {}): Promise<Ran> {
  return start(args, options).ended;
}

/** A folder for one test file, removed at its end. */
export function folder(): { path: string; file: (name: string, text: string | Buffer) => string } {
  const path = mkdtempSync(join(tmpdir(), "keyfold-cli-"));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    file: (name, text) => {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
  };
}

let databases = 0;

/** The server under test: a real one by `KEYFOLD_TEST_MONGODB_URL`, else the embedded engine; each call names a fresh database. */
export async function server(): Promise<{ database: () => string; close: () => Promise<void> }> {
  const given = process.env["KEYFOLD_TEST_MONGODB_URL"];
  const engine = given === undefined ? await startMongodb() : undefined;
  const url = new URL(given ?? (engine as NonNullable<typeof engine>).url);
  return {
    database: () => {
      url.pathname = `/cli_${process.pid}_${Date.now().toString(36)}_${databases++}`;
      return url.href;
    },
    close: async () => {
      await engine?.close();
    },
  };
}

/** No error that a person sees has a stack in it. */
export const STACK = /\n\s+at |node:internal|file:\/\//;
