import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlVariable, urlVariable } from "./attach.js";
import { startBeside } from "./beside.js";
import { socketChannel } from "./channels.js";
import { serveControl } from "./control.js";
import type { EngineStart } from "./host.js";
import { type EngineName, engineNames } from "./registry.js";

/** Which engines a whole test run shares. Default: all there are. */
export type SharedEnginesOptions = { readonly [E in EngineName]?: boolean | EngineStart };

/** Engines that all workers of a test run share. */
export interface SharedEngines {
  readonly urls: { readonly [E in EngineName]?: string };
  /** Where `attachEngines()` finds them. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Starts engines in a process of their own, and a local socket by which the workers of a test runner reach their
 * controls; says where both are in `process.env`, which the workers inherit.
 */
export async function startShared(options: SharedEnginesOptions | undefined): Promise<SharedEngines> {
  const wanted = options ?? Object.fromEntries(engineNames.map((name) => [name, true]));
  const { control, close } = await startBeside(wanted);
  const folder = await mkdtemp(join(tmpdir(), "keyfold-")); // 0700: only this user reaches the socket
  const address = process.platform === "win32" ? `\\\\.\\pipe\\${folder.split("\\").at(-1)}` : join(folder, "control");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const channel = socketChannel(socket);
    channel.send({ engines: control.engines });
    // A worker that is done only lets go: the engines are the whole run's.
    serveControl(control, channel);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, resolve);
  });
  server.unref();
  const variables = [controlVariable, ...control.engines.map(({ engine }) => urlVariable(engine))];
  process.env[controlVariable] = address;
  for (const { engine, url } of control.engines) process.env[urlVariable(engine)] = url;
  return {
    urls: Object.fromEntries(control.engines.map(({ engine, url }) => [engine, url])),
    address,
    close: async () => {
      for (const name of variables) delete process.env[name];
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
      await close();
    },
  };
}
