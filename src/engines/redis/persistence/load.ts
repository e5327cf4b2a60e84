import { existsSync } from "node:fs";
import { open, readFile, truncate } from "node:fs/promises";
import { KeyfoldError } from "../../../internal/errors.js";
import { Client } from "../client.js";
import { BadData } from "../data/rdb-read.js";
import { call, lookup } from "../execute.js";
import { allCommands } from "../info/info.js";
import { ErrorReply } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";
import type { LogFolder } from "./log-folder.js";
import { readLog } from "./log-reader.js";
import { isRdb, rdbHeadBytes, readRdbFile } from "./rdb-file.js";

const REPAIR = "Restore the folder from a copy, or repair it with redis-check-aof --fix and the manifest's name.";

/** Runs what files hold. */
class Loader {
  readonly #server: RedisServer;
  readonly #client: Client;
  #errors = 0;
  #firstError = "";

  constructor(server: RedisServer) {
    this.#server = server;
    const client = new Client(server, 0, undefined, server.dbs[0]!);
    client.trusted = true;
    client.authenticated = true;
    client.denyBlocking = true;
    this.#client = client;
  }

  /** Reads a file of all keys; the place at which it ends. */
  async rdb(path: string, dropExpired: boolean): Promise<number> {
    try {
      return readRdbFile(this.#client, await readFile(path), dropExpired);
    } catch (error) {
      if (error instanceof KeyfoldError) throw error;
      const reason = error instanceof BadData ? error.message : String((error as Error).message);
      throw new KeyfoldError("INPUT_INVALID", `The file ${path} cannot be read: ${reason}.`, {
        cause: error,
        fix: "Let the server that wrote it write commands in its place: CONFIG SET aof-use-rdb-preamble no, then BGREWRITEAOF.",
      });
    }
  }

  /** Reads a file of commands; one whose end is torn is repaired when it is the last. */
  async commands(path: string, from: number, last: boolean): Promise<void> {
    const client = this.#client;
    client.db = this.#server.dbs[0]!;
    let whole = from;
    let transaction: string[][] | undefined;
    const end = await readLog(path, from, (args, next) => {
      const name = args[0]!.toUpperCase();
      if (name === "MULTI") transaction = [];
      else if (name === "EXEC" && transaction !== undefined) {
        for (const one of transaction) this.#run(one, path);
        transaction = undefined;
      } else if (transaction !== undefined) transaction.push(args);
      else this.#run(args, path);
      if (transaction === undefined) whole = next;
    });
    if (end.kind === "damaged") {
      throw new KeyfoldError("INPUT_INVALID", `The append-only file ${path} is damaged at byte ${end.at}.`, {
        fix: REPAIR,
        data: { path, at: end.at },
      });
    }
    if (end.kind === "whole" && transaction === undefined) return;
    if (!last) {
      throw new KeyfoldError("INPUT_INVALID", `The append-only file ${path} ends too soon, and is not the last.`, {
        fix: REPAIR,
        data: { path, at: whole },
      });
    }
    await truncate(path, whole);
    this.#server.log(
      "warning",
      transaction === undefined
        ? `The end of ${path} was torn: it was cut after byte ${whole}, where its last whole command ends.`
        : `The end of ${path} held a part of a transaction: it was cut after byte ${whole}, before that transaction.`,
    );
  }

  #run(request: string[], path: string): void {
    const server = this.#server;
    const client = this.#client;
    const args = plain(request);
    const command = lookup(server, args);
    if (command instanceof ErrorReply) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `The file ${path} holds a command that this engine does not have: ${args[0]}.`,
        {
          fix: "It was written by a newer server, or by one with modules. Name another folder.",
          data: { path, command: args[0] },
        },
      );
    }
    client.lastCommand = command;
    const reply = call(server, client, command, args);
    if (reply instanceof ErrorReply) {
      this.#errors++;
      if (this.#firstError === "") this.#firstError = `${args[0]}: ${reply.text}`;
    }
  }

  /** Says what went wrong, and forgets what reading has counted. */
  done(): void {
    const server = this.#server;
    if (this.#errors > 0) {
      server.log(
        "warning",
        `${this.#errors} commands of the append-only file failed; the first was ${this.#firstError}`,
      );
    }
    for (const { stats } of allCommands(server)) stats.reset();
    server.stats.reset();
    server.slowlog.clear();
    server.latency.clear();
    server.dirty = 0;
  }
}

/**
 * Fills the server with what a folder holds: the append-only log, or where there is none (or it is off) a file that SAVE
 * wrote. Tells
 * where it came from.
 *
 * @throws KeyfoldError INPUT_INVALID when the files cannot be read as a whole
 */
export async function loadData(
  server: RedisServer,
  folder: LogFolder | undefined,
  rdbPath: string,
): Promise<"log" | "snapshot" | "nothing"> {
  const loader = new Loader(server);
  server.loading = true;
  try {
    if (folder === undefined || !folder.exists) {
      if (!existsSync(rdbPath)) return "nothing";
      await loader.rdb(rdbPath, true);
      return "snapshot";
    }
    const { files } = folder;
    for (const [at, { name }] of files.entries()) {
      const path = folder.pathOf(name);
      if (!existsSync(path)) {
        throw new KeyfoldError("INPUT_INVALID", `The manifest names ${path}, which is not there.`, { fix: REPAIR });
      }
      await loader.commands(
        path,
        (await beginsAsRdb(path)) ? await loader.rdb(path, false) : 0,
        at === files.length - 1,
      );
    }
    return "log";
  } finally {
    server.loading = false;
    loader.done();
  }
}

/** What newer servers write for a command that this one has: Redis 8.2 notes HINCRBYFLOAT as HSETEX. */
function plain(args: string[]): string[] {
  const [name, key, keep, fields] = args;
  if (name?.toUpperCase() !== "HSETEX" || keep?.toUpperCase() !== "KEEPTTL" || fields?.toUpperCase() !== "FIELDS") {
    return args;
  }
  return ["HSET", key!, ...args.slice(5)];
}

async function beginsAsRdb(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const head = Buffer.alloc(rdbHeadBytes);
    await file.read(head, 0, rdbHeadBytes, 0);
    return isRdb(head);
  } finally {
    await file.close();
  }
}
