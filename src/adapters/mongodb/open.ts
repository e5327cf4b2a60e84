import { MongoClient, type MongoClientOptions } from "mongodb";
import { KeyfoldError } from "../../internal/errors.js";
import { withoutCredentials } from "./errors.js";

/**
 * What `open` sets where the URL and the options say nothing.
 *
 * - The pool is bounded, and waiting for it too.
 * - A server that is away is reported in seconds, not in the driver's 30.
 * - `retryReads: false`: keyfold sends reads again itself, within the call's deadline and a budget.
 * - `retryWrites: true`: it concerns what you send through this client yourself, and `insertOnce`. The server
 *   recognises the second sending, so it is never done twice. keyfold's own requests do not use it.
 * - No socket timeout: an index build may be silent for hours. keyfold's requests have deadlines instead.
 */
const defaults = {
  appName: "keyfold",
  maxPoolSize: 32,
  maxIdleTimeMS: 300_000,
  waitQueueTimeoutMS: 10_000,
  connectTimeoutMS: 5_000,
  serverSelectionTimeoutMS: 5_000,
  retryReads: false,
  retryWrites: true,
} as const satisfies MongoClientOptions;

/**
 * An official MongoDB client, set up as keyfold wants it. It connects with the first request; close it yourself.
 * What the URL or `options` say wins over keyfold's choices.
 *
 * @param url `mongodb://` or `mongodb+srv://`
 * @throws KeyfoldError `INPUT_INVALID` when the URL or an option is wrong.
 *
 * @example
 * ```ts
 * const client = open(process.env.MONGODB_URL ?? "mongodb://127.0.0.1:27017");
 * const shop = connect(model, mongodb(client.db("shop")));
 * await client.close();
 * ```
 */
export function open(url: string, options: MongoClientOptions = {}): MongoClient {
  const inUrl = new Set(
    (/\?(.*)$/.exec(url)?.[1] ?? "").split("&").map((pair) => (pair.split("=")[0] ?? "").toLowerCase()),
  );
  const unsaid = Object.entries(defaults).filter(([name]) => !inUrl.has(name.toLowerCase()));
  const settings: MongoClientOptions = { ...Object.fromEntries(unsaid), ...options };
  // Acknowledged by a majority, so that no acknowledged write is rolled back.
  if (!inUrl.has("w") && options.writeConcern === undefined && options.w === undefined)
    settings.writeConcern = { w: "majority" };
  try {
    return new MongoClient(url, settings);
  } catch (cause) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      `This is not a usable MongoDB URL: ${withoutCredentials((cause as Error).message)}`,
      {
        fix: "Write it as mongodb://user:password@host:27017/?authSource=admin; encode special characters of the password as in a URL (%40 for @).",
      },
    );
  }
}
