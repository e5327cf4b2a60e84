/** Clients that are not quite the usual one: ScyllaDB's own driver by its shape, profiles, speculative executions. */

import { type Client, type ClientOptions, ExecutionProfile, policies } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cassandra, open, scylladb } from "../../src/adapters/cassandra/index.js";
import { connect, defineModel, describe as describeModel, entity, list } from "../../src/index.js";
import { startEngines, type TestEngines } from "../../src/testing/index.js";
import { contacts } from "../cassandra/clients.js";
import { withKeyspace } from "./cassandra.js";
import { codeOf, described, freshName, makeAccount, makeLine, model } from "./shop.js";

const event = entity("event", { schema: z.object({ id: z.int(), of: z.string() }), key: ["id"], appendOnly: true });

interface Sent {
  readonly query: string;
  readonly options: Readonly<Record<string, unknown>>;
  speculative?: number;
}

/** The options that a client has, which its types do not tell of. */
const optionsOf = (client: Client): ClientOptions => (client as unknown as { options: ClientOptions }).options;

/** A client that remembers what it was asked. */
class Watched {
  readonly sent: Sent[] = [];
  readonly client: Client;
  readonly options: ClientOptions;
  constructor(client: Client) {
    this.client = client;
    this.options = optionsOf(client);
  }
  connect(): Promise<void> {
    return this.client.connect();
  }
  async execute(query: string, params: unknown[], options: Record<string, unknown>): Promise<unknown> {
    const sent: Sent = { query, options };
    this.sent.push(sent);
    const result = await this.client.execute(query, params, options);
    sent.speculative = result.info.speculativeExecutions;
    return result;
  }
  async batch(queries: { query: string; params: unknown[] }[], options: Record<string, unknown>): Promise<unknown> {
    this.sent.push({ query: "BATCH", options });
    return this.client.batch(queries, options);
  }
  conditional(): readonly Sent[] {
    return this.sent.filter(({ query }) => / IF /.test(query) && !query.startsWith("CREATE"));
  }
}

/**
 * The shape of @scylladb/driver 0.6 (https://github.com/scylladb/nodejs-rs-driver), which the registry does not have: no
 * keyspace before it is connected, no check of the schema, no policy of retries for one request, and errors in words.
 */
class ScyllaShaped extends Watched {
  readonly metadata = {
    checkSchemaAgreement(): never {
      throw new Error("TODO: Not implemented");
    },
  };
  override execute(query: string, params: unknown[], { retry: _, ...options }: Record<string, unknown>) {
    return super.execute(query, params, options).catch(inWords);
  }
  override batch(queries: { query: string; params: unknown[] }[], { retry: _, ...options }: Record<string, unknown>) {
    return super.batch(queries, options).catch(inWords);
  }
}

/** The error as the Rust driver words it. */
function inWords(thrown: unknown): never {
  type Told = { code?: number; message: string; required?: number; alive?: number };
  const { innerErrors = {} } = thrown as { innerErrors?: Record<string, Told> };
  const { code, message, required, alive } = [thrown as Told, ...Object.values(innerErrors)].find((one) => one.code)!;
  const said =
    code === 0x1000
      ? `Not enough nodes are alive to satisfy required consistency level (consistency: Quorum, required: ${required}, alive: ${alive})`
      : "The query is syntatically correct but invalid";
  const error = new Error(`Last attempt failed with: Database returned an error: ${said}, Error message: ${message}`);
  error.name = "ExecutionError";
  throw error;
}

let engines: TestEngines<"cassandra">;
let admin: Client;
const keyspace = freshName();
const clients: Client[] = [];
const ask = (options: Partial<ConstructorParameters<typeof Client>[0]> = {}): Client => {
  const { client } = open(withKeyspace(engines.cassandra.url, keyspace), options);
  clients.push(client);
  return client;
};
beforeAll(async () => {
  engines = await startEngines({ cassandra: { nodes: 3, readTimeoutMs: 2_000, writeTimeoutMs: 2_000 } });
  admin = ask();
  await admin.execute(
    `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}`,
  );
}, 30_000);
afterAll(async () => {
  for (const client of clients) await client.shutdown();
  await engines?.close();
});

test("every request is prepared, says whether it can be repeated, and at which level", async () => {
  const client = new Watched(ask());
  const adapter = cassandra(client as never, { keyspace });
  await adapter.bind(described).apply({});
  const shop = connect(model, adapter);
  client.sent.length = 0;
  await shop.line.insert(makeLine(1));
  await shop.line.update({ seq: 1 }, { quantity: 9 });
  await shop.line.increment({ seq: 1 }, { quantity: 1 });
  await shop.account.insert(makeAccount("a"));
  await shop.account.delete({ tenant: "t", id: "a" });
  await shop.linesByCustomer({ customerId: "C1" });
  await shop.lineBySeq({ seq: 1 });
  await shop.topCustomers({});
  expect(client.sent.length).toBeGreaterThan(15);
  // What a first request looks up about the keyspace has nothing to bind.
  const ours = client.sent.filter(({ query }) => !/FROM system/.test(query));
  expect(ours.filter(({ options }) => options["prepare"] !== true)).toEqual([]);
  expect(ours.filter(({ options }) => typeof options["isIdempotent"] !== "boolean")).toEqual([]);
  expect(ours.filter(({ options }) => typeof options["consistency"] !== "number")).toEqual([]);
  const conditional = client.conditional();
  expect(conditional.length).toBeGreaterThan(4);
  expect(conditional.filter(({ options }) => options["isIdempotent"] !== false)).toEqual([]);
  await shop.$close();
});

test("an execution profile is used for every request, at keyfold's own levels; an unknown one is refused", async () => {
  const client = new Watched(
    ask({ profiles: [new ExecutionProfile("reports", { consistency: 1, readTimeout: 5, retry: undefined! })] }),
  );
  expect(() => cassandra(client as never, { keyspace, executionProfile: "report" })).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID", fix: expect.stringContaining("default, reports") }),
  );
  const adapter = cassandra(client as never, { keyspace, executionProfile: "reports" });
  await adapter.bind(described).apply({});
  const shop = connect(model, adapter);
  await shop.line.insert(makeLine(2));
  expect(await shop.lineBySeq({ seq: 2 }, { consistency: "session" })).toEqual(makeLine(2));
  expect(client.sent.filter(({ options }) => options["executionProfile"] !== "reports")).toEqual([]);
  expect(client.sent.at(-1)?.options["consistency"]).toBe(4);
  await shop.$close();
});

describe("a client with the shape of ScyllaDB's own driver", () => {
  test("serves a model, with lists, sums, unique values and versions", async () => {
    const adapter = scylladb(new ScyllaShaped(ask()) as never, { keyspace });
    await adapter.bind(described).apply({});
    const shop = connect(model, adapter);
    const lines = Array.from({ length: 20 }, (_, at) => makeLine(100 + at, { customerId: "S" }));
    expect((await shop.line.insertMany(lines)).applied).toBe(20);
    expect((await shop.line.insert(lines[0]!)).applied).toBe(false);
    const page = await shop.linesByCustomer({ customerId: "S" }, { limit: 7 });
    expect(page.items).toHaveLength(7);
    const rest = await shop.linesByCustomer({ customerId: "S" }, { limit: 50, cursor: page.cursor! });
    expect(rest.items).toHaveLength(13);
    await shop.account.insert(makeAccount("one", { email: "s@example.org" }));
    expect(await codeOf(shop.account.insert(makeAccount("two", { email: "s@example.org" })))).toBe("CONFLICT");
    expect((await shop.topCustomers({})).items.find(({ customerId }) => customerId === "S")?.count).toBe(20);
    await shop.$close();
  });
});

test("speculative executions are made of what can be repeated, and of no lightweight transaction", async () => {
  const client = new Watched(
    ask({
      policies: {
        ...optionsOf(admin).policies!,
        speculativeExecution: new policies.speculativeExecution.ConstantSpeculativeExecutionPolicy(50, 2),
      },
    }),
  );
  const shop = connect(model, cassandra(client as never, { keyspace }), { deadlineMs: 30_000 });
  const lines = Array.from({ length: 8 }, (_, at) => makeLine(200 + at));
  await shop.line.insertMany(lines);

  client.sent.length = 0;
  const slowReads = await engines.faults.inject({ command: "SELECT", fault: { kind: "delay", ms: 20_000 }, times: 4 });
  // The first four requests hear nothing for longer than an attempt; another node answers in their place.
  expect(await Promise.all(lines.map(({ seq }) => shop.line.get({ seq })))).toEqual(lines);
  expect(await slowReads.hits()).toBe(4);
  await slowReads.remove();
  expect(client.sent).toHaveLength(lines.length);
  expect(client.sent.filter(({ speculative = 0 }) => speculative > 0).length).toBeGreaterThan(0);

  client.sent.length = 0;
  const slowWrites = await engines.faults.inject({
    command: "UPDATE",
    fault: { kind: "delay", ms: 400 },
    times: "always",
  });
  expect((await shop.line.insert(makeLine(300))).applied).toBe(true);
  const hits = await slowWrites.hits();
  await slowWrites.remove();
  expect(client.conditional()).toMatchObject([{ speculative: 0 }]);
  // What else updates the row (that its copies are written) may be repeated.
  expect(hits).toBeGreaterThan(0);
  await shop.$close();
}, 60_000);

test("where the log of batches does not answer, a record that is written conditionally needs none; a plain one waits", async () => {
  let batches = 0;
  let broken = true;
  class NoBatchlog extends Watched {
    override batch(queries: { query: string; params: unknown[] }[], options: Record<string, unknown>) {
      batches++;
      if (!broken) return super.batch(queries, options);
      const timeout = { code: 0x1100, writeType: "BATCH_LOG", received: 1, blockFor: 2 };
      return Promise.reject(Object.assign(new Error("Server timeout during batchlog write"), timeout));
    }
  }
  const shop = connect(model, cassandra(new NoBatchlog(ask()) as never, { keyspace }), { deadlineMs: 20_000 });
  const lines = Array.from({ length: 6 }, (_, at) => makeLine(400 + at, { customerId: "B" }));
  for (const line of lines) expect((await shop.line.insert(line)).applied).toBe(true);
  expect((await shop.line.delete({ seq: 400 })).applied).toBe(true);
  expect((await shop.line.update({ seq: 401 }, { customerId: "B2" })).applied).toBe(true);
  // Each record for itself would have waited for the log.
  expect(batches).toBe(1);
  const seqs = async (customerId: string) =>
    (await shop.linesByCustomer({ customerId }, { limit: 50 })).items.map(({ seq }) => seq).sort();
  expect(await seqs("B")).toEqual([402, 403, 404, 405]);
  expect(await seqs("B2")).toEqual([401]);
  await shop.$close();

  // What is only inserted has no mark of what is missing: it is all or nothing, and is tried until the log answers.
  const plain = defineModel({
    entities: { event },
    patterns: { eventsOf: list(event, { by: ["of"], order: { id: "asc" } }) },
  });
  const adapter = cassandra(new NoBatchlog(ask()) as never, { keyspace });
  await adapter.bind(describeModel(plain)).apply({});
  const log = connect(plain, adapter, { deadlineMs: 20_000 });
  batches = 0;
  const inserted = log.event.insert({ id: 1, of: "a" });
  setTimeout(() => {
    broken = false;
  }, 300);
  expect((await inserted).applied).toBe(true);
  expect(batches).toBeGreaterThan(1);
  await log.$close();
}, 60_000);

test("what ScyllaDB's driver says in words is understood: which replicas are missing", async () => {
  const { hosts, port } = contacts(engines.cassandra.url);
  const first = `${hosts[0]}:${port}`;
  const { AllowListPolicy, RoundRobinPolicy } = policies.loadBalancing;
  const client = ask({
    contactPoints: [first],
    policies: { ...optionsOf(admin).policies!, loadBalancing: new AllowListPolicy(new RoundRobinPolicy(), [first]) },
  });
  const shop = connect(model, scylladb(new ScyllaShaped(client) as never, { keyspace }), { deadlineMs: 4_000 });
  await shop.$ready;
  await engines.cassandra.node(2).stop();
  await engines.cassandra.node(3).stop();
  const error = await shop.linesByCustomer({ customerId: "C1" }).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "UNAVAILABLE", data: { required: 2, alive: 1 } });
  expect((await shop.lineBySeq({ seq: 1 }, { consistency: "eventual" }))?.seq).toBe(1);
  await shop.$close().catch(() => {});
}, 60_000);
