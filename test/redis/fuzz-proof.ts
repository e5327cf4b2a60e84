import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { startEngines } from "keyfold/testing";
import { expect } from "vitest";
import { commands } from "../../src/engines/redis/commands/table.js";
import { RandomCommands, seeded } from "./random-commands.js";
import { RespClient } from "./resp-client.js";

/** Most memory that the engine may hold at the end of a run: its idle size, and room for what it was sent. */
const maxRssBytes = 500 * 1024 * 1024;

/** Memory of another process, on Linux; undefined elsewhere. */
function rssOf(pid: number | undefined): number | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB/m);
    return line?.[1] === undefined ? undefined : Number(line[1]) * 1024;
  } catch {
    return undefined;
  }
}

/** Runs work against an engine in a process of its own; afterwards it must live, answer others, and be no larger. */
export async function withEngine(work: (port: number, client: RespClient) => Promise<void>): Promise<void> {
  const engines = await startEngines({ redis: true, beside: true });
  const port = Number(new URL(engines.redis.url).port);
  const client = await RespClient.open(port);
  try {
    await work(port, client);
    expect(await client.send("PING")).toBe("+PONG");
    expect(rssOf(engines.pid) ?? 0).toBeLessThan(maxRssBytes);
  } finally {
    client.close();
    await engines.close();
  }
}

export interface Answer {
  /** All that came back. */
  readonly text: string;
  /** Who closed: the engine, or nobody within the time. */
  readonly end: "closed" | "open";
}

/** Sends bytes on a connection of their own; waits for its end, or for silence. */
export function sendBytes(port: number, bytes: Buffer, quietMs = 150): Promise<Answer> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let text = "";
    let timer: NodeJS.Timeout;
    const end = (how: Answer["end"]): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, end: how });
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => end("open"), quietMs);
    };
    socket.on("connect", () => {
      socket.write(bytes, wait);
    });
    socket.on("data", (chunk: Buffer) => {
      // What a program would take as replies; a flood of them is not kept.
      if (text.length < 1 << 20) text += chunk.toString("latin1");
      wait();
    });
    socket.on("error", () => end("closed"));
    socket.on("close", () => end("closed"));
    wait();
  });
}

function request(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
}

/** Bytes that are no requests, or once were some. */
function broken(random: () => number, valid: () => string): Buffer {
  const int = (max: number): number => Math.floor(random() * max);
  if (random() < 0.25) return Buffer.from(Array.from({ length: 1 + int(300) }, () => int(256)));
  let bytes = Buffer.from(Array.from({ length: 1 + int(5) }, valid).join(""), "latin1");
  for (let changes = 1 + int(5); changes > 0 && bytes.length > 0; changes--) {
    const at = int(bytes.length);
    const piece = Buffer.from(
      ["\r\n", "*", "$", "-1", "99999999999", "\0", "*2\r\n", "$5\r\n", '"', "'", "\xff", ":1\r\n", "%1\r\n"][int(13)]!,
      "latin1",
    );
    const what = int(5);
    if (what === 0) bytes = bytes.subarray(0, at);
    else if (what === 1) bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
    else if (what === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + int(8))]);
    else if (what === 3) bytes[at] = int(256);
    else bytes = Buffer.concat([bytes, bytes.subarray(at)]);
  }
  return bytes;
}

/** Commands that end or hold the engine or the connection by what they are. */
const excluded = new Set(["shutdown", "debug", "monitor", "sync", "psync"]);

/**
 * Sends `count` pieces of broken bytes, ten connections at a time. The engine answers with replies or its protocol's
 * error and closes; it lives. The seed replays the bytes.
 */
export async function fuzzWire(count: number, seed: number): Promise<void> {
  const random = seeded(seed);
  const requests = new RandomCommands(seed);
  await withEngine(async (port, client) => {
    for (let sent = 0; sent < count; sent += 10) {
      const pieces = Array.from({ length: 10 }, () => broken(random, () => request(requests.next())));
      const answers = await Promise.all(pieces.map((piece) => sendBytes(port, piece)));
      for (const [at, { text, end }] of answers.entries()) {
        const about = `seed ${seed}, piece ${sent + at}: ${JSON.stringify(pieces[at]!.toString("latin1"))}`;
        expect(text, about).not.toContain("internal error");
        // A protocol error is the last that is said.
        const error = text.lastIndexOf("-ERR Protocol error: ");
        if (error >= 0 && text.indexOf("\r\n", error) === text.length - 2) expect(end, about).toBe("closed");
        if (text !== "") expect("+-:$*%~>_,#(=", about).toContain(text[0]);
      }
      // Mutations can make a SHUTDOWN or a pause; neither is likely, a lost engine would be.
      await client.send("CLIENT", "UNPAUSE");
      expect(await client.send("PING"), `seed ${seed}, after piece ${sent}`).toBe("+PONG");
    }
  });
}

const values = [
  "",
  "0",
  "1",
  "-1",
  "2",
  "10",
  "9223372036854775807",
  "-9223372036854775808",
  "18446744073709551615",
  "1e400",
  "nan",
  "inf",
  "-inf",
  "3.14",
  "a",
  "*",
  "$",
  "-",
  "+",
  "(",
  "[a",
  "(1",
  "0-0",
  "1-1",
  "\0\xff",
  "x".repeat(300),
  "%%",
  "s0",
  "l0",
  "h0",
  "t0",
  "z0",
  "x0",
  "g0",
  "p0",
  "none",
  "GET",
  "SET",
  "COUNT",
  "LIMIT",
  "WITHSCORES",
  "STREAMS",
  "BY",
  "MATCH",
  "STORE",
  "u8",
  "i64",
  "g1",
  "c1",
  "KEEPTTL",
  "NX",
  "XX",
  "EX",
  "PX",
  "BLOCK",
  "FROMMEMBER",
  "BYRADIUS",
  "km",
  "ASC",
  "WEIGHTS",
  "AGGREGATE",
  "SUM",
  "LEFT",
  "return 1",
  "return redis.call('get', KEYS[1])",
  "#!lua name=l\nredis.register_function('f', function() return 1 end)",
];

/**
 * Calls every command `rounds` times with arguments that are at the edges of what it takes; none may be answered with
 * an error that is the engine's own fault. Inside MULTI, so that nothing waits.
 */
export async function fuzzArguments(rounds: number, seed: number): Promise<void> {
  const random = seeded(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const names: { words: string[]; arity: number }[] = [];
  for (const command of commands().values()) {
    if (excluded.has(command.name)) continue;
    names.push({ words: [command.name], arity: Math.abs(command.arity) });
    for (const sub of command.subcommands?.values() ?? []) {
      if (/^(client\|(pause|kill|reply)|config\|set)$/.test(sub.fullName)) continue;
      names.push({ words: [command.name, sub.name], arity: Math.abs(sub.arity) });
    }
  }
  await withEngine(async (port) => {
    let client = await RespClient.open(port);
    const fill = [
      ["SET", "s0", "12"],
      ["RPUSH", "l0", "a", "1"],
      ["HSET", "h0", "a", "1", "b", "x"],
      ["SADD", "t0", "1", "2", "a"],
      ["ZADD", "z0", "1", "a", "2.5", "b"],
      ["XADD", "x0", "1-1", "a", "1"],
      ["XGROUP", "CREATE", "x0", "g1", "0"],
      ["GEOADD", "g0", "13.4", "52.5", "a"],
      ["PFADD", "p0", "a", "b"],
    ];
    for (let round = 0; round < rounds; round++) {
      for (const { words, arity } of names) {
        if (round % 4 === 0) await client.pipeline(fill).catch(() => []);
        const given = Math.max(0, arity - words.length) + Math.floor(random() * 5) - (random() < 0.1 ? 1 : 0);
        const args = [...words, ...Array.from({ length: Math.max(0, given) }, () => pick(values))];
        try {
          const replies = await client.pipeline([["MULTI"], args, ["EXEC"]]);
          expect(JSON.stringify(replies), `seed ${seed}: ${JSON.stringify(args)}`).not.toContain("internal error");
        } catch (error) {
          if (
            !(error as Error).message.startsWith("the connection was closed") &&
            !(error as Error).message.startsWith("no reply")
          )
            throw error;
        }
        // QUIT, RESET, HELLO and subscriptions change the connection itself.
        if (
          /^(quit|reset|hello|client|auth|p?subscribe|ssubscribe|p?unsubscribe|sunsubscribe|select)$/.test(words[0]!)
        ) {
          client.close();
          client = await RespClient.open(port);
          if (words[0] !== "select") continue;
        }
      }
      expect(await client.pipeline([["SELECT", "0"], ["PING"]]), `seed ${seed}, round ${round}`).toEqual([
        "+OK",
        "+PONG",
      ]);
    }
    client.close();
  });
}
