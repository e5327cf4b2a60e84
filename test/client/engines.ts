import type { MongoClient } from "mongodb";
import { afterAll, beforeAll } from "vitest";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { type DynamoDB, dynamodb, type OpenedTable, open as openDynamodb } from "../../src/adapters/dynamodb/index.js";
import { type MongoDB, mongodb, open as openMongodb } from "../../src/adapters/mongodb/index.js";
import { type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { type Adapter, type Client, type ConnectOptions, type Consistency, connect } from "../../src/index.js";
import { textEncoder } from "../../src/plan/redis/encoding.js";
import { tableUrl } from "../dynamodb/table-url.js";
import { CassandraServer } from "./cassandra.js";
import { openRedis, redisUrl, removePrefix, stopRedis, type TestClient } from "./redis.js";
import { described, freshName, freshNames, model, serverUrl, stopServer } from "./shop.js";

/** What the shared suites need of an engine: the same tests run for each. */
export type Both = MongoDB | DynamoDB;

/** A database, or a table, of its own. */
export interface Place {
  readonly adapter: Adapter<Both>;
  /** Records of an entity that are stored. */
  count(entity: string): Promise<number>;
  /** Changes a field of a stored line behind keyfold's back; undefined removes it. */
  tamper(seq: number, field: string, value: string | undefined): Promise<void>;
}

export interface EngineUnderTest {
  readonly engine: "mongodb" | "dynamodb" | "redis" | "cassandra";
  /** Words that a message about a record that is too large has; undefined: a record may be larger than any test's. */
  readonly limitSaid: string | undefined;
  /** Levels at which one record is read, strongest first. */
  readonly levels: readonly Consistency[];
  /** Bytes of text that one record can hold. */
  readonly largeText: number;
  place(): Promise<Place>;
  /** A client of the model on an applied place of its own. */
  shop(options?: ConnectOptions): Promise<{ readonly shop: Client<typeof model, Both>; readonly place: Place }>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

abstract class Engine {
  abstract place(): Promise<Place>;

  async shop(
    options: ConnectOptions = {},
  ): Promise<{ readonly shop: Client<typeof model, Both>; readonly place: Place }> {
    const place = await this.place();
    await place.adapter.bind(described).apply({});
    return { shop: connect(model, place.adapter, options), place };
  }
}

class MongodbEngine extends Engine implements EngineUnderTest {
  readonly engine = "mongodb";
  readonly limitSaid = "16 MB";
  readonly levels = ["strong", "session", "bounded", "eventual"] as const;
  readonly largeText = 15 * 1024 * 1024;
  readonly #used: string[] = [];
  #client: MongoClient | undefined;

  async start(): Promise<void> {
    this.#client = openMongodb(await serverUrl());
  }

  async place(): Promise<Place> {
    const name = freshName();
    this.#used.push(name);
    const db = (this.#client as MongoClient).db(name);
    return {
      adapter: mongodb(db),
      count: (entity) => db.collection(entity).countDocuments(),
      async tamper(seq, field, value) {
        const change = value === undefined ? { $unset: { [field]: 1 } } : { $set: { [field]: value } };
        await db.collection("line").updateOne({ _id: seq as never }, change as never);
      },
    };
  }

  async stop(): Promise<void> {
    for (const name of this.#used) await this.#client?.db(name).dropDatabase();
    await this.#client?.close();
    await stopServer();
  }
}

/** URL of the DynamoDB under test: a real one by `KEYFOLD_TEST_DYNAMODB_URL`, else the embedded engine in this process. */
export async function dynamodbUrl(table: string): Promise<string> {
  const given = process.env["KEYFOLD_TEST_DYNAMODB_URL"];
  if (given !== undefined) return tableUrl(given, table);
  embedded ??= await startDynamodb();
  return tableUrl(embedded.dynamodb.url, table);
}

let embedded: Awaited<ReturnType<typeof startDynamodb>> | undefined;
async function startDynamodb() {
  const { startEngines } = await import("../../src/testing/index.js");
  return startEngines({ dynamodb: true });
}

/** Ends the embedded engine; on another server, removes the tables that this file's tests made. */
export async function stopDynamodb(): Promise<void> {
  if (process.env["KEYFOLD_TEST_DYNAMODB_URL"] !== undefined) {
    const { DeleteTableCommand } = await import("@aws-sdk/client-dynamodb");
    const { client } = openDynamodb(await dynamodbUrl("none"));
    for (const TableName of freshNames) await client.send(new DeleteTableCommand({ TableName })).catch(() => undefined);
    client.destroy();
  }
  await embedded?.close();
  embedded = undefined;
}

class DynamodbEngine extends Engine implements EngineUnderTest {
  readonly engine = "dynamodb";
  readonly limitSaid = "400 KiB";
  readonly levels = ["strong", "session", "bounded", "eventual"] as const;
  readonly largeText = 390 * 1024;
  #client: OpenedTable["client"] | undefined;

  async start(): Promise<void> {
    this.#client = openDynamodb(await dynamodbUrl("none")).client;
  }

  async place(): Promise<Place> {
    const { ScanCommand, UpdateItemCommand } = await import("@aws-sdk/client-dynamodb");
    const table = freshName();
    const client = this.#client as OpenedTable["client"];
    return {
      adapter: dynamodb(client, { table }),
      async count(entity) {
        let count = 0;
        let start: Record<string, never> | undefined;
        do {
          const page = await client.send(
            new ScanCommand({
              TableName: table,
              Select: "COUNT",
              ConsistentRead: true,
              FilterExpression: "#e = :e AND attribute_not_exists(#p)",
              ExpressionAttributeNames: { "#e": "_e", "#p": "_p" },
              ExpressionAttributeValues: { ":e": { S: entity } },
              ...(start === undefined ? {} : { ExclusiveStartKey: start }),
            }),
          );
          count += page.Count ?? 0;
          start = page.LastEvaluatedKey as typeof start;
        } while (start !== undefined);
        return count;
      },
      async tamper(seq, field, value) {
        const digits = String(seq);
        const key = `line#${String.fromCharCode(0x50 + digits.length)}${digits}#`;
        await client.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { pk: { S: key }, sk: { S: "line#" } },
            UpdateExpression: value === undefined ? "REMOVE #f" : "SET #f = :v",
            ExpressionAttributeNames: { "#f": field },
            ...(value === undefined ? {} : { ExpressionAttributeValues: { ":v": { S: value } } }),
          }),
        );
      },
    };
  }

  async stop(): Promise<void> {
    this.#client?.destroy();
    await stopDynamodb();
  }
}

class RedisEngine extends Engine implements EngineUnderTest {
  readonly engine = "redis";
  readonly limitSaid = undefined;
  readonly levels = ["session", "bounded", "eventual"] as const;
  readonly largeText = 15 * 1024 * 1024;
  readonly #used: string[] = [];
  #client: TestClient | undefined;

  async start(): Promise<void> {
    this.#client = await openRedis(await redisUrl());
  }

  async place(): Promise<Place> {
    const prefix = freshName();
    this.#used.push(prefix);
    const client = this.#client as TestClient;
    const whole = textEncoder({ kind: "int", optional: false, nullable: false });
    return {
      // What it promises less than the others is asked for by `levels`.
      adapter: redis(client as unknown as RedisClient, { prefix }) as unknown as Adapter<Both>,
      async count(entity) {
        const keys = (await client.sendCommand(["KEYS", `${prefix}:{${entity}}:*`])) as unknown as string[];
        return keys.length;
      },
      async tamper(seq, field, value) {
        const key = `${prefix}:{line}:${whole(seq)}`;
        const stored = JSON.parse((await client.get(key)) as string) as Record<string, unknown>;
        if (value === undefined) delete stored[field];
        else stored[field] = value;
        await client.set(
          key,
          `{${Object.entries(stored)
            .map(([name, one]) => `"${name}":${JSON.stringify(one)}`)
            .join(",\n")}}`,
        );
      },
    };
  }

  async stop(): Promise<void> {
    if (this.#client !== undefined) for (const prefix of this.#used) await removePrefix(this.#client, prefix);
    this.#client?.destroy();
    await stopRedis();
  }
}

class CassandraEngine extends Engine implements EngineUnderTest {
  readonly engine = "cassandra";
  readonly limitSaid = "16 MiB";
  readonly levels = ["strong", "session", "bounded", "eventual"] as const;
  readonly largeText = 1024 * 1024;
  readonly #server = new CassandraServer();

  start(): Promise<void> {
    return this.#server.start();
  }

  async place(): Promise<Place> {
    const keyspace = this.#server.keyspace();
    const { client } = this.#server;
    return {
      // It serves no "together", which the shared suites do not ask.
      adapter: cassandra(client, { keyspace }) as unknown as Adapter<Both>,
      async count(entity) {
        const { rows } = await client.execute(`SELECT kf_v, kf_dead FROM ${keyspace}.${entity}`, [], {
          fetchSize: 50_000,
        });
        return rows.filter((row) => row["kf_v"] !== null && row["kf_dead"] !== true).length;
      },
      // Cells have types, so that only what is missing can be wrong.
      async tamper(seq, field) {
        await client.execute(`DELETE ${field} FROM ${keyspace}.line WHERE seq = ?`, [seq], { prepare: true });
      },
    };
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** Engines that a run is about, by `KEYFOLD_TEST_ENGINES` (names with commas); all when it is not set. */
export function asked<E extends { readonly engine: string }>(all: readonly E[]): readonly E[] {
  const names = process.env["KEYFOLD_TEST_ENGINES"]?.split(",");
  return names === undefined ? all : all.filter(({ engine }) => names.includes(engine));
}

/** The engines that the shared suites run for. */
export const engines: readonly EngineUnderTest[] = asked([
  new MongodbEngine(),
  new DynamodbEngine(),
  new RedisEngine(),
  new CassandraEngine(),
]);

/** Starts an engine before a suite and stops it after. */
export function useEngine(engine: EngineUnderTest): void {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
}
