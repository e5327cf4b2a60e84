import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, day, decimal, defineModel, entity, get, list, together, top } from "../../src/index.js";
import { seededRandom } from "../../src/testing/random.js";

/**
 * A seeded workload through keyfold's adapter, as data: the same steps run on two servers, and each step's answer is
 * compared. What is free is taken out of the answers: versions, which begin with the clock's time, become how far a
 * record has come since its first one.
 */

const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string(), visits: z.int(), credit: decimal(2) }),
  key: ["customerId"],
});
const orderSchema = z.object({
  customerId: z.string(),
  orderId: z.int(),
  total: decimal(2),
  at: z.date(),
  country: z.string(),
  state: z.enum(["open", "sent", "gone"]),
  big: z.bigint().optional(),
  note: z.string().optional(),
});
const order = entity("order", { schema: orderSchema, key: ["customerId", "orderId"] });
const coupon = entity("coupon", { schema: orderSchema, key: ["customerId", "orderId"], unique: [["note"]] });

const patterns = {
  orderByKey: get(order, { consistency: "strong" }),
  file: together([customer, order], { by: ["customerId"] }),
  ordersOf: list(order, { by: ["customerId"], order: { orderId: "asc" }, consistency: "strong" }),
  byCountry: list(order, { by: ["country"], order: { total: "desc", orderId: "asc" }, consistency: "eventual" }),
  sent: list(order, {
    by: ["country"],
    range: "at",
    order: { at: "asc" },
    where: { state: "sent" },
    consistency: "eventual",
  }),
  byNote: list(order, { by: ["note"], order: { at: "desc" }, consistency: "eventual" }),
} as const;

/** Models by what they ask of the server: one item a write, or transactions too. */
export const models = {
  /** Home items and global indexes: writes of single items alone. */
  items: defineModel({ entities: { customer, order }, patterns }),
  /** The same with copies, unique values and contributions to sums, which are written in transactions. */
  transactions: defineModel({
    entities: { customer, order, coupon },
    patterns: {
      ...patterns,
      strongByNote: list(order, { by: ["note"], order: { orderId: "desc" }, consistency: "strong" }),
      couponsOf: list(coupon, { by: ["country"], order: { at: "desc" }, consistency: "strong" }),
      perCountry: top(order, { by: "country", sum: "total", range: day("at"), consistency: "eventual" }),
    },
  }),
};
export type ModelName = keyof typeof models;

/** A call of the client: `on[method](...args)`, where a version stands for one that was seen before. */
export interface Step {
  readonly on: string;
  readonly method: "insert" | "put" | "update" | "increment" | "delete" | "get" | "getMany" | "insertMany" | "pages";
  readonly args: readonly unknown[];
  /** The record that is written, by which its versions are kept. */
  readonly id?: string;
  /** Demand the version that was seen last, or one that never was. */
  readonly ifVersion?: "last" | "never";
}

type Random = () => number;
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
const int = (random: Random, below: number): number => Math.floor(random() * below);

const customers = ["a", "a#", "a b", "", "é", "\u{1f600}", "\uffff", "b"].map((name) => `c${name}`);
const countries = ["UK", "EIRE", "Ünited", ""];
const notes = ["n", "n#", "# n", "\u0000", "long".repeat(60), undefined];
const totals = ["0.00", "-0.50", "2.55", "10.00", "9.99", "-1000.00", "99999999999.99"] as const;

function orderOf(random: Random, unique = false): Record<string, unknown> {
  const note = unique ? `u${int(random, 12)}` : pick(random, notes);
  return {
    customerId: pick(random, customers),
    orderId: int(random, 14) - 4,
    total: pick(random, totals),
    at: new Date(Date.UTC(2024, 0, 1 + int(random, 3), int(random, 24))),
    country: pick(random, countries),
    state: pick(random, ["open", "sent", "gone"]),
    ...(random() < 0.3 ? { big: BigInt(int(random, 1000)) * 9_007_199_254_741n - 5n } : {}),
    ...(note === undefined ? {} : { note }),
  };
}

const keyOf = ({ customerId, orderId }: Record<string, unknown>) => ({ customerId, orderId });

/** Steps that depend on the seed alone. */
export function steps(model: ModelName, count: number, seed: number): Step[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => step(model, random));
}

function step(model: ModelName, random: Random): Step {
  const orders = model === "transactions" && random() < 0.25 ? "coupon" : "order";
  const record = orderOf(random, orders === "coupon");
  const id = `${orders} ${JSON.stringify(keyOf(record))}`;
  const demand = random();
  const ifVersion = demand < 0.15 ? "last" : demand < 0.2 ? "never" : undefined;
  const write = (method: Step["method"], ...args: unknown[]): Step => ({
    ...{ on: orders, method, args, id },
    ...(ifVersion === undefined || method === "insert" ? {} : { ifVersion }),
  });
  const kind = random();
  if (kind < 0.16) return write("insert", record);
  if (kind < 0.26) return write("put", record);
  if (kind < 0.4) {
    const { customerId, orderId, ...rest } = record;
    const changes = Object.fromEntries(Object.entries(rest).filter(() => random() < 0.4));
    if (record["note"] === undefined && random() < 0.5) changes["note"] = undefined;
    if (Object.keys(changes).length === 0) changes["state"] = "sent";
    const demanded = random() < 0.2 ? { if: { state: pick(random, ["open", "sent"]) } } : {};
    return write("update", { customerId, orderId }, changes, demanded);
  }
  if (kind < 0.45) return write("increment", keyOf(record), { total: pick(random, totals) });
  if (kind < 0.52) return write("delete", keyOf(record));
  if (kind < 0.58) {
    const customerId = record["customerId"];
    const whole = { customerId, name: `# ${int(random, 3)}`, visits: int(random, 5), credit: pick(random, totals) };
    return { on: "customer", method: "put", args: [whole], id: `customer ${customerId}` };
  }
  if (kind < 0.62) {
    const amounts = { visits: int(random, 3) - 1, credit: pick(random, totals) };
    const key = { customerId: record["customerId"] };
    return { on: "customer", method: "increment", args: [key, amounts], id: `customer ${key.customerId}` };
  }
  if (kind < 0.65) {
    const records = new Map(
      Array.from({ length: 1 + int(random, 60) }, () => orderOf(random)).map((one) => [
        JSON.stringify(keyOf(one)),
        one,
      ]),
    );
    return { on: "order", method: "insertMany", args: [[...records.values()]] };
  }
  if (kind < 0.7) return { on: orders, method: "get", args: [keyOf(record)] };
  if (kind < 0.74) {
    return {
      on: orders,
      method: "getMany",
      args: [Array.from({ length: int(random, 40) }, () => keyOf(orderOf(random)))],
    };
  }
  return question(model, record, random);
}

/** Pages of a pattern: all of them, of a size. */
function question(model: ModelName, record: Record<string, unknown>, random: Random): Step {
  const limit = pick(random, [1, 2, 5, 30]);
  const { customerId, country, note = "n" } = record;
  const from = new Date(Date.UTC(2024, 0, 1 + int(random, 2), 6));
  const pages = (on: string, parameters: object): Step => ({ on, method: "pages", args: [parameters, { limit }] });
  const simple = [
    pages("file", { customerId }),
    pages("ordersOf", { customerId }),
    pages("byCountry", { country }),
    pages("sent", { country }),
    pages("sent", { country, at: { gte: from } }),
    pages("sent", { country, at: { gte: from, lt: new Date(from.getTime() + 36 * 3_600_000) } }),
    pages("byNote", { note }),
  ];
  if (model === "items") return pick(random, simple);
  const midnight = new Date(Date.UTC(2024, 0, 1 + int(random, 3)));
  return pick(random, [
    ...simple,
    pages("strongByNote", { note }),
    pages("couponsOf", { country }),
    pages("perCountry", {}),
    pages("perCountry", { at: { gte: midnight } }),
  ]);
}

type AnyCall = (...args: unknown[]) => Promise<unknown>;
/** The client without its types: entities have methods, patterns are called. */
type AnyShop = Record<string, Record<string, AnyCall> & AnyCall>;

/** One server with the model's client on a table of its own. */
/** Has a client say of statements what a server without them says. */
function refuseStatements(client: DynamoDBClient): void {
  const send = client.send.bind(client) as (command: object, ...more: unknown[]) => Promise<unknown>;
  const guarded = (command: object, ...more: unknown[]): Promise<unknown> =>
    command.constructor.name === "BatchExecuteStatementCommand"
      ? Promise.reject(Object.assign(new Error("no statements"), { name: "UnknownOperationException" }))
      : send(command, ...more);
  client.send = guarded as typeof client.send;
}

export class Side {
  readonly #shop: AnyShop;
  readonly #close: () => Promise<void>;
  readonly #versions = new Map<string, { first: number; last: number }>();

  private constructor(shop: object, close: () => Promise<void>) {
    this.#shop = shop as AnyShop;
    this.#close = close;
  }

  /**
   * @param url `dynamodb://…/Table`; the table is made, and removed by {@link close}.
   * @param statements whether the server may be asked for statements; one that knows none gets single puts.
   */
  static async open(url: string, model: ModelName, statements = true): Promise<Side> {
    const { client, table } = open(url);
    if (!statements) refuseStatements(client);
    const adapter = dynamodb(client, { table });
    await apply(models[model], adapter);
    const shop = connect(models[model], adapter, { deadlineMs: 60_000 });
    return new Side(shop, async () => {
      const { DeleteTableCommand } = await import("@aws-sdk/client-dynamodb");
      await shop.$close();
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** The step's answer, or the code of its error, as text that can be compared. */
  async answer(step: Step): Promise<string> {
    try {
      return shown(this.#normal(await this.#call(step), step));
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message?: string };
      return `${code ?? "not a KeyfoldError"}: ${message}`.replaceAll(/kf_\w+/g, "TABLE");
    }
  }

  async #call({ on, method, args, id, ifVersion }: Step): Promise<unknown> {
    const target = this.#shop[on]!;
    if (method === "pages") return this.#pages(target, args as [object, { limit: number }]);
    if (ifVersion === undefined || id === undefined) return target[method]!(...args);
    const version = ifVersion === "last" ? (this.#versions.get(id)?.last ?? 1) : 7;
    const place = method === "put" || method === "delete" ? 1 : 2;
    const options = { ...(args[place] as object | undefined), ifVersion: version };
    return target[method]!(...args.slice(0, place), options);
  }

  async #pages(ask: AnyCall, [parameters, options]: [object, { limit: number }]): Promise<unknown> {
    const found: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = (await ask(parameters, { ...options, cursor })) as { items: unknown[]; cursor: string | undefined };
      found.push(page.items);
      cursor = page.cursor;
    } while (cursor !== undefined && found.length < 1_000);
    return found;
  }

  /** Versions of a record as steps from its first one. */
  #normal(answer: unknown, { id, method }: Step): unknown {
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer;
    const { version, applied } = answer as { version?: number; applied?: boolean };
    if (id === undefined || method === "get") return answer;
    // A record that is made again begins anew, with the clock.
    if (method === "delete" && applied === true) this.#versions.delete(id);
    if (version === undefined) return answer;
    const first = this.#versions.get(id)?.first ?? version;
    this.#versions.set(id, { first, last: version });
    return { ...answer, since: version - first };
  }
}

function shown(value: unknown): string {
  const plain = (name: string, one: unknown) =>
    name === "version" ? undefined : typeof one === "bigint" ? `${one}n` : one;
  return JSON.stringify(value, plain) ?? "undefined";
}

export interface Difference {
  readonly at: number;
  readonly step: string;
  readonly ours: string;
  readonly theirs: string;
}

const SHOWN = 400;
const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** Runs the steps on both, one after the other; all differences that are not known. */
export async function compare(
  ours: Side,
  theirs: Side,
  work: readonly Step[],
  known: (step: Step, ours: string, theirs: string) => boolean = () => false,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [at, step] of work.entries()) {
    const [left, right] = await Promise.all([ours.answer(step), theirs.answer(step)]);
    if (left === right || known(step, left, right)) continue;
    // Of long answers, what comes before and behind the first difference.
    let from = 0;
    while (from < left.length && left[from] === right[from]) from++;
    from = Math.max(0, from - 100);
    differences.push({ at, step: cut(shown(step)), ours: cut(left.slice(from)), theirs: cut(right.slice(from)) });
  }
  return differences;
}
