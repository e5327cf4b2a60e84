import type { EmittingClient } from "./link.js";
import type { OwnConnection } from "./own-connection.js";

/** The three ways to subscribe, by the command's name. */
export type SubscribeKind = "subscribe" | "psubscribe" | "ssubscribe";

/** Hears what comes over a channel, or over those that fit a pattern. */
export type Hear = (message: string, channel: string) => void;

/** The subscriptions of one connection. To subscribe again with the same `hear` changes nothing. */
export interface Subscriptions {
  subscribe(kind: SubscribeKind, channel: string, hear: Hear): Promise<unknown>;
  unsubscribe(kind: SubscribeKind, channel: string, hear: Hear): Promise<unknown>;
}

/** How to subscribe over a connection, by its driver. */
export function subscriptionsOf({ client, ioredis }: OwnConnection): Subscriptions {
  return ioredis ? ofIoredis(client) : ofNodeRedis(client);
}

function ofIoredis(client: EmittingClient): Subscriptions {
  const hearing = new Map<string, Hear>();
  // A pattern's messages have it first.
  for (const [event, kind] of [
    ["message", "subscribe"],
    ["smessage", "ssubscribe"],
    ["pmessage", "psubscribe"],
  ] as const)
    client.on(event, (...words: string[]) => hearing.get(`${kind} ${words[0]}`)?.(words.at(-1)!, words.at(-2)!));
  // ioredis 5 leaves a promise open when a sharded channel lies elsewhere, and only emits "moved".
  const pending = new Set<(reason: Error) => void>();
  client.on("moved", () => {
    for (const reject of pending) reject(new Error("The channel lies on another node."));
  });
  return {
    subscribe(kind, channel, hear) {
      hearing.set(`${kind} ${channel}`, hear);
      return new Promise((resolve, reject) => {
        pending.add(reject);
        (client[kind](channel) as Promise<unknown>).then(resolve, reject).finally(() => pending.delete(reject));
      });
    },
    async unsubscribe(kind, channel, hear) {
      const name = `${kind} ${channel}`;
      // Somebody may have subscribed again since.
      if (hearing.get(name) === hear) hearing.delete(name);
      return client[kind.replace("sub", "unsub")](channel);
    },
  };
}

const methods = {
  subscribe: ["subscribe", "unsubscribe"],
  psubscribe: ["pSubscribe", "pUnsubscribe"],
  ssubscribe: ["sSubscribe", "sUnsubscribe"],
} as const;

function ofNodeRedis(client: EmittingClient): Subscriptions {
  return {
    subscribe: async (kind, channel, hear) => client[methods[kind][0]](channel, hear),
    unsubscribe: async (kind, channel, hear) => client[methods[kind][1]](channel, hear),
  };
}
