import { once } from "node:events";
import type { Socket } from "node:net";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { redisBenchmark } from "./redis-benchmark.js";
import { open, request } from "./wire.js";

const subscribers = 100;
const messages = 10_000;
const payload = "x".repeat(64);
const message = request("message", "news", payload);

/** Connections that count the bytes they are sent. */
class Audience {
  readonly #sockets: Socket[];
  #bytes = 0;
  #wanted = 0;
  #done: (() => void) | undefined;

  private constructor(sockets: Socket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) {
      socket.on("data", (chunk: Buffer) => {
        this.#bytes += chunk.length;
        if (this.#bytes >= this.#wanted) this.#done?.();
      });
    }
  }

  static async of(port: number): Promise<Audience> {
    const sockets = await Promise.all(Array.from({ length: subscribers }, () => open(port)));
    for (const socket of sockets) {
      socket.write(request("SUBSCRIBE", "news"));
      await once(socket, "data");
    }
    return new Audience(sockets);
  }

  /** Resolves when all have got so many messages from now on. */
  heard(count: number): Promise<void> {
    this.#bytes = 0;
    this.#wanted = count * subscribers * message.length;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** From the first PUBLISH until every one of 100 subscribers has every message. */
export async function pubsubComparisons(
  servers: readonly ServerProcess[],
  report: (comparison: Comparison) => void,
  options: RoundsOptions,
): Promise<void> {
  const audiences = new Map<ServerProcess, Audience>();
  for (const server of servers) audiences.set(server, await Audience.of(server.port));
  const contenders = servers.map((server) => ({
    name: server.name,
    run: () =>
      timed(
        messages,
        async () => {
          const heard = audiences.get(server)!.heard(messages);
          await redisBenchmark(server, ["PUBLISH", "news", payload], { requests: messages });
          await heard;
        },
        server.cpuSeconds,
      ),
  }));
  report(await compare("PUBLISH to 100 subscribers, 50 publishers", "≥ 0.7 ×", contenders, options));
  for (const audience of audiences.values()) audience.close();
}
