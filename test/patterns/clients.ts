import { Redis as Io5, Cluster as IoCluster5 } from "ioredis";
import { Redis as Io6, Cluster as IoCluster6 } from "ioredis6";
import * as node6 from "redis";
import * as node5 from "redis5";
import type { RedisClient } from "../../src/patterns/redis/link.js";
import { startEngines } from "../../src/testing/index.js";

/** The drivers that every pattern is tried on. */
export const drivers = ["ioredis 5", "ioredis 6", "node-redis 5", "node-redis 6"] as const;
export type Driver = (typeof drivers)[number];

/** An open client and its end. */
export interface OpenClient {
  readonly client: RedisClient;
  close(): void;
}

const quiet = () => {};

/** Opens a client with the driver's own settings, unless `options` (of ioredis) say otherwise. */
export async function openClient(driver: Driver, url: string, options: object = {}): Promise<OpenClient> {
  if (driver.startsWith("ioredis")) {
    const client = driver === "ioredis 5" ? new Io5(url, options) : new Io6(url, options);
    client.on("error", quiet);
    if (client.status !== "ready") await new Promise((resolve) => client.once("ready", () => resolve(undefined)));
    return { client, close: () => client.disconnect() };
  }
  const client = driver === "node-redis 5" ? node5.createClient({ url }) : node6.createClient({ url });
  client.on("error", quiet);
  await client.connect();
  return { client: client, close: () => client.destroy() };
}

/** Opens a client of a Cluster. */
export async function openCluster(driver: Driver, urls: readonly string[]): Promise<OpenClient> {
  const nodes = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
  if (driver.startsWith("ioredis")) {
    const client = driver === "ioredis 5" ? new IoCluster5(nodes) : new IoCluster6(nodes);
    client.on("error", quiet);
    await new Promise((resolve) => client.once("ready", () => resolve(undefined)));
    return { client, close: () => client.disconnect() };
  }
  const rootNodes = urls.map((url) => ({ url }));
  const client = driver === "node-redis 5" ? node5.createCluster({ rootNodes }) : node6.createCluster({ rootNodes });
  client.on("error", quiet);
  await client.connect();
  return { client: client, close: () => client.destroy() };
}

/** Opens a client that finds its server through Sentinels. */
export async function openSentinel(driver: Driver, sentinels: readonly string[], name: string): Promise<OpenClient> {
  const nodes = sentinels.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
  if (driver.startsWith("ioredis")) {
    const options = { sentinels: nodes, name };
    const client = driver === "ioredis 5" ? new Io5(options) : new Io6(options);
    client.on("error", quiet);
    await new Promise((resolve) => client.once("ready", () => resolve(undefined)));
    return { client, close: () => client.disconnect() };
  }
  const options = { name, sentinelRootNodes: nodes };
  const client = driver === "node-redis 5" ? node5.createSentinel(options) : node6.createSentinel(options);
  client.on("error", quiet);
  await client.connect();
  return { client: client, close: () => client.destroy() };
}

/** The server that a suite runs on: the one of KEYFOLD_TEST_REDIS_URL, else an embedded engine. */
export interface TestServer {
  readonly url: string;
  /** Only the embedded engine's clock can be moved. */
  readonly advance: ((ms: number) => Promise<void>) | undefined;
  close(): Promise<void>;
}

export async function startServer(): Promise<TestServer> {
  const url = process.env["KEYFOLD_TEST_REDIS_URL"];
  if (url !== undefined) return { url, advance: undefined, close: async () => {} };
  const engines = await startEngines({ redis: true });
  return { url: engines.redis.url, advance: (ms) => engines.clock.advance(ms), close: () => engines.close() };
}

let names = 0;
/** A name that no other test uses, so that suites can share a server. */
export function freshName(): string {
  return `t${process.pid}-${Date.now().toString(36)}-${++names}`;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
