import type { RedisClientType } from "redis";
import { KeyfoldError } from "../../internal/errors.js";

/** What `open` may be told beside the URL. */
export interface OpenOptions {
  /** A server that is away is reported after this many milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Seen in CLIENT LIST. Default "keyfold". */
  readonly clientName?: string;
}

/**
 * A node-redis client (the package `redis`, 5 or 6), set up as keyfold wants it, connected or connecting; close it
 * yourself. It rejects what was under way when a connection breaks, which keyfold then settles, and queues nothing while
 * the server is away.
 *
 * @param url `redis://` or `rediss://`, as in `redis://user:password@host:6379/0`
 * @throws KeyfoldError `INPUT_INVALID` when the URL is wrong.
 *
 * @example
 * ```ts
 * const client = await open(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
 * const shop = connect(model, redis(client, { prefix: "shop" }));
 * client.destroy();
 * ```
 */
export async function open(url: string, options: OpenOptions = {}): Promise<RedisClientType> {
  const parsed = parseUrl(url);
  const { createClient } = await import("redis");
  const connectTimeout = options.connectTimeoutMs ?? 5_000;
  let ready = false;
  const client = createClient({
    url: parsed.href,
    name: options.clientName ?? "keyfold",
    disableOfflineQueue: true,
    pingInterval: 30_000,
    socket: {
      connectTimeout,
      keepAlive: true,
      noDelay: true,
      // Until it was connected once, a failure is the caller's; afterwards it comes back by itself.
      reconnectStrategy: (retries: number, cause: Error) =>
        ready ? Math.random() * Math.min(1_000, 25 * 2 ** Math.min(retries, 10)) : cause,
    },
  }) as unknown as RedisClientType;
  // Without a listener an error of the connection would end the process; each call tells of it.
  client.on("error", () => {});
  try {
    await client.connect();
    ready = true;
    return client;
  } catch (cause) {
    client.destroy();
    throw openError(cause);
  }
}

function parseUrl(url: string): URL {
  const wrong = (cause?: unknown): KeyfoldError =>
    new KeyfoldError("INPUT_INVALID", "This is not a usable Redis URL.", {
      cause,
      fix: "Write it as redis://user:password@host:6379/0, or rediss:// for TLS; encode special characters of the password as in a URL (%40 for @).",
    });
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw wrong(cause);
  }
  if (parsed.protocol !== "redis:" && parsed.protocol !== "rediss:") throw wrong();
  if (parsed.pathname.length > 1 && !/^\/\d+$/.test(parsed.pathname)) throw wrong();
  // What is behind the question mark is keyfold's own: see prefixOf.
  parsed.search = "";
  return parsed;
}

/**
 * The prefix that a URL names: `redis://host:6379/0?prefix=shop`; undefined when it names none.
 *
 * @example
 * ```ts
 * prefixOf("redis://127.0.0.1:6379?prefix=shop");   // "shop"
 * ```
 */
export function prefixOf(url: string): string | undefined {
  return URL.canParse(url) ? (new URL(url).searchParams.get("prefix") ?? undefined) : undefined;
}

function openError(cause: unknown): KeyfoldError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(message)) {
    return new KeyfoldError("UNAUTHORIZED", `Redis refused the credentials: ${message}`, {
      cause,
      fix: "Check user and password.",
    });
  }
  return new KeyfoldError("UNAVAILABLE", `No Redis server could be reached: ${message}`, {
    cause,
    fix: "Is it running, and is the URL's host and port right?",
  });
}
