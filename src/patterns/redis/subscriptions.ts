import type { OwnConnection } from "./own-connection.js";

/**
 * The three ways to subscribe, by the command's name; and `track`: to the keys that begin with a text, as they change,
 * expire or are evicted.
 */
export type SubscribeKind = "subscribe" | "psubscribe" | "ssubscribe" | "track";

/**
 * What a subscription hears. `subscribed`: the channel, pattern or text as it was asked for; `channel`: for `track` the
 * key, "" for all of them.
 */
export type OnMessage = (kind: SubscribeKind, subscribed: string, channel: string, message: string) => void;

/** The subscriptions of one connection. */
export interface Subscriptions {
  subscribe(kind: SubscribeKind, channel: string): Promise<unknown>;
  unsubscribe(kind: SubscribeKind, channel: string): Promise<unknown>;
}

/** The channel by which a connection that speaks RESP2 is told of keys. */
const INVALIDATE = "__redis__:invalidate";

/**
 * Has the server tell a connection of every key that begins with `prefix`. Over RESP2, which every driver and version
 * can speak, such news are redirected to a connection that subscribes; here to the one that asks.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
async function track(connection: OwnConnection, prefix: string): Promise<void> {
  const id = String(await connection.send("CLIENT", ["ID"]));
  await connection.send("CLIENT", ["TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix]);
}

/** Hands on the keys that changed; null are all. */
function tellKeys(onMessage: OnMessage, prefix: string, keys: readonly unknown[] | null): void {
  for (const key of keys ?? [""]) onMessage("track", prefix, String(key), "");
}

/** How to subscribe over a connection, by its driver. */
export function subscriptionsOf(connection: OwnConnection, onMessage: OnMessage): Subscriptions {
  return connection.ioredis ? ofIoredis(connection, onMessage) : ofNodeRedis(connection, onMessage);
}

function ofIoredis(connection: OwnConnection, onMessage: OnMessage): Subscriptions {
  const { client } = connection;
  client.on("message", (channel: string, message: string) => onMessage("subscribe", channel, channel, message));
  client.on("smessage", (channel: string, message: string) => onMessage("ssubscribe", channel, channel, message));
  client.on("pmessage", (pattern: string, channel: string, message: string) =>
    onMessage("psubscribe", pattern, channel, message),
  );
  return {
    async subscribe(kind, channel) {
      if (kind === "track") {
        await track(connection, channel);
        client.on("messageBuffer", (_: Buffer, keys: Buffer[] | null) => tellKeys(onMessage, channel, keys));
        return client["subscribe"](INVALIDATE);
      }
      // ioredis 5 leaves a promise open when a sharded channel lies elsewhere, and only emits "moved".
      return Promise.race([
        client[kind](channel),
        new Promise((_, reject) => client.on("moved", () => reject(new Error("The channel lies on another node.")))),
      ]);
    },
    unsubscribe: (kind, channel) => client[kind.replace("sub", "unsub")](channel),
  };
}

const methods = { subscribe: "subscribe", psubscribe: "pSubscribe", ssubscribe: "sSubscribe", track: "" } as const;

function ofNodeRedis(connection: OwnConnection, onMessage: OnMessage): Subscriptions {
  const { client } = connection;
  const taken: [SubscribeKind, string][] = [];
  const unsubscribe: Subscriptions["unsubscribe"] = (kind, channel) =>
    client[methods[kind].replace(/s(?=ubscribe)/i, (s) => (s === "s" ? "uns" : "Uns"))](channel);
  // A client that is shared outlives its subscriptions.
  connection.onEnd(() => {
    if (client["isOpen"] !== true) return;
    for (const [kind, channel] of taken) unsubscribe(kind, channel).catch(() => {});
  });
  return {
    async subscribe(kind, channel) {
      if (kind === "track") {
        await track(connection, channel);
        return client["subscribe"](INVALIDATE, (keys: string[] | null) => tellKeys(onMessage, channel, keys));
      }
      taken.push([kind, channel]);
      return client[methods[kind]](channel, (message: string, from: string) => onMessage(kind, channel, from, message));
    },
    unsubscribe,
  };
}
