import { once } from "node:events";
import type { Socket } from "node:net";
import type { ServerProcess } from "../harness/processes.js";
import { ask, feed, open, request } from "./wire.js";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export interface MemoryFigures {
  readonly name: string;
  /** Resident bytes at the start, and what each thing added. */
  readonly idle: number;
  readonly perConnection: number;
  readonly perKey: number;
  /** Resident bytes with all keys in. */
  readonly withKeys: number;
}

function* keys(count: number): Iterable<string> {
  const value = "x".repeat(56);
  for (let i = 0; i < count; i++) {
    const number = String(i).padStart(8, "0");
    yield request("SET", `key:${number}`, value + number);
  }
}

/** Resident memory of a fresh server, with many idle connections that are all answered, and with many keys. */
export async function memoryOf(server: ServerProcess, connections: number, count: number): Promise<MemoryFigures> {
  await ask(server.port, "CONFIG", "SET", "maxclients", connections + 100);
  await pause(500);
  const idle = server.residentBytes() ?? Number.NaN;

  const sockets: Socket[] = [];
  while (sockets.length < connections) {
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => open(server.port)))));
  }
  for (const socket of sockets) {
    socket.write(request("PING"));
    const [reply] = (await once(socket, "data")) as [Buffer];
    if (reply.toString() !== "+PONG\r\n") throw new Error(`${server.name} answered ${reply}`);
  }
  await pause(500);
  const connected = server.residentBytes() ?? Number.NaN;
  for (const socket of sockets) socket.destroy();
  await pause(500);

  const before = server.residentBytes() ?? Number.NaN;
  await feed(server.port, keys(count));
  await pause(1000);
  const withKeys = server.residentBytes() ?? Number.NaN;
  return {
    name: server.name,
    idle,
    perConnection: (connected - idle) / connections,
    perKey: (withKeys - before) / count,
    withKeys,
  };
}
