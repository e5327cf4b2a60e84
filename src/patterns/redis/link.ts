import { KeyfoldError } from "../../internal/errors.js";

/** What a Redis command is made of. */
export type RedisArgument = string | Buffer;

/**
 * A Redis client of the user's: `Redis` or `Cluster` of ioredis 5 or 6 (Sentinel included), or what `createClient`,
 * `createCluster` or `createSentinel` of redis (node-redis) 5 or 6 give. It is accepted by its shape.
 */
export type RedisClient = IoredisClient | NodeRedisClient;

/** What keyfold calls of ioredis. */
export interface IoredisClient {
  readonly status: string;
  readonly isCluster: boolean;
  call(command: string, args: RedisArgument[]): Promise<unknown>;
  callBuffer(command: string, args: RedisArgument[]): Promise<unknown>;
  duplicate(...args: never[]): unknown;
}

/** What keyfold calls of node-redis. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  sendCommand(...args: never[]): Promise<unknown>;
  connect(): Promise<unknown>;
}

/** Which driver, and which of its clients. */
export type LinkKind = "ioredis" | "ioredis-cluster" | "node-redis" | "node-redis-cluster" | "node-redis-sentinel";

/** A client as the patterns see it: one way to send a command, and what it does with it when a connection breaks. */
export interface Link {
  readonly kind: LinkKind;
  /** Keys of one script or command must lie in one slot. */
  readonly cluster: boolean;
  /** The client sends a command again by itself when its connection broke before the answer came. */
  readonly resends: boolean;
  /** What the client itself puts before keys, but not before channels and in the arguments of CLIENT TRACKING. */
  readonly keyPrefix: string;
  /** How often its connection was closed; undefined where the client does not tell. */
  cuts(): number | undefined;
  /** A command would be written now, not queued. */
  ready(): boolean;
  /** Calls `listener` once, when the client becomes ready. The result takes it back. */
  onceReady(listener: () => void): () => void;
  /** Sends a command that touches the slot of `key` (none: any node). `bytes`: strings come back as buffers. */
  send(key: string | undefined, command: string, args: RedisArgument[], bytes: boolean): Promise<unknown>;
  /** Asks whether the server is back; on a Cluster any node of it. */
  ping(): Promise<unknown>;
  /** A node did not answer: a client that would wait for it is told to ask the others whose its slots are now. */
  rediscover(): void;
  /** The client itself, for what only one driver has. */
  readonly client: EmittingClient;
}

/** The events and the pub/sub methods of either driver. */
export interface EmittingClient {
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: two drivers, four versions; each caller names what it calls
  readonly [method: string]: any;
}

/** Makes a {@link Link} of a user's client. */
export function linkOf(client: RedisClient): Link {
  const shape = client as unknown as EmittingClient;
  if (shape !== null && typeof shape === "object") {
    if (typeof shape["call"] === "function" && typeof shape["status"] === "string") return ioredisLink(shape);
    if (typeof shape["sendCommand"] === "function" && typeof shape["isOpen"] === "boolean") return nodeRedisLink(shape);
  }
  throw new KeyfoldError("INPUT_INVALID", "This is no Redis client that keyfold knows.", {
    fix: "Pass a client of ioredis 5 or 6, or of redis (node-redis) 5 or 6.",
  });
}

/** Refuses what does not find its keys again under ioredis' `keyPrefix`. */
export function refuseKeyPrefix({ keyPrefix }: Link, what: string): void {
  if (keyPrefix === "") return;
  throw new KeyfoldError("INPUT_INVALID", `${what} cannot be used with ioredis' keyPrefix, here "${keyPrefix}".`, {
    fix: "Leave keyPrefix out, and begin the pattern's own prefix with it instead.",
  });
}

function listenOnce(client: EmittingClient, event: string, listener: () => void): () => void {
  const once = () => {
    client.off(event, once);
    listener();
  };
  client.on(event, once);
  return () => client.off(event, once);
}

/**
 * ioredis sends unanswered commands again when it has reconnected: `autoResendUnfulfilledCommands`, on unless it was
 * switched off; with `maxRetriesPerRequest: 0` it rejects them at once. Its Cluster retries on closed connections too.
 */
function ioredisLink(client: EmittingClient): Link {
  const cluster = client["isCluster"] === true;
  const options = client["options"] ?? {};
  let cuts = 0;
  if (!cluster) client.on("close", () => cuts++);
  return {
    kind: cluster ? "ioredis-cluster" : "ioredis",
    cluster,
    keyPrefix: String(options.keyPrefix ?? ""),
    resends: cluster || (options.autoResendUnfulfilledCommands !== false && options.maxRetriesPerRequest !== 0),
    client,
    cuts: () => (cluster ? undefined : cuts),
    ready: () => client["status"] === "ready",
    onceReady(listener) {
      if (client["status"] === "wait") client["connect"]().catch(() => {});
      return listenOnce(client, "ready", listener);
    },
    send: (_key, command, args, bytes) => (bytes ? client["callBuffer"](command, args) : client["call"](command, args)),
    ping: () => client["call"]("PING", []),
    rediscover() {}, // it does so by itself
  };
}

/** The Cluster and Sentinel clients of node-redis 5 have no event for it. */
function watchReady(ready: () => boolean, listener: () => void): () => void {
  const timer = setInterval(() => {
    if (!ready()) return;
    clearInterval(timer);
    listener();
  }, 20);
  return () => clearInterval(timer);
}

/** No more often than this is a Cluster client told to look again. */
const REDISCOVER_MS = 500;

/**
 * node-redis' Cluster client asks where slots lie only when a node that lives says MOVED (6: also after five seconds).
 * There is no public way to tell it to; where this one is gone, it goes on as it does by itself. Its PING waits for all
 * nodes, so that one which is away is enough to never hear of the others.
 */
function nodeRedisCluster(client: EmittingClient): Pick<Link, "ping" | "rediscover"> {
  let next = 0;
  const living = (): EmittingClient | undefined => {
    const nodes = (client["masters"] as EmittingClient[]).filter(({ client: node }) => node?.isReady);
    return nodes[Math.floor(Math.random() * nodes.length)]?.["client"];
  };
  const rediscover = (): void => {
    const now = performance.now();
    if (now < next) return;
    next = now + REDISCOVER_MS;
    const node = living();
    if (node !== undefined) client["_slots"]?.rediscover?.(node)?.catch(() => {});
  };
  return {
    rediscover,
    ping() {
      rediscover();
      return living()?.["sendCommand"](["PING"]) ?? Promise.reject();
    },
  };
}

/**
 * Without node-redis 6's own time for a command (5 s), kept by a timer and a signal for each: every call has a deadline
 * already. Its Cluster client alone needs it, to forget what it has queued for a node that is away.
 */
const untimed = { timeout: 0 };
/** RESP's mark of a bulk string; mapped to Buffer, node-redis hands out bytes. */
const asBytes = { typeMapping: { 36: Buffer } };
const untimedBytes = { ...untimed, ...asBytes };

/**
 * node-redis rejects what was in flight when a connection broke; its Sentinel client tries again while the node is not
 * ready.
 */
function nodeRedisLink(client: EmittingClient): Link {
  const sentinel = typeof client["acquire"] === "function";
  const cluster = !sentinel && typeof client["nodeClient"] === "function";
  const send: Link["send"] = cluster
    ? (key, command, args, bytes) => client["sendCommand"](key, false, [command, ...args], bytes ? asBytes : undefined)
    : sentinel
      ? (_key, command, args, bytes) => client["sendCommand"](false, [command, ...args], bytes ? untimedBytes : untimed)
      : (_key, command, args, bytes) => {
          args.unshift(command);
          return client["sendCommand"](args, bytes ? untimedBytes : untimed);
        };
  const ready = () => (client["isReady"] ?? client["isOpen"]) === true;
  return {
    kind: cluster ? "node-redis-cluster" : sentinel ? "node-redis-sentinel" : "node-redis",
    cluster,
    keyPrefix: "",
    resends: sentinel,
    client,
    cuts: () => undefined,
    ready,
    onceReady: (listener) =>
      cluster || sentinel ? watchReady(ready, listener) : listenOnce(client, "ready", listener),
    send,
    ...(cluster ? nodeRedisCluster(client) : { ping: () => send(undefined, "PING", [], false), rediscover() {} }),
  };
}
