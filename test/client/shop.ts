import { randomBytes } from "node:crypto";
import type { MongoClient } from "mongodb";
import { afterAll, beforeAll } from "vitest";
import { z } from "zod";
import { mongodb, open } from "../../src/adapters/mongodb/index.js";
import { type ConnectOptions, connect } from "../../src/client/connect.js";
import {
  day,
  decimal,
  defineModel,
  describe as describeModel,
  entity,
  get,
  list,
  search,
  top,
} from "../../src/index.js";

/** The model of these tests: lines of invoices, accounts with a unique e-mail address, and one of every field type. */
export const line = entity("line", {
  schema: z.object({
    seq: z.int(),
    invoiceNo: z.string(),
    description: z.string().optional(),
    quantity: z.int(),
    total: decimal(3),
    at: z.date(),
    customerId: z.string().optional(),
    country: z.string(),
  }),
  key: ["seq"],
});

export const account = entity("account", {
  schema: z.object({
    tenant: z.string(),
    id: z.string(),
    email: z.string(),
    balance: decimal(2),
    visits: z.int(),
    big: z.bigint().optional(),
    score: z.number().optional(),
  }),
  key: ["tenant", "id"],
  unique: [["email"]],
});

export const model = defineModel({
  entities: { line, account },
  patterns: {
    lineBySeq: get(line, { consistency: "strong" }),
    linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
    linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "asc" }, consistency: "eventual" }),
    linesByDay: list(line, { by: [day("at")], order: { at: "desc", seq: "desc" }, consistency: "eventual" }),
    linesOfCountry: list(line, { by: ["country"], range: "at", order: { at: "asc" } }),
    topCustomers: top(line, {
      by: "customerId",
      sum: "total",
      where: { quantity: { gt: 0 } },
      range: day("at"),
      consistency: "eventual",
    }),
    countries: top(line, { by: "country" }),
    accountsOfTenant: list(account, { by: ["tenant"], order: { id: "asc" } }),
    searchLines: search(line, { text: ["description"], consistency: "eventual" }),
  },
});

export const described = describeModel(model);

/** A line with everything that a test does not care about. */
export function makeLine(seq: number, more: Partial<(typeof line)["$record"]> = {}): (typeof line)["$record"] {
  return {
    seq,
    invoiceNo: `I${Math.floor(seq / 10)}`,
    description: `thing ${seq}`,
    quantity: (seq % 7) + 1,
    total: `${seq}.250` as `${number}`,
    at: new Date(Date.UTC(2010, 11, 1 + (seq % 5), 8, 0, seq % 60)),
    customerId: `C${seq % 4}`,
    country: seq % 2 === 0 ? "United Kingdom" : "EIRE",
    ...more,
  };
}

export function makeAccount(id: string, more: Partial<(typeof account)["$record"]> = {}): (typeof account)["$record"] {
  return { tenant: "t", id, email: `${id}@example.org`, balance: "10.00", visits: 0, ...more };
}

let engine: { readonly url: string; close(): Promise<void> } | undefined;

/** The server under test: a real one by `KEYFOLD_TEST_MONGODB_URL`, else the embedded engine in this process. */
export async function serverUrl(): Promise<string> {
  const given = process.env["KEYFOLD_TEST_MONGODB_URL"];
  if (given !== undefined) return given;
  if (engine === undefined) {
    const { startMongodb } = await import("../../src/testing/index.js");
    engine = await startMongodb();
  }
  return engine.url;
}

export async function stopServer(): Promise<void> {
  await engine?.close();
  engine = undefined;
}

/** All names that {@link freshName} gave in this process. */
export const freshNames: string[] = [];

/** A name that no other run has. */
export function freshName(prefix = "kf"): string {
  const name = `${prefix}_${randomBytes(6).toString("hex")}`;
  freshNames.push(name);
  return name;
}

/** A driver client and a database of its own for each test file, dropped at the end. */
export function useServer() {
  let client: MongoClient | undefined;
  const used: string[] = [];
  beforeAll(async () => {
    client = open(await serverUrl());
  });
  afterAll(async () => {
    for (const name of used) await client?.db(name).dropDatabase();
    await client?.close();
    await stopServer();
  });
  const database = () => {
    const name = freshName();
    used.push(name);
    return client!.db(name);
  };
  return {
    get client(): MongoClient {
      return client!;
    },
    database,
    /** A client of the model on an applied database of its own. */
    async shop(options: ConnectOptions = {}) {
      const db = database();
      const adapter = mongodb(db);
      await adapter.bind(described).apply({});
      return { shop: connect(model, adapter, options), db };
    },
  };
}

/** The code of the KeyfoldError that a promise is rejected with; undefined when it resolves. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as { readonly code?: string }).code ?? `not a KeyfoldError: ${String(error)}`;
  }
}
