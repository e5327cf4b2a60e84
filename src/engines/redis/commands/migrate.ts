import { connect } from "node:net";
import type { Client } from "../client.js";
import { NOTIFY_GENERIC } from "../data/database.js";
import type { Entry } from "../data/entry.js";
import { dumpValue } from "../data/rdb-write.js";
import { finishLater } from "../execute.js";
import { requestText } from "../persistence/request-text.js";
import { ErrorReply, err, NO_REPLY, OK, type Reply, Status, SYNTAX } from "../protocol/reply.js";
import { long } from "./arguments.js";

interface Options {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly timeoutMs: number;
  readonly copy: boolean;
  readonly replace: boolean;
  readonly login: readonly string[] | undefined;
  readonly keys: readonly string[];
}

/** Where the keys are: the third argument, or behind KEYS. */
export function migrateKeys(args: readonly string[]): number[] {
  if (args[3] !== "") return [3];
  for (let at = 6; at < args.length; at++) {
    const option = args[at]!.toUpperCase();
    if (option === "AUTH") at++;
    else if (option === "AUTH2") at += 2;
    else if (option === "KEYS") return Array.from({ length: args.length - at - 1 }, (_, i) => at + 1 + i);
  }
  return [];
}

function parse(a: readonly string[]): Options {
  let copy = false;
  let replace = false;
  let login: string[] | undefined;
  let keys = [a[3]!];
  for (let at = 6; at < a.length; at++) {
    const option = a[at]!.toUpperCase();
    const left = a.length - at - 1;
    if (option === "COPY") copy = true;
    else if (option === "REPLACE") replace = true;
    else if (option === "AUTH" && left >= 1) login = ["AUTH", a[++at]!];
    else if (option === "AUTH2" && left >= 2) {
      login = ["AUTH", a[at + 1]!, a[at + 2]!];
      at += 2;
    } else if (option === "KEYS") {
      if (a[3] !== "") {
        throw err("When using MIGRATE KEYS option, the key argument must be set to the empty string");
      }
      keys = a.slice(at + 1);
      break;
    } else throw SYNTAX;
  }
  const timeoutMs = long(a[5]!);
  const db = long(a[4]!);
  return {
    host: a[1]!,
    port: long(a[2]!),
    db,
    timeoutMs: timeoutMs > 0 ? timeoutMs : 1000,
    copy,
    replace,
    login,
    keys,
  };
}

class Unreachable extends Error {}

/** Sends requests that are answered with one line each; gives the lines. */
function ask({ host, port, timeoutMs }: Options, requests: readonly string[][]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let text = "";
    let connected = false;
    const fail = (): void => {
      socket.destroy();
      reject(
        new Unreachable(
          connected ? "error or timeout reading to target instance" : "error or timeout connecting to the client",
        ),
      );
    };
    socket.setTimeout(timeoutMs, fail);
    socket.on("error", fail);
    socket.on("close", fail);
    socket.on("connect", () => {
      connected = true;
      socket.write(requests.map((args) => requestText(args)).join(""), "latin1");
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const lines = text.split("\r\n");
      if (lines.length <= requests.length) return;
      socket.removeListener("close", fail);
      socket.destroy();
      resolve(lines.slice(0, requests.length));
    });
  });
}

/**
 * Moves keys to another server: dumps them, has them restored there, and removes them here. Redis holds all other
 * clients meanwhile; here they go on, and a key that changes on the way stays.
 */
export function migrate(c: Client, a: string[]): Reply {
  const options = parse(a);
  const { db, server } = c;
  const found = options.keys.flatMap((key) => {
    const entry = db.read(key);
    return entry === undefined ? [] : [{ entry, dump: dumpValue(entry), expireAt: entry.expireAt }];
  });
  if (found.length === 0) return new Status("NOKEY");
  if (c.denyBlocking) return err("MIGRATE cannot wait for the other server inside a transaction or a script here");
  const requests = [
    ...(options.login === undefined ? [] : [[...options.login]]),
    ["SELECT", String(options.db)],
    ...found.map(({ entry, dump, expireAt }) => {
      const ttl = expireAt === 0 ? 0 : Math.max(1, expireAt - server.now);
      return ["RESTORE", entry.key, String(ttl), dump, ...(options.replace ? ["REPLACE"] : [])];
    }),
  ];
  const command = c.lastCommand!;
  const started = performance.now();
  void ask(options, requests)
    .then(
      (lines) => finish(c, options, found, lines),
      (error: Error) => new ErrorReply(`IOERR ${error.message}`),
    )
    .then((reply) => {
      finishLater(server, c, command, a, reply, (performance.now() - started) * 1000);
    });
  return server.blocking.wait(c, {
    kind: "delayed",
    keys: [],
    db,
    deadline: 0,
    onTimeout: NO_REPLY,
    onGone: false,
    args: a,
    command,
  });
}

function finish(
  c: Client,
  { copy, login }: Options,
  found: readonly { entry: Entry; dump: string; expireAt: number }[],
  lines: readonly string[],
): Reply {
  const { server } = c;
  const { db } = c;
  server.now = server.clock.now();
  const before = (login === undefined ? 0 : 1) + 1;
  const refused = (line: string): ErrorReply => err(`Target instance replied with error: ${line.slice(1)}`);
  for (const line of lines.slice(0, before)) if (line.startsWith("-")) return refused(line);
  let reply: Reply = OK;
  for (const [at, { dump, entry, expireAt }] of found.entries()) {
    const line = lines[before + at]!;
    if (line.startsWith("-")) {
      reply = refused(line);
      continue;
    }
    if (copy) continue;
    if (db.map.get(entry.key) !== entry || entry.expireAt !== expireAt || dumpValue(entry) !== dump) {
      reply = new ErrorReply(`IOERR the key ${entry.key} changed on its way: it is on both servers`);
      continue;
    }
    db.delete(entry);
    server.dirty++;
    server.notify(NOTIFY_GENERIC, "del", entry.key, db);
    db.signal(entry.key, c);
    server.propagateExtra(db, ["DEL", entry.key]);
  }
  return reply;
}
