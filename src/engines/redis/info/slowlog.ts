import type { Client } from "../client.js";
import type { RedisServer } from "../state.js";

export interface SlowCall {
  readonly id: number;
  readonly time: number;
  readonly microseconds: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

const maxArguments = 32;
const maxLength = 128;

/** The calls that took longest, newest first. */
export class Slowlog {
  calls: SlowCall[] = [];
  #nextId = 0;
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  add(client: Client, args: readonly string[], microseconds: number): void {
    const { slowlogMaxLen } = this.#server.config;
    if (slowlogMaxLen === 0) return;
    const kept = args
      .slice(0, args.length > maxArguments ? maxArguments - 1 : maxArguments)
      .map((arg) =>
        arg.length <= maxLength ? arg : `${arg.slice(0, maxLength)}... (${arg.length - maxLength} more bytes)`,
      );
    if (args.length > maxArguments) kept.push(`... (${args.length - maxArguments + 1} more arguments)`);
    this.calls.unshift({
      id: this.#nextId++,
      time: Math.floor(this.#server.now / 1000),
      microseconds,
      args: kept,
      address: client.transport?.remote ?? "",
      name: client.name,
    });
    this.trim();
  }

  trim(): void {
    const { slowlogMaxLen } = this.#server.config;
    if (this.calls.length > slowlogMaxLen) this.calls.length = slowlogMaxLen;
  }

  clear(): void {
    this.calls = [];
  }
}
