// Starts a real engine as a child process; for real-engine.mjs, test-real.mjs and the benchmarks.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort, install, listening, recipes } from "./recipes.mjs";

/**
 * Installs (once) and starts an engine.
 *
 * @param {string} name one of `recipes`
 * @param {{ port?: number, data?: string, args?: string[], log?: (line: string) => void }} options `port` 0 or none:
 *   any free one; `data` none: a temporary folder, gone at `stop()`; `args`: after the recipe's own
 * @returns {Promise<{ name: string, url: string, port: number, pid: number, data: string, ended: Promise<string>, stop: () => Promise<void> }>}
 */
export async function startRealEngine(name, { port = 0, data, args: more = [], log = () => {} } = {}) {
  const recipe = recipes[name];
  if (recipe === undefined)
    throw new Error(`no engine "${name}"; there are: ${Object.keys(recipes).sort().join(", ")}`);
  const { dir, fresh } = await install(name);
  if (fresh) log(`installed ${recipe.summary}`);
  // Another server on the port would be taken for this one.
  const chosenPort = await freePort(port);
  const folder = data === undefined ? await mkdtemp(join(tmpdir(), `keyfold-${name}-`)) : resolve(data);
  await mkdir(folder, { recursive: true });
  const { file, args, cwd, env } = await recipe.command({ dir, data: folder, port: chosenPort });
  const child = spawn(file, [...args, ...more], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output.push(chunk);
      if (output.length > 200) output.shift();
    });
  let reason;
  const ended = new Promise((done) => {
    const end = (text) => {
      reason ??= `${text}\n${Buffer.concat(output)}`.trim();
      done(reason);
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
  });
  const stop = async () => {
    if (reason === undefined) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
    if (data === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await (recipe.ready?.(folder, () => reason) ?? listening(chosenPort, 120_000, () => reason));
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url: recipe.url(chosenPort), port: chosenPort, pid: child.pid, data: folder, ended, stop };
}
