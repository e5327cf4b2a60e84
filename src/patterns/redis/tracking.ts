import type { OwnConnection } from "./own-connection.js";

/** Has the server tell of every key that begins with `prefix` and changes; "" are all keys. */
export type Track = (connection: OwnConnection, prefix: string, tell: (key: string) => void) => Promise<unknown>;

/** The channel by which a connection that speaks RESP2 is told of keys. */
const INVALIDATE = "__redis__:invalidate";

/**
 * Tracking of keys by the server. Over RESP2, which every driver and version can speak, its news are redirected to a
 * connection that subscribes; here to the one that asks.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
export const track: Track = async (connection, prefix, tell) => {
  const { client, ioredis } = connection;
  const hear = (keys: readonly unknown[] | null) => {
    for (const key of keys ?? [""]) tell(String(key));
  };
  const id = String(await connection.send("CLIENT", ["ID"]));
  await connection.send("CLIENT", ["TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix]);
  if (!ioredis) return client["subscribe"](INVALIDATE, hear);
  client.on("messageBuffer", (_: Buffer, keys: Buffer[] | null) => hear(keys));
  return client["subscribe"](INVALIDATE);
};
