import { apply, connect } from "keyfold";
import { open, type RedisClient, redis } from "keyfold/redis";
import model from "../../examples/online-retail/model.js";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { lineDocument } from "../mongodb/documents.js";

const CUSTOMERS = 200;
const STORED = 20_000;
const CONCURRENT = 64;

type LineRecord = Parameters<ReturnType<typeof shopOf>["line"]["insert"]>[0];
type Driver = Awaited<ReturnType<typeof open>>;

function shopOf(client: Driver, prefix: string) {
  return connect(model, redis(client as unknown as RedisClient, { prefix }));
}

function lineRecord(number: number): LineRecord {
  const { _id, unitPrice, total, at, ...rest } = lineDocument(number) as Record<string, unknown>;
  return {
    ...rest,
    at: new Date(at as number | Date),
    customerId: String(12_000 + (number % CUSTOMERS)),
    unitPrice: String(unitPrice),
    total: String(total),
  } as LineRecord;
}

/** Runs `work` for the numbers below `count`, so many at a time. */
async function inParallel(count: number, work: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      for (let number = next++; number < count; number = next++) await work(number);
    }),
  );
}

/**
 * keyfold's client beside the raw driver, node-redis, which sends the very commands that keyfold's plan has, with
 * arguments made before, and reads the answers as JSON.
 */
export async function modelComparisons(
  server: ServerProcess,
  report: (comparison: Comparison) => void,
  options: RoundsOptions = {},
): Promise<void> {
  const client = await open(server.url);
  const raw = await open(server.url);
  const prefixes = { keyfold: "bench_keyfold", raw: "bench_raw" };
  for (const prefix of Object.values(prefixes)) {
    await apply(model, redis(client as unknown as RedisClient, { prefix }));
    const shop = shopOf(client, prefix);
    await shop.line.insertMany(Array.from({ length: STORED }, (_, number) => lineRecord(number)));
    await shop.$close();
  }
  const shop = shopOf(client, prefixes.keyfold);
  await shop.$ready;
  const rawKey = (seq: number) => `${prefixes.raw}:{line}:${wholeText(seq)}`;
  const library = `keyfold_${prefixes.raw.replaceAll("_", "_5f_")}`;

  const gets = 4_000;
  report(
    await compare(
      `one record by its key, ${CONCURRENT} at a time`,
      "≥ 1 × the raw driver's GET",
      [
        {
          name: "keyfold",
          run: () => timed(gets, () => inParallel(gets, (number) => shop.lineBySeq({ seq: (number * 7) % STORED }))),
        },
        {
          name: "node-redis, GET and JSON.parse",
          run: () =>
            timed(gets, () =>
              inParallel(gets, async (number) => JSON.parse((await raw.get(rawKey((number * 7) % STORED)))!)),
            ),
        },
      ],
      options,
    ),
  );

  const many = 300;
  const hundred = (number: number) => Array.from({ length: 100 }, (_, i) => (number * 100 + i) % STORED);
  report(
    await compare(
      "100 records by their keys, 8 at a time, records",
      "≥ 0.6 × the raw driver's MGET and JSON.parse",
      [
        {
          name: "keyfold",
          run: () =>
            timed(many * 100, async () => {
              for (let from = 0; from < many; from += 8)
                await Promise.all(
                  Array.from({ length: 8 }, (_, i) => shop.line.getMany(hundred(from + i).map((seq) => ({ seq })))),
                );
            }),
        },
        {
          name: "node-redis, MGET and JSON.parse",
          run: () =>
            timed(many * 100, async () => {
              for (let from = 0; from < many; from += 8)
                await Promise.all(
                  Array.from({ length: 8 }, async (_, i) =>
                    (await raw.mGet(hundred(from + i).map(rawKey))).map((text) => JSON.parse(text!)),
                  ),
                );
            }),
        },
      ],
      options,
    ),
  );

  const pages = 400;
  report(
    await compare(
      "a page of 20 of a list, 64 at a time, pages",
      "≥ 0.6 × the same function called by the raw driver",
      [
        {
          name: "keyfold",
          run: () =>
            timed(pages, () =>
              inParallel(pages, (number) =>
                shop.linesByCustomer({ customerId: String(12_000 + (number % CUSTOMERS)) }, { limit: 20 }),
              ),
            ),
        },
        {
          name: "node-redis, FCALL_RO and JSON.parse",
          run: () =>
            timed(pages, () =>
              inParallel(pages, async (number) => {
                const key = `${prefixes.raw}:{line}/customerId|at:${12_000 + (number % CUSTOMERS)}`;
                const reply = (await raw.sendCommand([
                  "FCALL_RO",
                  `${library}_list`,
                  "2",
                  key,
                  `${prefixes.raw}:{line}/~`,
                  "line",
                  "desc",
                  "-",
                  "+",
                  "20",
                  "",
                ])) as string[];
                return reply.slice(1).map((text) => JSON.parse(text));
              }),
            ),
        },
      ],
      options,
    ),
  );

  let next = STORED;
  const inserts = 2_000;
  report(
    await compare(
      `insert with its lists and sums, ${CONCURRENT} at a time`,
      "≥ 0.6 × the same function called by the raw driver",
      [
        {
          name: "keyfold",
          run: () => {
            const from = next;
            next += inserts;
            const records = Array.from({ length: inserts }, (_, i) => ({ ...lineRecord(from + i), seq: from + i }));
            return timed(inserts, () => inParallel(inserts, (number) => shop.line.insert(records[number]!)));
          },
        },
        {
          name: "node-redis, FCALL with arguments made before",
          run: () => {
            const from = next;
            next += inserts;
            const due = String((Date.now() + 60_000) * 1_000);
            const calls = Array.from({ length: inserts }, (_, i) => {
              const record = { ...lineRecord(from + i), seq: from + i } as Record<string, unknown>;
              const members = Object.entries(record)
                .filter(([, value]) => value !== undefined)
                .map(
                  ([name, value]) =>
                    `${JSON.stringify(name)}:${value instanceof Date ? value.getTime() : JSON.stringify(value)}`,
                );
              return [
                "FCALL",
                `${library}_write`,
                "2",
                rawKey(from + i),
                `${prefixes.raw}:{line}/~${from + i}`,
                "line",
                "insert",
                due,
                String(from + i),
                "",
                "",
                "",
                members.join(",\n"),
              ];
            });
            return timed(inserts, () => inParallel(inserts, (number) => raw.sendCommand(calls[number]!)));
          },
        },
      ],
      options,
    ),
  );
  client.destroy();
  raw.destroy();
}

/** A key's number as the plan writes it (docs/design.md, "The model on Redis"). */
function wholeText(value: number): string {
  const digits = String(value);
  return `${String.fromCharCode(64 + digits.length)}${digits}`;
}
