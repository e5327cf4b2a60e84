/** The demo's questions: each pattern of the model, with parameters that the data itself suggests, timed. */

import type { AnyPatternClient } from "../query/command.js";

type Row = Record<string, unknown>;

/** One question and its answer. */
export interface Answer {
  readonly pattern: string;
  /** The parameters, as one would write them after `keyfold query`. */
  readonly asked: string;
  /** Rows of the answer, which is one page of `limit` rows at most. */
  readonly rows: number;
  readonly limit: number | undefined;
  /** Median time of one request. */
  readonly ms: number;
  readonly times: number;
  readonly index: string | undefined;
  readonly keysExamined: number | undefined;
  readonly documentsExamined: number | undefined;
  /** The first rows. */
  readonly sample: readonly Row[];
}

/** How long one pattern may be asked again and again. */
const BUDGET_MS = 250;
const MOST_TIMES = 200;

/** Asks every pattern. */
export async function ask(client: Readonly<Record<string, AnyPatternClient>>): Promise<Answer[]> {
  const pattern = (name: string): AnyPatternClient => client[name] as AnyPatternClient;
  const page = async (name: string, params: Row, limit: number): Promise<Row[]> =>
    ((await pattern(name)(params, { limit })) as { items: Row[] }).items;

  const december = { from: "2010-12-01", to: "2011-01-01" };
  const [best] = await page("topCustomers", {}, 1);
  const customer = { customerId: String(best?.["customerId"] ?? "") };
  const bought = await page("linesByCustomer", customer, 20);
  // What was sent back says less.
  const latest = bought.find((line) => Number(line["quantity"]) > 0) ?? bought[0];
  const seq = { seq: Number(latest?.["seq"] ?? 1) };
  const invoice = { invoiceNo: String(latest?.["invoiceNo"] ?? "") };
  const day = { day: latest === undefined ? "2010-12-01" : (latest["at"] as Date).toISOString().slice(0, 10) };

  const list = (name: string, params: Row, limit: number): Promise<Answer> =>
    timed(name, pattern(name), params, limit, () => page(name, params, limit));
  return [
    await timed("lineBySeq", pattern("lineBySeq"), seq, undefined, async () => {
      const record = (await pattern("lineBySeq")(seq)) as Row | undefined;
      return record === undefined ? [] : [record];
    }),
    await list("linesByCustomer", customer, 5),
    await list("linesByInvoice", invoice, 50),
    await list("linesByDay", day, 100),
    await list("topCustomers", december, 5),
    await list("revenueByCountry", {}, 5),
  ];
}

async function timed(
  name: string,
  client: AnyPatternClient,
  params: Row,
  limit: number | undefined,
  run: () => Promise<Row[]>,
): Promise<Answer> {
  const told = (await client.explain(params, limit === undefined ? {} : { limit })) as Row;
  let rows = await run();
  const times: number[] = [];
  const end = performance.now() + BUDGET_MS;
  do {
    const from = performance.now();
    rows = await run();
    times.push(performance.now() - from);
  } while (performance.now() < end && times.length < MOST_TIMES);
  times.sort((a, b) => a - b);
  const words = Object.entries(params).map(([param, value]) => `${param}=${String(value)}`);
  return {
    pattern: name,
    asked: words.join(" "),
    rows: rows.length,
    limit,
    ms: times[Math.floor(times.length / 2)] as number,
    times: times.length,
    index: told["index"] as string | undefined,
    keysExamined: told["keysExamined"] as number | undefined,
    documentsExamined: told["documentsExamined"] as number | undefined,
    sample: rows.slice(0, 5),
  };
}
