import { notSent } from "./errors.js";
import { slotOf } from "./keys.js";
import type { EmittingClient, Link, RedisArgument } from "./link.js";

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

/**
 * A connection of a pattern's own to one server, for what would hold up the user's: subscriptions and blocking reads.
 * It does not reconnect: when it ends, whoever uses it opens another and knows that something may have been missed.
 */
export interface OwnConnection {
  send(command: string, args: RedisArgument[]): Promise<unknown>;
  subscribe(kind: SubscribeKind, channel: string): Promise<unknown>;
  unsubscribe(kind: SubscribeKind, channel: string): Promise<unknown>;
  /** Called once. */
  onEnd(listener: () => void): void;
  close(): void;
}

/** Where on a Cluster a connection goes: to an address (host:port), to the node of a key's slot, or to any node. */
export interface OwnTarget {
  readonly address?: string | undefined;
  readonly key?: string | undefined;
}

/** Opens a connection with the settings of the user's client. */
export async function openOwn(link: Link, onMessage: OnMessage, target: OwnTarget = {}): Promise<OwnConnection> {
  const { kind, client } = link;
  // Both Cluster clients keep a table of slots, each in a form of its own.
  const slot = link.cluster && target.key !== undefined ? client["slots"]?.[slotOf(target.key)] : undefined;
  const address: string | undefined = target.address ?? (Array.isArray(slot) ? slot[0] : slot?.master?.address);
  switch (kind) {
    case "ioredis":
      return ownIoredis(client, onMessage);
    case "ioredis-cluster": {
      const nodes = client["nodes"]("master") as EmittingClient[];
      return ownIoredis(
        pick(nodes, ({ options }) => `${options.host}:${options.port}`, address),
        onMessage,
      );
    }
    case "node-redis":
      return ownNodeRedis(client, onMessage);
    case "node-redis-cluster": {
      const node = pick(client["masters"] as EmittingClient[], (each) => each["address"] as string, address);
      return ownNodeRedis(await client["nodeClient"](node), onMessage);
    }
    case "node-redis-sentinel":
      return ownSentinel(client, onMessage);
    default:
      return kind satisfies never;
  }
}

function pick<T>(nodes: readonly T[], addressOf: (node: T) => string, address: string | undefined): T {
  const node = nodes.find((each) => addressOf(each) === address) ?? nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw notSent("The Cluster client knows no node.");
  return node;
}

/** The channel by which a connection that speaks RESP2 is told of keys. */
const INVALIDATE = "__redis__:invalidate";

/**
 * Has the server tell a connection of every key that begins with `prefix`. Over RESP2, which every driver and version
 * can speak, such news are redirected to a connection that subscribes; here to the one that asks.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
async function track(send: OwnConnection["send"], prefix: string): Promise<void> {
  const id = String(await send("CLIENT", ["ID"]));
  await send("CLIENT", ["TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix]);
}

/** Hands on the keys that changed; null are all. */
function tellKeys(onMessage: OnMessage, prefix: string, keys: readonly unknown[] | null): void {
  for (const key of keys ?? [""]) onMessage("track", prefix, String(key), "");
}

/** Calls its listeners once. */
class Ending {
  #over = false;
  #listeners: (() => void)[] = [];

  readonly end = (): void => {
    if (this.#over) return;
    this.#over = true;
    for (const listener of this.#listeners) listener();
  };

  add(listener: () => void): void {
    if (this.#over) listener();
    else this.#listeners.push(listener);
  }
}

async function ownIoredis(client: EmittingClient, onMessage: OnMessage): Promise<OwnConnection> {
  const copy: EmittingClient = client["duplicate"]({
    lazyConnect: true,
    retryStrategy: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    enableAutoPipelining: false,
    enableOfflineQueue: true,
    commandTimeout: undefined,
    socketTimeout: undefined,
    readOnly: false,
    protocol: 2,
  });
  const ending = new Ending();
  copy.on("error", () => {});
  copy.on("end", ending.end);
  copy.on("close", ending.end);
  copy.on("message", (channel: string, message: string) => onMessage("subscribe", channel, channel, message));
  copy.on("smessage", (channel: string, message: string) => onMessage("ssubscribe", channel, channel, message));
  copy.on("pmessage", (pattern: string, channel: string, message: string) =>
    onMessage("psubscribe", pattern, channel, message),
  );
  await copy["connect"]();
  const send: OwnConnection["send"] = (command, args) => copy["call"](command, args);
  return {
    send,
    async subscribe(kind, channel) {
      if (kind === "track") {
        await track(send, channel);
        copy.on("messageBuffer", (_: Buffer, keys: Buffer[] | null) => tellKeys(onMessage, channel, keys));
        return copy["subscribe"](INVALIDATE);
      }
      // ioredis 5 leaves a promise open when a sharded channel lies elsewhere, and only emits "moved".
      return Promise.race([
        copy[kind](channel),
        new Promise((_, reject) => copy.on("moved", () => reject(new Error("The channel lies on another node.")))),
      ]);
    },
    unsubscribe: (kind, channel) => copy[kind.replace("sub", "unsub")](channel),
    onEnd: (listener) => ending.add(listener),
    close: () => copy["disconnect"](),
  };
}

const methods = { subscribe: "subscribe", psubscribe: "pSubscribe", ssubscribe: "sSubscribe", track: "" } as const;

function nodeRedisSubscriptions(client: EmittingClient, onMessage: OnMessage) {
  return {
    async subscribe(kind: SubscribeKind, channel: string): Promise<unknown> {
      if (kind === "track") {
        await track((command, args) => client["sendCommand"]([command, ...args]), channel);
        return client["subscribe"](INVALIDATE, (keys: string[] | null) => tellKeys(onMessage, channel, keys));
      }
      return client[methods[kind]](channel, (message: string, from: string) => onMessage(kind, channel, from, message));
    },
    unsubscribe: (kind: SubscribeKind, channel: string): Promise<unknown> =>
      client[methods[kind].replace(/s(?=ubscribe)/i, (s) => (s === "s" ? "uns" : "Uns"))](channel),
  };
}

async function ownNodeRedis(client: EmittingClient, onMessage: OnMessage): Promise<OwnConnection> {
  const socket = { ...client["options"]?.socket, reconnectStrategy: false };
  const copy: EmittingClient = client["duplicate"]({
    socket,
    disableOfflineQueue: false,
    // What needs RESP3 is refused without it.
    ...{ RESP: 2, clientSideCache: undefined, emitInvalidate: undefined, maintNotifications: "disabled" },
  });
  const ending = new Ending();
  copy.on("error", ending.end);
  copy.on("end", ending.end);
  await copy["connect"]();
  return {
    send: (command, args) => copy["sendCommand"]([command, ...args]),
    ...nodeRedisSubscriptions(copy, onMessage),
    onEnd: (listener) => ending.add(listener),
    close() {
      ending.end();
      try {
        copy["destroy"]();
      } catch {
        // It was closed already, which is what was wanted.
      }
    },
  };
}

/** The Sentinel client of node-redis follows the master with subscriptions of its own; a new topology may have cost messages. */
async function ownSentinel(client: EmittingClient, onMessage: OnMessage): Promise<OwnConnection> {
  const ending = new Ending();
  client.on("topology-change", ending.end);
  const taken: [SubscribeKind, string][] = [];
  const { subscribe, unsubscribe } = nodeRedisSubscriptions(client, onMessage);
  return {
    send: (command, args) => client["sendCommand"](false, [command, ...args]),
    subscribe(kind, channel) {
      taken.push([kind, channel]);
      return subscribe(kind, channel);
    },
    unsubscribe,
    onEnd: (listener) => ending.add(listener),
    close() {
      client.off("topology-change", ending.end);
      for (const [kind, channel] of taken) unsubscribe(kind, channel).catch(() => {});
      ending.end();
    },
  };
}
