import { execFile } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse";
import { Decimal128, type Document, MongoClient } from "mongodb";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { startEmbedded } from "./start-up.js";

const FILE = "../shared/data/online-retail.csv.gz";
const ROWS = 541_909;
const run = promisify(execFile);

/**
 * `keyfold load` of the whole file, a process of its own from start to end, beside the raw driver's insertMany of documents
 * that were parsed and prepared before the clock started. Each round has a fresh engine.
 */
export async function loadComparison(options: RoundsOptions): Promise<Comparison | undefined> {
  if (!existsSync(FILE)) return undefined;
  const documents = await preparedDocuments();
  return compare(
    "load of 541,909 lines into the embedded engine, per record",
    "≥ 0.8 × the raw driver's throughput (ratio ≤ 1.25)",
    [
      {
        name: "raw driver, prepared documents",
        run: async () => {
          const server = await startEmbedded();
          const client = await new MongoClient(server.url).connect();
          const lines = client.db("raw").collection("line");
          await lines.createIndexes([
            { key: { customerId: 1, at: -1, _id: -1 } },
            { key: { invoiceNo: 1, _id: 1 } },
            { key: { at: -1, _id: -1 } },
          ]);
          const sample = await timed(ROWS, async () => {
            await lines.insertMany(documents, { ordered: false });
          });
          await client.close();
          await server.stop();
          return sample;
        },
      },
      {
        name: "keyfold load",
        run: async () => {
          const server = await startEmbedded();
          const url = `${server.url.replace(/\/?(\?|$)/, "/keyfold$1")}`;
          const model = "examples/online-retail/model.ts";
          await run(process.execPath, ["dist/cli/main.js", "apply", model, "--to", url]);
          const sample = await timed(ROWS, async () => {
            await run(process.execPath, ["dist/cli/main.js", "load", model, "line", FILE, "--to", url, "--json"]);
          });
          await server.stop();
          return sample;
        },
      },
    ],
    options,
  );
}

async function preparedDocuments(): Promise<Document[]> {
  const documents: Document[] = [];
  const rows = createReadStream(FILE)
    .pipe(createGunzip())
    .pipe(parse({ from_line: 2 }));
  for await (const [invoiceNo, stockCode, description, quantity, at, unitPrice, customerId, country] of rows) {
    const thousandths = Math.round(Number(unitPrice) * 1000);
    documents.push({
      _id: documents.length + 1,
      invoiceNo,
      stockCode,
      ...(description === "" ? {} : { description }),
      quantity: Number(quantity),
      unitPrice: Decimal128.fromString((thousandths / 1000).toFixed(3)),
      total: Decimal128.fromString(((thousandths * Number(quantity)) / 1000).toFixed(3)),
      at: new Date(`${at} UTC`),
      ...(customerId === "" ? {} : { customerId }),
      country,
      _v: 1n,
    } as Document);
  }
  return documents;
}
