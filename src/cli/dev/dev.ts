/** Starts embedded engines in this process and keeps them until they are no longer wanted. */

import { join, resolve } from "node:path";
import type { EngineOptions, RunningEngine } from "../../engines/engine.js";
import { KeyfoldError } from "../../internal/errors.js";
import { type EngineName, type EngineStarter, engineStarters } from "../../testing/registry.js";
import { factsOf } from "../engines.js";
import { redact } from "../errors.js";
import { note, painter, print } from "../output/terminal.js";

export interface DevOptions {
  readonly engines: readonly EngineName[];
  readonly ports: { readonly [E in EngineName]?: number };
  readonly anyPort: boolean;
  readonly host: string;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly data: string | undefined;
  readonly env: boolean;
  /** Throttle DynamoDB's tables as AWS does. */
  readonly throughput: boolean;
  readonly cassandraNodes: number | undefined;
  readonly json: boolean;
  /** Run this with the engines, and end with it. */
  readonly command: readonly string[];
}

/** Runs until a signal, or until the command ends; gives the exit code. */
export async function dev(options: DevOptions): Promise<number> {
  const running = await startAll(options);
  try {
    if (options.command.length > 0) {
      const { endAs, runWith } = await import("./child.js");
      const ended = await runWith(options.command, environment(running));
      await Promise.all(running.splice(0).map((engine) => engine.close()));
      return await endAs(ended);
    }
    const stopped = stopSignal();
    await announce(running, options);
    await stopped;
    return 0;
  } finally {
    await Promise.all(running.map((engine) => engine.close()));
  }
}

async function startAll(options: DevOptions): Promise<RunningEngine[]> {
  const running: RunningEngine[] = [];
  try {
    for (const name of options.engines) running.push(await startOne(name, engineStarters[name], options));
  } catch (error) {
    await Promise.all(running.map((engine) => engine.close()));
    throw error;
  }
  return running;
}

/** Starts one engine, and says what to do when its port is taken or its folder cannot be used. */
export async function startOne(name: EngineName, start: EngineStarter, options: DevOptions): Promise<RunningEngine> {
  // A command gets its URLs from the environment, so it need not meet a port that something else uses.
  const usual = options.anyPort || options.command.length > 0 ? 0 : factsOf(name).usualPort;
  const port = options.ports[name] ?? usual;
  const engineOptions: EngineOptions = {
    host: options.host,
    port,
    ...(options.data === undefined ? {} : { dataDir: join(resolve(options.data), name) }),
    ...(options.auth === undefined ? {} : { auth: options.auth }),
    ...(name === "dynamodb" && options.throughput ? { throughput: true } : {}),
    ...(name === "cassandra" && options.cassandraNodes !== undefined ? { nodes: options.cassandraNodes } : {}),
    log: (level, message) => {
      if (level === "notice" || level === "warning") note(`${name}: ${message}`);
    },
  };
  try {
    return await start(engineOptions);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EADDRINUSE") {
      throw new KeyfoldError(
        "UNAVAILABLE",
        `port ${port} of ${options.host}, which ${name} was to listen on, is taken by another program`,
        {
          cause: error,
          fix: `Stop that program (another keyfold dev, or a ${name} server), or take another port: --${name}-port ${port + 1}, or --any-port.`,
        },
      );
    }
    if (code === "EACCES" && port > 0 && port < 1024) {
      throw new KeyfoldError("UNAVAILABLE", `port ${port} needs rights that this user does not have`, {
        cause: error,
        fix: `Take a port above 1023: --${name}-port ${factsOf(name).usualPort}.`,
      });
    }
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new KeyfoldError("INPUT_INVALID", `this machine has no address ${options.host}`, {
        cause: error,
        fix: "Leave --host out to serve this machine alone; --host 0.0.0.0 with --auth serves all its addresses.",
      });
    }
    throw error;
  }
}

/** The operating system's code of an error, or of one that it was made from. */
function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code?.startsWith("E")) return code;
  }
  return undefined;
}

/** Variables for the engines: what their drivers and frameworks read. */
export function environment(running: readonly RunningEngine[]): Record<string, string> {
  return Object.assign({}, ...running.map(({ engine, url }) => factsOf(engine).environment(url))) as Record<
    string,
    string
  >;
}

async function announce(running: readonly RunningEngine[], options: DevOptions): Promise<void> {
  if (options.json) {
    await print(`${JSON.stringify(Object.fromEntries(running.map(({ engine, url }) => [engine, url])))}\n`);
    return;
  }
  if (options.env) {
    const lines = Object.entries(environment(running)).map(
      ([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
    );
    await print(lines.join(""));
    return;
  }
  const paint = painter(process.stdout);
  const width = Math.max(...running.map(({ engine }) => engine.length));
  const where = options.data === undefined ? "in memory: gone when this ends" : `kept in ${resolve(options.data)}`;
  for (const { engine, url } of running) {
    await print(`${paint("green", "●")} ${engine.padEnd(width)}  ${paint("bold", redact(url))}\n`);
  }
  await print(`${paint("dim", `  data ${where}. Ctrl-C ends it.`)}\n`);
}

/** Resolves at the first signal that asks for an end; the second one does not wait. */
function stopSignal(): Promise<void> {
  return new Promise((done) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(130);
      asked = true;
      if (process.stderr.isTTY) note("");
      done();
    };
    process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop);
  });
}
