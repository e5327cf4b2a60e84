import type { Socket } from "node:net";
import type { ServerProcess } from "../harness/processes.js";
import { median, type RoundsOptions } from "../harness/rounds.js";
import { feed, open, request } from "./wire.js";

const clients = 50;
const keyCount = 100_000;
const value = "x".repeat(64);

/** One in two requests writes, as random as the next run's. */
function requestAt(number: number): string {
  const key = `key:${String((number * 7919) % keyCount).padStart(12, "0")}`;
  return number % 2 === 0 ? request("SET", key, value) : request("GET", key);
}

/** A connection that knows when each of its open requests should have been sent. */
class Lane {
  readonly #socket: Socket;
  readonly #due: number[] = [];
  #first = 0;
  #rest = 0;

  constructor(socket: Socket, answered: (dueMs: number) => void) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      // A reply to SET has 5 bytes, one to GET 71; it counts when its first byte is here.
      let at = this.#rest;
      while (at < chunk.length) {
        at += chunk[at] === 0x2b ? 5 : 71;
        answered(this.#due[this.#first++]!);
      }
      this.#rest = at - chunk.length;
      if (this.#first > 1024) {
        this.#due.splice(0, this.#first);
        this.#first = 0;
      }
    });
  }

  send(text: string, dueMs: number): void {
    this.#due.push(dueMs);
    this.#socket.write(text, "latin1");
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The rate that a server reaches when each connection sends its next request on the reply. */
async function peakRate(server: ServerProcess, ms: number): Promise<number> {
  let count = 0;
  const lanes: Lane[] = [];
  const began = performance.now();
  const until = began + ms;
  await new Promise<void>((resolve, reject) => {
    let open_ = clients;
    for (let i = 0; i < clients; i++) {
      void open(server.port).then((socket) => {
        const lane = new Lane(socket, () => {
          count++;
          if (performance.now() < until) lane.send(requestAt(count), 0);
          else if (--open_ === 0) resolve();
        });
        lanes.push(lane);
        lane.send(requestAt(i), 0);
      }, reject);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  for (const lane of lanes) lane.close();
  return count / seconds;
}

/**
 * Latencies at a fixed rate by an open-loop generator: a request is sent when its time has come, whether earlier ones
 * were answered or not, and its latency counts from that time, so that a pause is felt by all who came during it.
 */
async function latencies(server: ServerProcess, rate: number, ms: number): Promise<Float64Array> {
  const count = Math.floor((rate * ms) / 1000);
  const found = new Float64Array(count);
  let answered = 0;
  const lanes: Lane[] = [];
  const done = new Promise<void>((resolve) => {
    const note = (dueMs: number) => {
      found[answered++] = performance.now() - dueMs;
      if (answered === count) resolve();
    };
    void (async () => {
      for (let i = 0; i < clients; i++) lanes.push(new Lane(await open(server.port), note));
      const began = performance.now() + 50;
      let sent = 0;
      const step = () => {
        const now = performance.now();
        while (sent < count) {
          const due = began + (sent * 1000) / rate;
          if (due > now) break;
          lanes[sent % clients]!.send(requestAt(sent), due);
          sent++;
        }
        if (sent < count) setImmediate(step);
      };
      step();
    })();
  });
  await done;
  for (const lane of lanes) lane.close();
  return found.sort();
}

export interface TailFigures {
  readonly name: string;
  readonly peak: number;
  /** Medians over rounds, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Both servers at half of the slower one's peak rate, in turns. */
export async function tailComparison(
  servers: readonly ServerProcess[],
  { rounds = 7, warmup = 1 }: RoundsOptions,
): Promise<{ rate: number; figures: TailFigures[] }> {
  const peaks = new Map<ServerProcess, number>();
  for (const server of servers) {
    await feed(
      server.port,
      Array.from({ length: keyCount }, (_, i) => request("SET", `key:${String(i).padStart(12, "0")}`, value)),
    );
    await peakRate(server, 2000);
    peaks.set(server, await peakRate(server, 3000));
  }
  const rate = Math.min(...peaks.values()) / 2;
  const seen = new Map(servers.map((server) => [server, [] as Float64Array[]]));
  for (let round = -warmup; round < rounds; round++) {
    for (let turn = 0; turn < servers.length; turn++) {
      const server = servers[(turn + round + warmup) % servers.length]!;
      const sorted = await latencies(server, rate, 5000);
      if (round >= 0) seen.get(server)!.push(sorted);
    }
  }
  const figures = servers.map((server) => {
    const at = (share: number) =>
      median(
        seen.get(server)!.map((sorted) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!),
      );
    return {
      name: server.name,
      peak: peaks.get(server)!,
      p50: at(0.5),
      p99: at(0.99),
      p999: at(0.999),
      max: at(1),
    };
  });
  return { rate, figures };
}
