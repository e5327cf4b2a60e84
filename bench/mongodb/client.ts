import { apply, connect } from "keyfold";
import { mongodb, open } from "keyfold/mongodb";
import type { Document, MongoClient } from "mongodb";
import mongoose from "mongoose";
import model from "../../examples/online-retail/model.js";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { lineDocument } from "./documents.js";

const LISTED = 100;
const CUSTOMERS = 200;
const STORED = 20_000;

type LineRecord = Parameters<ReturnType<typeof shopOf>["line"]["insert"]>[0];

function shopOf(client: MongoClient, database: string) {
  return connect(model, mongodb(client.db(database)));
}

/** The document as a record of the model: decimals as strings, no `_id`. */
function lineRecord(number: number): LineRecord {
  const { _id, unitPrice, total, ...rest } = lineDocument(number) as Record<string, unknown>;
  return { ...rest, customerId: customer(number), unitPrice: String(unitPrice), total: String(total) } as LineRecord;
}

/** The same document as keyfold stores it, so that both send the same bytes. */
function storedDocument(number: number): Document {
  const { seq, ...rest } = lineDocument(number) as Record<string, unknown>;
  return { ...rest, customerId: customer(number), _id: seq, _v: 1n };
}

/** The same for Mongoose, with values of its own copy of the driver: it casts no others. */
function mongooseDocument(number: number): Document {
  const { unitPrice, total, ...rest } = storedDocument(number);
  const { Decimal128 } = mongoose.Types;
  return {
    ...rest,
    unitPrice: Decimal128.fromString(String(unitPrice)),
    total: Decimal128.fromString(String(total)),
    _v: 1,
  };
}

function customer(number: number): string {
  return String(12_000 + (number % CUSTOMERS));
}

function mongooseLine(connection: mongoose.Connection) {
  const schema = new mongoose.Schema(
    {
      _id: Number,
      invoiceNo: { type: String, required: true },
      stockCode: { type: String, required: true },
      description: String,
      quantity: { type: Number, required: true },
      unitPrice: { type: mongoose.Schema.Types.Decimal128, required: true },
      total: { type: mongoose.Schema.Types.Decimal128, required: true },
      at: { type: Date, required: true },
      customerId: String,
      country: { type: String, required: true },
    },
    { versionKey: "_v", autoIndex: false, collection: "line" },
  );
  return connection.model("Line", schema);
}

/** keyfold's client beside the raw driver and Mongoose: each has a client and a database of its own on the same server. */
export async function clientComparisons(
  server: ServerProcess,
  report: (comparison: Comparison) => void,
  options: RoundsOptions = {},
): Promise<void> {
  const client = await open(server.url).connect();
  const raw = await open(server.url).connect();
  const shop = shopOf(client, "bench_keyfold");
  const lines = raw.db("bench_raw").collection<Document & { _id: number }>("line");
  const odm = await mongoose.createConnection(server.url, { dbName: "bench_mongoose" }).asPromise();
  const Line = mongooseLine(odm);

  await apply(model, mongodb(client.db("bench_keyfold")));
  // The same indexes for all: each costs every insert its part.
  for (const { key, name } of await client.db("bench_keyfold").collection("line").indexes())
    for (const collection of [lines, Line.collection]) if (name !== "_id_") await collection.createIndex(key as never);
  const first = Array.from({ length: STORED }, (_, i) => i + 1);
  await shop.line.insertMany(first.map(lineRecord));
  await lines.insertMany(first.map(storedDocument) as never);
  await Line.insertMany(first.map(mongooseDocument));

  let next = STORED + 1;
  const fresh = <T>(count: number, make: (number: number) => T): T[] =>
    Array.from({ length: count }, () => make(next++));

  const BATCH = 1_000;
  const BATCHES = 10;
  const batches = <T>(make: (number: number) => T) => Array.from({ length: BATCHES }, () => fresh(BATCH, make));
  report(
    await compare(
      "insertMany, 1,000 records a call, per record",
      "≤ 1.10 × the raw driver, faster than Mongoose",
      [
        {
          name: "keyfold",
          run: () => {
            const prepared = batches(lineRecord);
            return timed(BATCH * BATCHES, async () => {
              for (const batch of prepared) await shop.line.insertMany(batch);
            });
          },
        },
        {
          name: "raw driver",
          run: () => {
            const prepared = batches(storedDocument);
            return timed(BATCH * BATCHES, async () => {
              for (const batch of prepared) await lines.insertMany(batch as never);
            });
          },
        },
        {
          name: "Mongoose",
          run: () => {
            const prepared = batches(mongooseDocument);
            return timed(BATCH * BATCHES, async () => {
              for (const batch of prepared) await Line.insertMany(batch);
            });
          },
        },
      ],
      options,
    ),
  );

  // What a session's reads promise, asked of the driver itself: the patterns are declared at that level.
  const promise = {
    session: raw.startSession({ causalConsistency: true }),
    readConcern: { level: "majority" },
    maxTimeMS: 10_000,
  } as const;
  const LISTS = 200;
  const listing = (name: string, list: (customerId: string) => Promise<{ length: number }>) => ({
    name,
    run: () =>
      timed(LISTS, async () => {
        for (let i = 0; i < LISTS; i++) {
          const found = await list(customer(i));
          if (found.length !== LISTED) throw new Error(`${name} listed ${found.length}, not ${LISTED}`);
        }
      }),
  });
  report(
    await compare(
      "list 100, newest first",
      "≤ 1.10 × the raw driver, faster than Mongoose",
      [
        listing("keyfold", async (customerId) => (await shop.linesByCustomer({ customerId }, { limit: LISTED })).items),
        listing("raw driver", (customerId) =>
          lines.find({ customerId }, { sort: { at: -1, _id: -1 }, limit: LISTED }).toArray(),
        ),
        listing("raw driver, same promise", (customerId) =>
          lines.find({ customerId }, { ...promise, sort: { at: -1, _id: -1 }, limit: LISTED }).toArray(),
        ),
        listing("Mongoose, lean", (customerId) =>
          Line.find({ customerId }).sort({ at: -1, _id: -1 }).limit(LISTED).lean().exec(),
        ),
        listing("Mongoose, hydrated", (customerId) =>
          Line.find({ customerId }).sort({ at: -1, _id: -1 }).limit(LISTED).exec(),
        ),
      ],
      options,
    ),
  );

  const GETS = 2_000;
  const single = (name: string, get: (seq: number) => Promise<unknown>) => ({
    name,
    run: () =>
      timed(GETS, async () => {
        for (let i = 0; i < GETS; i++) if ((await get(1 + ((i * 7919) % STORED))) == null) throw new Error("not found");
      }),
  });
  const contenders = [
    single("keyfold", (seq) => shop.lineBySeq({ seq })),
    single("raw driver", (seq) => lines.findOne({ _id: seq })),
    single("raw driver, same promise", (seq) => lines.findOne({ _id: seq }, promise)),
    single("Mongoose, lean", (seq) => Line.findById(seq).lean().exec()),
  ];
  report(await compare("get, one after the other", "≤ 1.10 × the raw driver", contenders, options));

  const AT_ONCE = 256;
  const WAVES = 20;
  const together = (name: string, get: (seq: number) => Promise<unknown>) => ({
    name,
    run: () =>
      timed(AT_ONCE * WAVES, async () => {
        for (let wave = 0; wave < WAVES; wave++)
          await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => get(1 + ((wave * 31 + i * 79) % STORED))));
      }),
  });
  report(
    await compare(
      "256 gets at once, per get",
      "≥ 3 × the raw driver's throughput",
      [
        together("keyfold", (seq) => shop.lineBySeq({ seq })),
        together("raw driver", (seq) => lines.findOne({ _id: seq })),
      ],
      options,
    ),
  );

  await Promise.all([shop.$close(), promise.session.endSession()]);
  await Promise.all([client.close(), raw.close(), odm.close()]);
}
