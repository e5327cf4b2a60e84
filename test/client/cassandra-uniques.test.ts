/** Unique values under writers of one record that stand in each other's way, each step where it hurts. */

import { type Client, errors } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, defineModel, entity, get, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { codeOf } from "./shop.js";

const account = entity("account", {
  schema: z.object({ id: z.string(), email: z.string(), team: z.string(), hits: z.int() }),
  key: ["id"],
  unique: [["email"]],
});
const patterns = {
  accountById: get(account),
  accountsOfTeam: list(account, { by: ["team"], order: { hits: "desc" } }),
};
const model = defineModel({ entities: { account }, patterns });

const server = new CassandraServer();
let keyspace: string;
beforeAll(async () => {
  await server.start();
  keyspace = server.keyspace();
  expect((await apply(model, cassandra(server.client, { keyspace }))).ready).toBe(true);
}, 60_000);
afterAll(() => server.stop());

/** A process whose next request that the text fits waits until it may go on. */
class Process {
  #gate: { readonly text: RegExp; readonly reached: () => void; readonly open: Promise<void> } | undefined;
  #lost: RegExp | undefined;
  readonly shop = connect(model, cassandra(this.#client(), { keyspace }), { deadlineMs: 20_000 });

  #client(): Client {
    const pass = async (text: string): Promise<void> => {
      const gate = this.#gate;
      if (gate?.text.test(text) !== true) return;
      this.#gate = undefined;
      gate.reached();
      await gate.open;
    };
    return new Proxy(server.client, {
      get: (client, name) => {
        if (name === "execute") {
          return async (query: string, ...rest: never[]) => {
            await pass(query);
            const answer = await client.execute(query, ...(rest as []));
            if (this.#lost?.test(query) !== true) return answer;
            this.#lost = undefined;
            throw new errors.OperationTimedOutError("the answer was lost");
          };
        }
        if (name === "batch") {
          return async (queries: never, options: never) => {
            await pass("BATCH");
            return client.batch(queries, options);
          };
        }
        const value: unknown = Reflect.get(client, name, client);
        return typeof value === "function" ? value.bind(client) : value;
      },
    });
  }

  /** Waits before the request; `reached` resolves then. */
  stopAt(text: RegExp): { readonly reached: Promise<void>; goOn(): void } {
    let goOn = (): void => {};
    let reach = (): void => {};
    const open = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    this.#gate = { text, reached: reach, open };
    return { reached, goOn };
  }

  /** The next answer to such a request is lost. */
  lose(text: RegExp): void {
    this.#lost = text;
  }
}

/** The transaction on the record itself. */
const HOME = /^UPDATE \S+\.account (USING|SET)/;
let ids = 0;
const make = (over: Partial<(typeof account)["$record"]> = {}) => {
  const id = over.id ?? `id${ids++}`;
  return { id, email: `${id}@x`, team: "t", hits: 0, ...over };
};
async function start(): Promise<[Process, Process]> {
  const two: [Process, Process] = [new Process(), new Process()];
  await Promise.all(two.map(({ shop }) => shop.account.get({ id: "none" })));
  return two;
}
const outcome = (work: Promise<{ readonly applied: boolean }>) => codeOf(work).then((code) => code ?? "done");

test("a write that lost its race leaves the value to the write of the same record that won", async () => {
  const [one, two] = await start();
  const record = make();
  await one.shop.account.insert(record);
  const stop = one.stopAt(HOME);
  const first = outcome(one.shop.account.put({ ...record, email: "a1@x", hits: 1 }));
  await stop.reached;
  await two.shop.account.put({ ...record, email: "a1@x", hits: 2 });
  stop.goOn();
  expect(await first).toBe("done");
  expect(await outcome(two.shop.account.insert(make({ email: "a1@x" })))).toBe("CONFLICT");
});

test("a write whose claim another write of the same record took over is applied when it wins", async () => {
  const [one, two] = await start();
  const record = make();
  await one.shop.account.insert(record);
  const stop = one.stopAt(HOME);
  const first = outcome(one.shop.account.put({ ...record, email: "b1@x", hits: 1 }));
  await stop.reached;
  const stopTwo = two.stopAt(HOME);
  const second = outcome(two.shop.account.put({ ...record, email: "b1@x", hits: 2 }));
  await stopTwo.reached;
  stop.goOn();
  expect(await first).toBe("done");
  stopTwo.goOn();
  expect(await second).toBe("done");
  expect(await one.shop.account.get({ id: record.id })).toMatchObject({ email: "b1@x", hits: 2 });
  expect(await outcome(two.shop.account.insert(make({ email: "b1@x" })))).toBe("CONFLICT");
});

test("a value that comes back to its record before it was freed is not freed", async () => {
  const [one, two] = await start();
  const record = make({ email: "c1@x" });
  await one.shop.account.insert(record);
  const stop = one.stopAt(/^BATCH$/);
  const first = outcome(one.shop.account.update({ id: record.id }, { email: "c2@x" }));
  await stop.reached;
  expect(await outcome(two.shop.account.update({ id: record.id }, { email: "c1@x" }))).toBe("done");
  stop.goOn();
  expect(await first).toBe("done");
  expect(await outcome(two.shop.account.insert(make({ email: "c1@x" })))).toBe("CONFLICT");
  expect(await outcome(two.shop.account.insert(make({ email: "c2@x" })))).toBe("done");
});

test("two records with one writeId do not share a value", async () => {
  const [one, two] = await start();
  const stop = one.stopAt(HOME);
  const first = outcome(one.shop.account.insert(make({ email: "d1@x" }), { writeId: "same" }));
  await stop.reached;
  expect(await outcome(two.shop.account.insert(make({ email: "d1@x" }), { writeId: "same" }))).toBe("CONFLICT");
  stop.goOn();
  expect(await first).toBe("done");
});

test("a value is free at once when its record is gone and its row was left", async () => {
  const [one, two] = await start();
  const record = make({ email: "e1@x" });
  await one.shop.account.insert(record);
  // The writer dies before it frees the value.
  const stop = one.stopAt(/^DELETE FROM \S+\.account_unique_email/);
  const gone = one.shop.account.delete({ id: record.id });
  await stop.reached;
  expect(await outcome(two.shop.account.insert(make({ email: "e1@x" })))).toBe("done");
  stop.goOn();
  await gone;
  expect(await outcome(two.shop.account.insert(make({ email: "e1@x" })))).toBe("CONFLICT");
});

test("a value that another record claims is waited for, and is free when that one was there already", async () => {
  const [one, two] = await start();
  const record = make();
  await one.shop.account.insert(record);
  const stop = one.stopAt(HOME);
  const first = outcome(one.shop.account.insert({ ...record, email: "h1@x" }));
  await stop.reached;
  const second = outcome(two.shop.account.insert(make({ email: "h1@x" })));
  stop.goOn();
  expect(await first).toBe("CONFLICT");
  expect(await second).toBe("done");
});

test("a record that its server refuses gives its values back", async () => {
  const [one, two] = await start();
  const large = make({ email: "f1@x", team: "x".repeat(16 * 1024 * 1024) });
  expect(await outcome(one.shop.account.insert(large))).toBe("TOO_LARGE");
  expect(await outcome(two.shop.account.insert(make({ email: "f1@x" })))).toBe("done");
});

test("a write whose answer was lost holds its value, and frees the one before", async () => {
  const [one] = await start();
  const record = make({ email: "g1@x" });
  await one.shop.account.insert(record);
  one.lose(HOME);
  expect(await outcome(one.shop.account.update({ id: record.id }, { email: "g2@x" }))).toBe("done");
  const { rows } = await server.client.execute(`SELECT email, kf_held FROM ${keyspace}.account_unique_email`);
  const found = rows.filter((row) => String(row["email"]).startsWith("g"));
  expect(found.map((row) => [row["email"], row["kf_held"]])).toEqual([["g2@x", true]]);
});

test("apply finishes a delete whose writer died, where it fills another table", async () => {
  const [one] = await start();
  const record = make({ team: "dead" });
  await one.shop.account.insert(record);
  const stop = one.stopAt(/^BATCH$/);
  const gone = outcome(one.shop.account.delete({ id: record.id }));
  await stop.reached;
  expect((await one.shop.accountsOfTeam({ team: "dead" })).items).toHaveLength(1);
  const more = defineModel({
    entities: { account },
    patterns: { ...patterns, accountsByHits: list(account, { by: ["hits"], order: { team: "asc" } }) },
  });
  expect((await apply(more, cassandra(server.client, { keyspace }))).ready).toBe(true);
  expect((await one.shop.accountsOfTeam({ team: "dead" })).items).toEqual([]);
  stop.goOn();
  expect(await gone).toBe("done");
});

test("of records of one insertMany that share a key or a value the earlier one is stored", async () => {
  const [{ shop }] = await start();
  const stored = make({ email: "many0@x" });
  await shop.account.insert(stored);
  const second = make({ email: "many1@x" });
  const { failures } = await shop.account.insertMany([
    // Refused for its key, so that its value is free for the second one.
    { ...stored, email: "many1@x" },
    second,
    { ...second, email: "many2@x" },
  ]);
  expect(failures.map(({ index }) => index)).toEqual([0, 2]);
  expect(await shop.accountById({ id: second.id })).toEqual(second);
});
