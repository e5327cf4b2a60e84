import { type Adapter, type Client, connect } from "keyfold";
import { cassandra, open as openCassandra } from "keyfold/cassandra";
import { type DynamoDB, dynamodb, open as openDynamodb } from "keyfold/dynamodb";
import { type MongoDB, mongodb, open as openMongodb } from "keyfold/mongodb";
import { expect } from "vitest";
import model from "../../examples/online-retail/model.js";
import { keyfold, MODEL, start } from "../cli/keyfold.js";
import { withKeyspace } from "../client/cassandra.js";
import { asked } from "../client/engines.js";
import { tableUrl } from "../dynamodb/table-url.js";

/** The example's client, on any engine. */
export interface Shop extends Client<typeof model, MongoDB | DynamoDB> {}

export type MainJobEngine = "mongodb" | "dynamodb" | "cassandra";
/** Engines that the main job is done on. */
export const engines: readonly { readonly engine: MainJobEngine }[] = asked([
  { engine: "mongodb" },
  { engine: "dynamodb" },
  { engine: "cassandra" },
]);

/** A shop whose lines were loaded by the program, from a file, into a database of its own. */
export interface LoadedShop extends AsyncDisposable {
  readonly shop: Shop;
  readonly url: string;
  /** The line with which the load ended. */
  readonly counts: {
    readonly read: number;
    readonly inserted: number;
    readonly present: number;
    readonly rejected: number;
  };
  readonly loadMs: number;
}

interface Opened {
  readonly adapter: Adapter<MongoDB | DynamoDB>;
  drop(): Promise<void>;
  close(): Promise<void>;
}

const openers: { readonly [E in MainJobEngine]: (url: string) => Promise<Opened> } = {
  async mongodb(url) {
    const client = openMongodb(url);
    return {
      adapter: mongodb(client.db()),
      drop: async () => void (await client.db().dropDatabase()),
      close: () => client.close(),
    };
  },
  async cassandra(url) {
    const { client, keyspace } = openCassandra(url);
    return {
      // It serves no "together", which the example does not ask.
      adapter: cassandra(client, { keyspace }) as unknown as Adapter<MongoDB | DynamoDB>,
      drop: async () => void (await client.execute(`DROP KEYSPACE ${keyspace}`)),
      close: () => client.shutdown(),
    };
  },
  async dynamodb(url) {
    const { DeleteTableCommand } = await import("@aws-sdk/client-dynamodb");
    const { client, table } = openDynamodb(url);
    return {
      adapter: dynamodb(client, { table }),
      drop: async () => void (await client.send(new DeleteTableCommand({ TableName: table }))),
      close: async () => client.destroy(),
    };
  },
};

/**
 * The main job, as a person does it: an engine, `keyfold apply`, `keyfold load`. The engine is the embedded one in a
 * process of its own, or the server that `KEYFOLD_TEST_MONGODB_URL`, `KEYFOLD_TEST_DYNAMODB_URL` or
 * `KEYFOLD_TEST_CASSANDRA_URL` names.
 */
export async function loadedShop(engine: MainJobEngine, file: string): Promise<LoadedShop> {
  const given = process.env[`KEYFOLD_TEST_${engine.toUpperCase()}_URL`];
  const dev = given === undefined ? start(["dev", "--only", engine, "--any-port", "--json"]) : undefined;
  const told = given ?? (JSON.parse(await (dev as NonNullable<typeof dev>).line()) as Record<string, string>)[engine];
  const name = `main_job_${process.pid}_${Date.now().toString(36)}`;
  const url = engine === "dynamodb" ? tableUrl(told as string, name) : withKeyspace(told as string, name);
  const applied = await keyfold(["apply", MODEL, "--to", url]);
  expect(applied.code, applied.stderr).toBe(0);
  const from = performance.now();
  const loaded = await keyfold(["load", MODEL, "line", file, "--to", url, "--json"]);
  const loadMs = performance.now() - from;
  expect(loaded.code, loaded.stderr).toBe(0);
  const opened = await openers[engine](url);
  const shop: Shop = connect(model, opened.adapter, { deadlineMs: 60_000 });
  return {
    shop,
    url,
    counts: JSON.parse(loaded.stdout) as LoadedShop["counts"],
    loadMs,
    async [Symbol.asyncDispose]() {
      await shop.$close();
      if (dev === undefined) await opened.drop();
      await opened.close();
      dev?.child.kill("SIGTERM");
      await dev?.ended;
    },
  };
}

/** Exact thousandths of a decimal with three digits after the point. */
export function thousandths(decimal: string): bigint {
  expect(decimal).toMatch(/^-?\d+\.\d{3}$/);
  return BigInt(decimal.replace(".", ""));
}

/** "27834.610" as the answers round it: half away from zero, to two digits. */
export function pennies(exact: bigint): string {
  const rounded = (exact < 0n ? -exact + 5n : exact + 5n) / 10n;
  const digits = rounded.toString().padStart(3, "0");
  return `${exact < 0n && rounded !== 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** All rows of a question. */
export async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

/** Days as the patterns name them. */
export function days(first: string, count: number): string[] {
  const start = Date.parse(`${first}T00:00:00Z`);
  return Array.from({ length: count }, (_, at) => new Date(start + at * 86_400_000).toISOString().slice(0, 10));
}

/** The months of the data, each as [from, to). */
export function months(): { name: string; from: string; to: string }[] {
  const first = (at: number): string => new Date(Date.UTC(2010, 11 + at, 1)).toISOString().slice(0, 10);
  return Array.from({ length: 13 }, (_, at) => ({ name: first(at).slice(0, 7), from: first(at), to: first(at + 1) }));
}

/** Adds to a counter. */
export function add<K>(map: Map<K, bigint>, key: K, amount: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amount);
}
