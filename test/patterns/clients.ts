import { Redis as Io5, Cluster as IoCluster5 } from "ioredis";
import { Redis as Io6, Cluster as IoCluster6 } from "ioredis6";
import * as node6 from "redis";
import * as node5 from "redis5";
import { afterAll, beforeAll } from "vitest";
import type { RedisClient } from "../../src/patterns/redis/link.js";
import { RedisStore } from "../../src/patterns/redis/store.js";
import { type FaultProxy, startEngines, startProxy } from "../../src/testing/index.js";

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
  if (url.startsWith("redis+cluster:")) return openCluster(driver, [url.replace("+cluster", "")]);
  if (url.startsWith("redis+sentinel:")) return openSentinel(driver, [url.replace("+sentinel", "")], "main");
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
async function openCluster(driver: Driver, urls: readonly string[]): Promise<OpenClient> {
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
async function openSentinel(driver: Driver, sentinels: readonly string[], name: string): Promise<OpenClient> {
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

/** The server that a suite runs on. */
export interface TestServer {
  /** `redis:`, or `redis+cluster:` and `redis+sentinel:` with one address of them. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * KEYFOLD_TEST_REDIS_URL names a server to test against; without it there is an embedded engine. `redis+cluster:` and
 * `redis+sentinel:` URLs name one node of a Cluster or a Sentinel that knows "main".
 */
const testUrl = process.env["KEYFOLD_TEST_REDIS_URL"];

/** What kind of servers the suites run on. */
export const testServers: "one" | "cluster" | "sentinel" =
  (/^redis\+(cluster|sentinel):/.exec(testUrl ?? "")?.[1] as "cluster" | "sentinel" | undefined) ?? "one";

/** Whether the suites run on one server, which a proxy can stand in front of. */
export const singleServer = testServers === "one";

export async function startServer(): Promise<TestServer> {
  if (testUrl !== undefined) return { url: testUrl, close: async () => {} };
  const engines = await startEngines({ redis: true });
  return { url: engines.redis.url, close: () => engines.close() };
}

/** A proxy in front of the server; for more than one server there is none, and `url` is theirs. */
export async function startProxyFor(server: TestServer): Promise<FaultProxy> {
  if (singleServer) return startProxy(server.url);
  const none = () => {
    throw new Error("there is no proxy in front of several servers");
  };
  return {
    ...{ url: server.url, port: 0, connections: 0, cutAll: none, refuse: none, close: async () => {} },
    setRule: (rule) => (rule === undefined ? undefined : none()),
  };
}

/** What the tests of a suite run on. */
export interface Suite {
  /** Through {@link proxy}, where there is one server. */
  readonly client: RedisClient;
  readonly server: TestServer;
  readonly proxy: FaultProxy;
}

/** A server with a proxy before it, and a client: opened before the tests of this `describe`, closed after them. */
export function suiteOn(driver: Driver): Suite {
  const suite = {} as { -readonly [K in keyof Suite]: Suite[K] };
  let close = () => {};
  beforeAll(async () => {
    suite.server = await startServer();
    suite.proxy = await startProxyFor(suite.server);
    ({ client: suite.client, close } = await openClient(driver, suite.proxy.url));
  });
  afterAll(async () => {
    close();
    await suite.proxy?.close();
    await suite.server?.close();
  });
  return suite;
}

/** Sends one command as it is. */
export function rawCommand(
  { client }: Pick<OpenClient, "client">,
  name: string,
  key: string,
  ...args: string[]
): Promise<unknown> {
  return new RedisStore(client).command(key, name, [key, ...args], true);
}

let names = 0;
/** A name that no other test uses, so that suites can share a server. */
export function freshName(): string {
  return `t${process.pid}-${Date.now().toString(36)}-${++names}`;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
