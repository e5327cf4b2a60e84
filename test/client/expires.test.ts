import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { dynamodb, open as openDynamodb } from "../../src/adapters/dynamodb/index.js";
import { mongodb, open as openMongodb } from "../../src/adapters/mongodb/index.js";
import { redis } from "../../src/adapters/redis/index.js";
import { type Adapter, apply, connect, defineModel, entity, get, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { dynamodbUrl, stopDynamodb } from "./engines.js";
import { connectRedis, type RedisUnderTest, stopRedis } from "./redis.js";
import { freshName, serverUrl, stopServer } from "./shop.js";

// What an entity's `expires` promises, on each engine, against an oracle that knows the time.

const session = entity("session", {
  schema: z.object({
    user: z.string(),
    id: z.int(),
    token: z.string().optional(),
    at: z.int(),
    hits: z.int(),
    until: z.date().nullable().optional(),
  }),
  key: ["user", "id"],
  unique: [["user", "token"]],
  expires: "until",
});
type Session = (typeof session)["$record"];

const model = defineModel({
  entities: { session },
  patterns: {
    sessionById: get(session),
    sessionsOfUser: list(session, { by: ["user"], order: { at: "desc" } }),
    sessionsAt: list(session, { by: ["user", "at"], order: { hits: "asc" } }),
  },
});
type Served = "get" | "list" | "listByKey";
type Both = {
  readonly engine: "mongodb" | "redis" | "dynamodb" | "cassandra";
  readonly serves: { [Kind in Served]: "session" | "eventual" };
};
type Shop = ReturnType<typeof connectTo>;
const connectTo = (adapter: Adapter<Both>) => connect(model, adapter);

interface Engine {
  readonly engine: string;
  /** Runs that find most of what there is to find: each waits through real time, unless the engine's clock moves. */
  readonly runs: number;
  /** A column that is null and one without a value are the same there. */
  readonly nullIsAbsent?: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** An adapter on a database of its own. */
  place(): Promise<Adapter<Both>>;
}

const mongo: Engine & { client?: Awaited<ReturnType<typeof openMongodb>>; used: string[] } = {
  engine: "mongodb",
  runs: 4,
  used: [],
  async start() {
    this.client = openMongodb(await serverUrl());
  },
  async stop() {
    for (const name of this.used) await this.client?.db(name).dropDatabase();
    await this.client?.close();
    await stopServer();
  },
  async place() {
    const db = this.client!.db(freshName());
    this.used.push(db.databaseName);
    return mongodb(db) as unknown as Adapter<Both>;
  },
};
const onRedis: Engine & { server?: RedisUnderTest; used: string[] } = {
  engine: "redis",
  runs: 4,
  used: [],
  async start() {
    this.server = await connectRedis();
  },
  async stop() {
    for (const prefix of this.used) await this.server?.removePrefix(prefix);
    this.server?.close();
    await stopRedis();
  },
  async place() {
    const prefix = freshName();
    this.used.push(prefix);
    return redis(this.server!.client, { prefix }) as unknown as Adapter<Both>;
  },
};

const dynamo: Engine & { client?: ReturnType<typeof openDynamodb>["client"]; used: string[] } = {
  engine: "dynamodb",
  runs: 4,
  used: [],
  async start() {
    this.client = openDynamodb(await dynamodbUrl("none")).client;
  },
  async stop() {
    const { DeleteTableCommand } = await import("@aws-sdk/client-dynamodb");
    for (const TableName of this.used) await this.client?.send(new DeleteTableCommand({ TableName }));
    this.client?.destroy();
    await stopDynamodb();
  },
  async place() {
    const table = freshName();
    this.used.push(table);
    return dynamodb(this.client!, { table }) as unknown as Adapter<Both>;
  },
};

const server = new CassandraServer();
const onCassandra: Engine = {
  engine: "cassandra",
  runs: 4,
  nullIsAbsent: true,
  start: () => server.start(),
  stop: () => server.stop(),
  place: async () => cassandra(server.client, { keyspace: server.keyspace() }) as unknown as Adapter<Both>,
};

/** Steps of the clock: records end in the midst of one, so that no answer depends on how long a request takes. */
const STEP_MS = 800;

class Clock {
  readonly #from = Date.now();
  #step = 0;
  /** Ends in the midst of the step that is so many ahead. */
  until(steps: number): Date {
    return new Date(this.#from + (this.#step + steps) * STEP_MS + STEP_MS / 2);
  }
  get now(): number {
    return this.#from + this.#step * STEP_MS;
  }
  /** So slow that a record may have ended in the midst of a request: nothing can be said then. */
  get late(): boolean {
    return Date.now() > this.now + STEP_MS / 2 - 20;
  }
  async pass(): Promise<void> {
    this.#step++;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.now - Date.now())));
  }
}

const key = fc.record({ user: fc.constantFrom("u", "v"), id: fc.integer({ min: 0, max: 3 }) });
/** Steps from now; negative: it is over already. */
const ends = fc.option(fc.integer({ min: -2, max: 3 }), { nil: undefined, freq: 5 });
const fields = {
  token: fc.option(fc.constantFrom("t", "w"), { nil: undefined }),
  at: fc.integer({ min: 0, max: 2 }),
  hits: fc.integer({ min: 0, max: 9 }),
  ends,
};
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("insert" as const), key, fields: fc.record(fields) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), key, fields: fc.record(fields) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("putIf" as const), key, fields: fc.record(fields) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("insertMany" as const),
      many: fc.array(fc.record({ key, fields: fc.record(fields) }), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("update" as const),
      key,
      fields: fc.record(fields, { requiredKeys: ["ends"] }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("increment" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;
type Given = { readonly ends?: number | undefined } & Partial<Omit<Session, "until">>;

class Oracle {
  readonly #stored = new Map<string, Session>();
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  get alive(): Session[] {
    return [...this.#stored.values()].filter(({ until }) => until == null || until.getTime() > this.#clock.now);
  }
  find(at: Pick<Session, "user" | "id">): Session | undefined {
    return this.alive.find(({ user, id }) => user === at.user && id === at.id);
  }
  store(record: Session): void {
    this.#stored.set(JSON.stringify([record.user, record.id]), record);
  }
  remove(at: Pick<Session, "user" | "id">): void {
    this.#stored.delete(JSON.stringify([at.user, at.id]));
  }
  taken(record: Pick<Session, "user" | "id" | "token">): boolean {
    return (
      record.token !== undefined &&
      this.alive.some(({ user, id, token }) => user === record.user && id !== record.id && token === record.token)
    );
  }
}

function recordOf(at: Pick<Session, "user" | "id">, { ends: steps, ...given }: Given, clock: Clock): Session {
  return { ...at, ...given, ...(steps === undefined ? {} : { until: clock.until(steps) }) } as Session;
}

const said = (work: Promise<{ readonly applied: boolean }>): Promise<unknown> =>
  work.then(
    ({ applied }) => applied,
    (error: { readonly code: string }) => error.code,
  );

async function play(shop: Shop, oracle: Oracle, clock: Clock, one: Action): Promise<void> {
  switch (one.kind) {
    case "pass":
      await clock.pass();
      return;
    case "insert": {
      const record = recordOf(one.key, one.fields, clock);
      const there = oracle.find(one.key);
      const answer = await said(shop.session.insert(record));
      if (there !== undefined) expect(["CONFLICT", false]).toContain(answer);
      else expect(answer).toBe(oracle.taken(record) ? "CONFLICT" : true);
      if (answer === true) oracle.store(record);
      return;
    }
    case "insertMany": {
      const records = one.many.map((each) => recordOf(each.key, each.fields, clock));
      const { results } = await shop.session.insertMany(records);
      // One after the other, in any order where several want the same: what is over already stands in nobody's way, so
      // it may have come first.
      const applied = records.filter((_, i) => results[i]!.outcome === "applied");
      const over = (record: Session) => record.until != null && record.until.getTime() <= clock.now;
      for (const record of [...applied.filter(over), ...applied.filter((one) => !over(one))]) {
        expect([oracle.find(record), oracle.taken(record)]).toEqual([undefined, false]);
        oracle.store(record);
      }
      for (const [i, record] of records.entries()) {
        const { outcome } = results[i]!;
        if (outcome === "applied") continue;
        expect(["present", "conflict"]).toContain(outcome);
        expect(oracle.find(record) !== undefined || oracle.taken(record)).toBe(true);
      }
      return;
    }
    case "put": {
      const record = recordOf(one.key, one.fields, clock);
      const taken = oracle.taken(record);
      expect(await said(shop.session.put(record))).toBe(taken ? "CONFLICT" : true);
      if (!taken) oracle.store(record);
      return;
    }
    case "putIf": {
      const record = recordOf(one.key, one.fields, clock);
      const there = oracle.find(one.key);
      const answer = await said(shop.session.put(record, { if: { hits: { gte: 0 } } }));
      expect(answer).toBe(there === undefined ? false : oracle.taken(record) ? "CONFLICT" : true);
      if (answer === true) oracle.store(record);
      return;
    }
    case "update": {
      const there = oracle.find(one.key);
      const { ends: steps, ...given } = one.fields as Given;
      const changes = { ...given, until: steps === undefined ? undefined : clock.until(steps) };
      const answer = await said(shop.session.update(one.key, changes as never));
      const next = there === undefined ? undefined : ({ ...there, ...changes } as Session);
      expect(answer).toBe(next === undefined ? false : oracle.taken(next) ? "CONFLICT" : true);
      if (answer === true) oracle.store(next!);
      return;
    }
    case "increment": {
      const there = oracle.find(one.key);
      expect(await said(shop.session.increment(one.key, { hits: 1 }))).toBe(there !== undefined);
      if (there !== undefined) oracle.store({ ...there, hits: there.hits + 1 });
      return;
    }
    case "delete": {
      const there = oracle.find(one.key);
      expect(await said(shop.session.delete(one.key))).toBe(there !== undefined);
      oracle.remove(one.key);
      return;
    }
    default:
      one satisfies never;
  }
}

async function compare(shop: Shop, oracle: Oracle, nullIsAbsent = false): Promise<void> {
  const tidy = (record: object | undefined) =>
    record === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(record).filter(([, value]) => value !== undefined && !(nullIsAbsent && value === null)),
        );
  const keys = ["u", "v"].flatMap((user) => [0, 1, 2, 3].map((id) => ({ user, id })));
  const wanted = keys.map((at) => tidy(oracle.find(at)));
  expect((await shop.session.getMany(keys)).map(tidy)).toEqual(wanted);
  expect(tidy(await shop.sessionById(keys[1]!))).toEqual(wanted[1]);
  for (const user of ["u", "v"]) {
    const rows = oracle.alive.filter((one) => one.user === user).sort((a, b) => b.at - a.at || b.id - a.id);
    const { items } = await shop.sessionsOfUser({ user }, { limit: 2 });
    expect(items.map(tidy)).toEqual(rows.slice(0, 2).map(tidy));
    const found = [];
    for await (const row of shop.sessionsAt.each({ user, at: 1 }, { limit: 1 })) found.push(tidy(row));
    const at1 = rows.filter(({ at }) => at === 1).sort((a, b) => a.hits - b.hits || a.id - b.id);
    expect(found).toEqual(at1.map(tidy));
  }
}

for (const engine of [mongo, onRedis, dynamo, onCassandra]) {
  describe(`expires on ${engine.engine}`, () => {
    beforeAll(() => engine.start());
    afterAll(() => engine.stop());

    test("no read gives what has ended, and every write is as if it were not there", { timeout: 300_000 }, async () => {
      const cases = fc.array(action, { minLength: 10, maxLength: 30 });
      const { runs } = engine;
      let played = 0;
      await fc.assert(
        // Each of them waits, so they wait together.
        fc.asyncProperty(fc.array(cases, { minLength: 10, maxLength: 10 }), async (many) => {
          await Promise.all(
            many.map(async (actions) => {
              const adapter = await engine.place();
              expect((await apply(model, adapter)).ready).toBe(true);
              const shop = connectTo(adapter);
              const clock = new Clock();
              const oracle = new Oracle(clock);
              await clock.pass();
              for (const one of actions) {
                const work = async (): Promise<void> => {
                  await play(shop, oracle, clock, one);
                  if (one.kind === "pass" || one === actions.at(-1)) await compare(shop, oracle, engine.nullIsAbsent);
                };
                const failure = await work().then(
                  () => undefined,
                  (error: unknown) => ({ error }),
                );
                if (clock.late) break;
                if (failure !== undefined) throw failure.error;
                played++;
              }
              await shop.$close();
            }),
          );
        }),
        { numRuns: Number(process.env["KEYFOLD_RUNS"] ?? runs), endOnFailure: true },
      );
      expect(played).toBeGreaterThan(50);
    });
  });
}
