import { type Client, connect } from "keyfold";
import { open, prefixOf, type Redis, type RedisClient, redis } from "keyfold/redis";
import { expect } from "vitest";
import model from "../../examples/online-retail/model.js";
import { keyfold, MODEL, start } from "../cli/keyfold.js";

/** The example's client on Redis: the same names as on MongoDB. */
export interface RedisShop extends Client<typeof model, Redis> {}

export interface LoadedRedisShop extends AsyncDisposable {
  readonly shop: RedisShop;
  readonly counts: Readonly<Record<"read" | "inserted" | "present" | "rejected", number>>;
  readonly url: string;
}

/**
 * The main job on Redis, as a person does it: `keyfold apply`, `keyfold load`. The engine is the embedded one in a process
 * of its own, or the server that `KEYFOLD_TEST_REDIS_URL` names.
 */
export async function loadedRedisShop(file: string): Promise<LoadedRedisShop> {
  const given = process.env["KEYFOLD_TEST_REDIS_URL"];
  const dev = given === undefined ? start(["dev", "--only", "redis", "--any-port", "--json"]) : undefined;
  const server = given ?? (JSON.parse(await dev!.line()) as { redis: string }).redis;
  const url = `${server}?prefix=main_job_${process.pid}_${Date.now().toString(36)}`;
  const applied = await keyfold(["apply", MODEL, "--to", url]);
  expect(applied.code, applied.stderr).toBe(0);
  const loaded = await keyfold(["load", MODEL, "line", file, "--to", url, "--json"]);
  expect(loaded.code, loaded.stderr).toBe(0);
  const client = await open(server);
  const prefix = prefixOf(url)!;
  const shop: RedisShop = connect(model, redis(client as unknown as RedisClient, { prefix }));
  return {
    shop,
    counts: JSON.parse(loaded.stdout) as LoadedRedisShop["counts"],
    url,
    async [Symbol.asyncDispose]() {
      await shop.$close();
      if (dev === undefined) {
        for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 })) {
          if (keys.length > 0) await client.unlink(keys);
        }
        await client.sendCommand(["FUNCTION", "DELETE", `keyfold_${prefix.replaceAll("_", "_5f_")}`]);
      }
      client.destroy();
      dev?.child.kill("SIGTERM");
      await dev?.ended;
    },
  };
}
