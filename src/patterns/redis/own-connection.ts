import { notSent } from "./errors.js";
import { slotOf } from "./keys.js";
import type { EmittingClient, Link, RedisArgument } from "./link.js";

/**
 * A connection of a pattern's own to one server, for what would hold up the user's: subscriptions and blocking reads.
 * It does not reconnect: when it ends, whoever uses it opens another and knows that something may have been missed.
 */
export interface OwnConnection {
  /** The driver's client, of the shape that `ioredis` names. */
  readonly client: EmittingClient;
  readonly ioredis: boolean;
  send(command: string, args: RedisArgument[]): Promise<unknown>;
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
export async function openOwn(link: Link, target: OwnTarget = {}): Promise<OwnConnection> {
  const { kind, client } = link;
  // Both Cluster clients keep a table of slots, each in a form of its own.
  const slot = link.cluster && target.key !== undefined ? client["slots"]?.[slotOf(target.key)] : undefined;
  const address: string | undefined = target.address ?? (Array.isArray(slot) ? slot[0] : slot?.master?.address);
  switch (kind) {
    case "ioredis":
      return ownIoredis(client, link.keyPrefix);
    case "ioredis-cluster": {
      const nodes = client["nodes"]("master") as EmittingClient[];
      const own = await ownIoredis(
        pick(nodes, ({ options }) => `${options.host}:${options.port}`, address),
        link.keyPrefix,
      );
      // Where that moved to, the next connection learns from the user's client.
      own.client.on("moved", () => client["refreshSlotsCache"]());
      own.client.on("error", () => client["refreshSlotsCache"]());
      return own;
    }
    case "node-redis":
      return ownNodeRedis(client);
    case "node-redis-cluster": {
      const node = pick(client["masters"] as EmittingClient[], (each) => each["address"] as string, address);
      return ownNodeRedis(await client["nodeClient"](node));
    }
    case "node-redis-sentinel":
      return ownSentinel(client);
    default:
      return kind satisfies never;
  }
}

function pick<T>(nodes: readonly T[], addressOf: (node: T) => string, address: string | undefined): T {
  const node = nodes.find((each) => addressOf(each) === address) ?? nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw notSent("The Cluster client knows no node.");
  return node;
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

/** `keyPrefix`: a node of a Cluster does not know that of its Cluster. */
async function ownIoredis(client: EmittingClient, keyPrefix: string): Promise<OwnConnection> {
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
    keyPrefix,
    protocol: 2,
  });
  const ending = new Ending();
  // A sharded channel whose slot moves is unsubscribed by the server: ioredis 6 says "moved", 5 sees it as an error.
  for (const event of ["error", "end", "close", "moved"]) copy.on(event, ending.end);
  await copy["connect"]();
  return {
    client: copy,
    ioredis: true,
    send: (command, args) => copy["call"](command, args),
    onEnd: (listener) => ending.add(listener),
    close: () => copy["disconnect"](),
  };
}

async function ownNodeRedis(client: EmittingClient): Promise<OwnConnection> {
  const copy: EmittingClient = client["duplicate"]({
    socket: { ...client["options"]?.socket, reconnectStrategy: false },
    disableOfflineQueue: false,
    // What needs RESP3 is refused without it.
    ...{ RESP: 2, clientSideCache: undefined, emitInvalidate: undefined, maintNotifications: "disabled" },
  });
  const ending = new Ending();
  for (const event of ["error", "end", "sharded-channel-moved"]) copy.on(event, ending.end);
  await copy["connect"]();
  return {
    client: copy,
    ioredis: false,
    send: (command, args) => copy["sendCommand"]([command, ...args]),
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

/**
 * The Sentinel client of node-redis has no duplicate of one server, but follows the master with subscriptions of its own.
 * A new master may have cost messages.
 */
function ownSentinel(client: EmittingClient): OwnConnection {
  const ending = new Ending();
  const changed = ({ type }: { readonly type: string }) => {
    if (type === "MASTER_CHANGE") ending.end();
  };
  client.on("topology-change", changed);
  return {
    client,
    ioredis: false,
    send: (command, args) => client["sendCommand"](false, [command, ...args]),
    onEnd: (listener) => ending.add(listener),
    close() {
      client.off("topology-change", changed);
      ending.end();
    },
  };
}
