/** Opens the database that a URL points to, with the engine's official driver. */

import type { Adapter } from "../adapters/port/adapter.js";
import { KeyfoldError } from "../internal/errors.js";
import { type EngineFacts, engineOfUrl } from "./engines.js";
import { isKeyfoldError, redact, UsageError } from "./errors.js";

/** An open database. */
export interface Target {
  readonly engine: string;
  /** Without a password. */
  readonly shownUrl: string;
  readonly adapter: Adapter;
  close(): Promise<void>;
}

interface Opened {
  readonly adapter: Adapter;
  close(): Promise<void>;
}

/** How each engine's URL is opened; the driver is loaded here and not before. */
const openers: Readonly<Record<string, (url: string) => Promise<Opened>>> = {
  cassandra: (url) => openCql(url, "cassandra"),
  async dynamodb(url) {
    const { dynamodb, open } = await import("../adapters/dynamodb/index.js");
    const { client, table } = open(url);
    return { adapter: dynamodb(client, { table }), close: async () => client.destroy() };
  },
  async mongodb(url) {
    const { mongodb, open } = await import("../adapters/mongodb/index.js");
    const client = await open(url);
    return { adapter: mongodb(client.db()), close: () => client.close() };
  },
  scylladb: (url) => openCql(url, "scylladb"),
  async redis(url) {
    const { open, prefixOf, redis } = await import("../adapters/redis/index.js");
    const prefix = prefixOf(url);
    const client = await open(url);
    return {
      adapter: redis(client, prefix === undefined ? {} : { prefix }),
      close: async () => client.destroy(),
    };
  },
};

async function openCql(url: string, engine: "cassandra" | "scylladb"): Promise<Opened> {
  const { cassandra, open, scylladb } = await import("../adapters/cassandra/index.js");
  const { client, keyspace } = open(url);
  const adapter = engine === "cassandra" ? cassandra(client, { keyspace }) : scylladb(client, { keyspace });
  return { adapter, close: () => client.shutdown() };
}

/** Opens it; `option` is the command-line option that the URL came from, for messages. */
export async function openTarget(url: string, engine: string | undefined, option: string): Promise<Target> {
  const facts = engineOfUrl(url, engine, option);
  const open = openers[facts.engine] as (url: string) => Promise<Opened>;
  let opened: Opened;
  try {
    opened = await open(url);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") throw noDriver(facts, error);
    if (isKeyfoldError(error) && error.code === "INPUT_INVALID") {
      throw new UsageError(`${option}: ${error.message}`, error.fix ?? `Write it as in ${facts.exampleUrl}.`);
    }
    throw error;
  }
  return { engine: facts.engine, shownUrl: redact(url), adapter: opened.adapter, close: opened.close };
}

function noDriver({ engine, driver }: EngineFacts, error: unknown): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `the official driver of ${engine} is not installed`, {
    cause: error,
    fix: `Install it beside keyfold: npm install ${driver}. Drivers are optional, so that nobody installs six of them.`,
  });
}
