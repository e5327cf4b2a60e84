import { afterEach, describe, expect, it } from "vitest";
import { RandomCommands } from "../../../test/redis/random-commands.js";
import { RespClient } from "../../../test/redis/resp-client.js";
import type { RunningEngine } from "../engine.js";
import { Client } from "./client.js";
import { TYPE_SET } from "./data/entry.js";
import { dumpValue } from "./data/rdb-write.js";
import type { SetData } from "./data/set.js";
import { call, lookup } from "./execute.js";
import type { Change } from "./propagation.js";
import { ErrorReply } from "./protocol/reply.js";
import { openRedis } from "./server.js";
import type { RedisServer } from "./state.js";

const open: RunningEngine[] = [];

afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close();
});

async function start(): Promise<{ engine: RunningEngine; server: RedisServer }> {
  const started = await openRedis({ clock: { now: () => 1_700_000_000_000 } });
  open.push(started.engine);
  return started;
}

/** Runs changes as an append-only file's reader would. */
function replay(server: RedisServer, changes: readonly Change[]): void {
  const client = new Client(server, 0, undefined, server.dbs[0]!);
  client.trusted = true;
  client.authenticated = true;
  client.denyBlocking = true;
  for (const { db, args } of changes) {
    client.db = server.dbs[db]!;
    const command = lookup(server, args);
    if (command instanceof ErrorReply) throw new Error(command.text);
    client.lastCommand = command;
    const reply = call(server, client, command, [...args]);
    if (reply instanceof ErrorReply) throw new Error(`${args.join(" ")}: ${reply.text}`);
  }
}

/** All data, in a form that does not tell in which order a set's members came. */
function contents(server: RedisServer): Record<string, string> {
  const out: Record<string, string> = {};
  for (const db of server.dbs) {
    for (const entry of db.entries()) {
      const value = entry.type === TYPE_SET ? [...(entry.value as SetData).items].sort().join("|") : dumpValue(entry);
      out[`${db.index} ${entry.key} ${entry.type} ${entry.expireAt}`] = value;
    }
  }
  return out;
}

describe("propagation", () => {
  it.each([1, 2, 3, 4, 5, 6])("repeats every change of random requests (seed %i)", async (seed) => {
    const source = await start();
    const target = await start();
    const changes: Change[] = [];
    source.server.propagator = { write: (some) => void changes.push(...some) };
    const client = await RespClient.open(source.engine.port);
    const random = new RandomCommands(seed);
    for (let i = 0; i < 400; i++) {
      const { count, transaction } = random.shape();
      const body = Array.from({ length: count }, () => random.next());
      await client.pipeline(transaction ? [["MULTI"], ...body, ["EXEC"]] : body);
      // What is a matter of chance on the source must be none in the repetition.
      if (i % 20 === 0)
        await client.pipeline([
          ["SPOP", `t${i % 3}`],
          ["SPOP", `t${i % 3}`, "2"],
          ["XADD", "x0", "*", "f", "v"],
        ]);
    }
    client.close();
    expect(changes.length).toBeGreaterThan(300);
    replay(target.server, changes);
    expect(contents(target.server)).toEqual(contents(source.server));
  });

  it("hands a transaction over as a whole, and a served wait as what it did", async () => {
    const { engine, server } = await start();
    const writes: (readonly Change[])[] = [];
    server.propagator = { write: (some) => void writes.push(some) };
    const waiter = await RespClient.open(engine.port);
    const client = await RespClient.open(engine.port);
    const popped = waiter.send("BLPOP", "list", "5");
    await client.send("PING");
    await client.pipeline([["MULTI"], ["SET", "a", "1"], ["INCR", "a"], ["EXEC"]]);
    await client.send("RPUSH", "list", "x");
    expect(await popped).toEqual(["*", "$list", "$x"]);
    await client.send("SET", "b", "1", "EX", "100");
    expect(writes[0]!.map(({ args }) => args.join(" "))).toEqual(["SET a 1", "INCR a"]);
    expect(writes.slice(1, 3).flatMap((some) => some.map(({ args }) => args.join(" ")))).toEqual([
      "RPUSH list x",
      "LPOP list",
    ]);
    expect(writes[3]![0]!.args.slice(0, 4)).toEqual(["SET", "b", "1", "PXAT"]);
    waiter.close();
    client.close();
  });
});
