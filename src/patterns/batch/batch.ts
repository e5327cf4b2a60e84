import { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Leftover } from "../dynamodb/batch-run.js";
import { BATCHES_IN_FLIGHT, type BatchWrite, readBatches, writeBatches } from "../dynamodb/batches.js";
import type { ClientLike, Doc } from "../dynamodb/driver.js";
import { failureOf } from "../dynamodb/errors.js";
import { checkSize } from "../dynamodb/item-size.js";
import { TableSender } from "./sender.js";
import type {
  BatchCall,
  BatchOptions,
  GetCall,
  GetResult,
  GotMany,
  ItemOf,
  NotDone,
  Write,
  WriteResult,
  WroteMany,
} from "./types.js";

/** Writes that are gathered, rid of those that a later one replaces, and sent together. */
const SLICE = 1_000;
const WRITTEN: WriteResult = { outcome: "written" };
const MISSING = { outcome: "missing" } as const;

/** Batches on one table; made by {@link batch}. */
export class Batches<Item extends object> {
  readonly #sender: TableSender<Item>;
  readonly #inFlight: number;
  readonly #deadlineMs: number;

  constructor(client: ClientLike, options: BatchOptions) {
    this.#sender = new TableSender(client, options.table, options.key);
    this.#inFlight = options.inFlight ?? BATCHES_IN_FLIGHT;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
  }

  /**
   * Writes any number of items, in the order given: of several writes of one key the last one holds. Never rejects for
   * single writes: what was not written comes back, with the reason.
   *
   * @throws KeyfoldError `INPUT_INVALID` when asked wrongly; what the source throws.
   */
  async write(
    writes: Iterable<Write<Item>> | AsyncIterable<Write<Item>>,
    call: BatchCall = {},
  ): Promise<WroteMany<Item>> {
    using whole = this.#deadline(call);
    const results: WriteResult[] = [];
    const failures: { index: number; write: Write<Item>; result: NotDone }[] = [];
    let written = 0;
    let superseded = 0;
    let complete = true;
    const send = async (slice: readonly Write<Item>[], first: number): Promise<void> => {
      using part = whole === undefined ? this.#part(call) : undefined;
      const found = await this.#writeSlice(slice, first, (whole ?? part) as Deadline);
      found.forEach((result, at) => {
        results.push(result);
        if (result.outcome === "written") written++;
        else if (result.outcome === "superseded") superseded++;
        else failures.push({ index: first + at, write: slice[at] as Write<Item>, result });
      });
    };
    let slice: Write<Item>[] = [];
    const take = async (write: Write<Item>): Promise<void> => {
      slice.push(write);
      if (slice.length < SLICE) return;
      const full = slice;
      slice = [];
      await send(full, results.length);
    };
    if (Symbol.asyncIterator in writes) {
      for await (const write of writes) {
        await take(write);
        if (isOver(whole, call)) {
          complete = false;
          break;
        }
      }
    } else for (const write of writes) await take(write);
    if (slice.length > 0) await send(slice, results.length);
    return { written, superseded, failures, results, complete };
  }

  /**
   * Reads any number of items by their keys, in the order given; a key may occur more than once. What could not be read
   * is never taken for missing.
   *
   * @throws KeyfoldError `INPUT_INVALID` when asked wrongly.
   */
  async get<Row extends object = Record<string, unknown>>(
    keys: Iterable<Item>,
    call: GetCall = {},
  ): Promise<GotMany<Row, Item>> {
    using whole = this.#deadline(call);
    const all = [...keys];
    const results: GetResult<Row>[] = [];
    for (let first = 0; first < all.length; first += SLICE) {
      using part = whole === undefined ? this.#part(call) : undefined;
      results.push(...(await this.#getSlice<Row>(all.slice(first, first + SLICE), call, (whole ?? part) as Deadline)));
    }
    return {
      items: results.map((result) => (result.outcome === "found" ? result.item : undefined)),
      missing: results.reduce((sum, { outcome }) => sum + (outcome === "missing" ? 1 : 0), 0),
      failures: results.flatMap((result, index) =>
        result.outcome === "found" || result.outcome === "missing" ? [] : [{ index, key: all[index] as Item, result }],
      ),
      results,
    };
  }

  /** The whole call's deadline; undefined: it named none, and each slice has its own. */
  #deadline({ deadlineMs, signal }: BatchCall): Deadline | undefined {
    if (signal?.aborted === true)
      throw new KeyfoldError("ABORTED", "The call's signal was aborted.", { cause: signal.reason });
    return deadlineMs === undefined ? undefined : new Deadline({ deadlineMs, signal });
  }

  #part({ signal }: BatchCall): Deadline {
    return new Deadline({ deadlineMs: this.#deadlineMs, signal });
  }

  async #writeSlice(slice: readonly Write<Item>[], first: number, deadline: Deadline): Promise<WriteResult[]> {
    const results: WriteResult[] = new Array(slice.length);
    const form = this.#sender.form(await this.#sender.key(deadline));
    const last = new Map<string, number>();
    slice.forEach((write, at) => {
      try {
        const item = "put" in write ? write.put : write.delete;
        if (typeof item !== "object" || item === null || ("put" in write && "delete" in write)) throw notAWrite();
        const key = form.key(item);
        if ("put" in write) checkSize(form.size(item), "item");
        const earlier = last.get(key);
        if (earlier !== undefined) results[earlier] = { outcome: "superseded", by: first + at };
        last.set(key, at);
      } catch (thrown) {
        results[at] = notDone("refused", false, failureOf(thrown).error);
      }
    });
    const positions = [...last.values()].sort((a, b) => a - b);
    const writes = positions.map((at): BatchWrite<Item> => {
      const write = slice[at] as Write<Item>;
      return "put" in write ? { PutRequest: { Item: write.put } } : { DeleteRequest: { Key: write.delete } };
    });
    const left = await writeBatches(writes, form, this.#sender, deadline, this.#inFlight);
    for (const at of positions) results[at] = WRITTEN;
    for (const one of left) results[positions[one.position] as number] = leftOver(one);
    return results;
  }

  async #getSlice<Row>(keys: readonly Item[], call: GetCall, deadline: Deadline): Promise<GetResult<Row>[]> {
    const results: GetResult<Row>[] = new Array(keys.length);
    const names = Object.keys(keys[0] ?? {});
    const form = this.#sender.form(names);
    const wanted = new Map<string, number[]>();
    keys.forEach((key, at) => {
      try {
        if (Object.keys(key).length !== names.length) throw unlike(names);
        const text = form.key(key);
        const others = wanted.get(text);
        if (others === undefined) wanted.set(text, [at]);
        else others.push(at);
      } catch (thrown) {
        results[at] = notDone("refused", false, failureOf(thrown).error);
      }
    });
    const settle = (text: string, result: GetResult<Row>): void => {
      for (const at of wanted.get(text) ?? []) results[at] = result;
    };
    const distinct = [...wanted.values()].map(([at]) => keys[at as number] as Item);
    const left = await readBatches(
      distinct,
      { consistent: call.consistent ?? false, ...projectionOf(call.attributes, names) },
      (item) => settle(form.key(item), { outcome: "found", item: item as unknown as Row }),
      form,
      this.#sender,
      deadline,
      this.#inFlight,
    );
    for (const one of left) settle(form.key(one.item), leftOver(one));
    for (let at = 0; at < keys.length; at++) results[at] ??= MISSING;
    return results;
  }
}

function isOver(whole: Deadline | undefined, { signal }: BatchCall): boolean {
  return whole?.over === true || signal?.aborted === true;
}

function projectionOf(
  attributes: readonly string[] | undefined,
  key: readonly string[],
): { readonly projection?: Doc } {
  if (attributes === undefined) return {};
  const names = [...new Set([...key, ...attributes])].map((name, at) => [`#a${at}`, name] as const);
  return {
    projection: {
      ProjectionExpression: names.map(([placeholder]) => placeholder).join(", "),
      ExpressionAttributeNames: Object.fromEntries(names),
    },
  };
}

function notDone(outcome: NotDone["outcome"], mayBeDone: boolean, error: KeyfoldError): NotDone {
  return { outcome, mayBeDone, error };
}

function leftOver({ reason, sent, error }: Leftover<unknown>): NotDone {
  const why =
    error ??
    new KeyfoldError("THROTTLED", "DynamoDB gave it back unprocessed until the time or the retry budget was spent.", {
      fix: "Send it again later, give the call more time, or raise the table's capacity.",
    });
  const refused = reason === "failed" && !sent && (why.code === "TOO_LARGE" || why.code === "DRIVER_ERROR");
  return notDone(refused ? "refused" : reason, sent, why);
}

function notAWrite(): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", "A write is { put: item } or { delete: key }.", {
    fix: "Give each write one of the two, with an object.",
  });
}

function unlike(names: readonly string[]): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `A key is not like the first one, which has ${names.join(", ")}.`, {
    fix: "Give the attributes of the table's key, and nothing else.",
  });
}

/**
 * Safe batch writes and gets on your own `DynamoDBDocumentClient` or `DynamoDBClient` of the AWS SDK v3: any size, in
 * requests as large as DynamoDB takes. What comes back unprocessed and what is refused for load is sent again with full
 * jitter, from a budget, until a deadline; the rest comes back, typed. Items are in the client's own form.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no client or no table.
 *
 * @example
 * ```ts
 * const orders = batch(documents, { table: "Orders" });
 * const { failures } = await orders.write([{ put: { id: "1", total: 3 } }, { delete: { id: "2" } }]);
 * const { items } = await orders.get([{ id: "1" }, { id: "2" }], { consistent: true });
 * ```
 */
export function batch<C extends ClientLike>(client: C, options: BatchOptions): Batches<ItemOf<C>> {
  if (typeof (client as Partial<ClientLike> | undefined)?.send !== "function") {
    throw new KeyfoldError("INPUT_INVALID", "batch() takes a client of the AWS SDK v3.", {
      fix: "Pass a DynamoDBDocumentClient, or new DynamoDBClient({ … }).",
    });
  }
  const { table, key, inFlight = 1, deadlineMs = 1 } = (options ?? {}) as Partial<BatchOptions>;
  if (typeof table !== "string" || table === "") {
    throw new KeyfoldError("INPUT_INVALID", "batch() takes the name of a table.", {
      fix: 'Pass { table: "Orders" }.',
    });
  }
  if (!Number.isInteger(inFlight) || inFlight < 1 || !(deadlineMs > 0) || (key !== undefined && key.length === 0)) {
    throw new KeyfoldError("INPUT_INVALID", "batch() was given a setting that it cannot use.", {
      fix: "inFlight is a whole number from 1 on, deadlineMs a positive number, key one or two attributes.",
    });
  }
  return new Batches<ItemOf<C>>(client, options);
}
