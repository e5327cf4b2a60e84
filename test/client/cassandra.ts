import type { Client } from "cassandra-driver";
import { open } from "../../src/adapters/cassandra/index.js";
import type { TestEngines } from "../../src/testing/index.js";
import { freshName } from "./shop.js";

let embedded: Promise<TestEngines<"cassandra">> | undefined;
let users = 0;

/** URL of the Cassandra under test: a real one by `KEYFOLD_TEST_CASSANDRA_URL`, else the embedded engine in this process. */
export async function cassandraUrl(keyspace: string): Promise<string> {
  const given = process.env["KEYFOLD_TEST_CASSANDRA_URL"];
  if (given !== undefined) return withKeyspace(given, keyspace);
  embedded ??= import("../../src/testing/index.js").then(({ startEngines }) => startEngines({ cassandra: true }));
  return withKeyspace((await embedded).cassandra.url, keyspace);
}

/** A URL with its path replaced. */
export function withKeyspace(url: string, keyspace: string): string {
  const [, server = "", query = ""] = /^([a-z]+:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  return `${server}/${keyspace}${query}`;
}

/** A driver client, and keyspaces that are dropped at the end. */
export class CassandraServer {
  readonly #used: string[] = [];
  #client: Client | undefined;

  async start(): Promise<void> {
    users++;
    const { client } = open(await cassandraUrl("none"));
    this.#client = client;
    await client.connect();
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error("it was not started");
    return this.#client;
  }

  /** A name that no other run has. */
  keyspace(): string {
    const name = freshName();
    this.#used.push(name);
    return name;
  }

  async stop(): Promise<void> {
    for (const name of this.#used.splice(0)) await this.#client?.execute(`DROP KEYSPACE IF EXISTS ${name}`);
    await this.#client?.shutdown();
    if (--users > 0) return;
    const running = embedded;
    embedded = undefined;
    await (await running)?.close();
  }
}
