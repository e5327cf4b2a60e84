/** What the command line knows of each engine: its usual port, the variables that its drivers read, its URLs. Data, no drivers. */

import { redact, UsageError } from "./errors.js";
import { didYouMean } from "./suggest.js";

export interface EngineFacts {
  readonly engine: string;
  /** Whether models can be planned for it and its databases opened; the others are only started by `dev`. */
  readonly modelled: boolean;
  /** The subpath of keyfold that has its adapter; its own name when left out. */
  readonly adapter?: string;
  /** npm packages of the official driver, for the message that it is missing. */
  readonly driver: string;
  readonly usualPort: number;
  /** Beginnings of its URLs, without "://". */
  readonly schemes: readonly string[];
  readonly exampleUrl: string;
  /** Names of environment variables, with what drivers and frameworks expect in them. */
  readonly environment: (url: string) => Readonly<Record<string, string>>;
}

/** Engines that the commands can talk to. A new engine is one entry here and one in target.ts. */
export const engineFacts: readonly EngineFacts[] = [
  {
    engine: "mongodb",
    modelled: true,
    driver: "mongodb",
    usualPort: 27017,
    schemes: ["mongodb", "mongodb+srv"],
    exampleUrl: "mongodb://127.0.0.1:27017/shop",
    // Both names are in wide use: the manuals' examples have MONGODB_URI, hosting services set MONGODB_URL.
    environment: (url) => ({ MONGODB_URL: url, MONGODB_URI: url }),
  },
  {
    engine: "redis",
    modelled: true,
    driver: "redis",
    usualPort: 6379,
    schemes: ["redis", "rediss"],
    exampleUrl: "redis://127.0.0.1:6379?prefix=shop",
    environment: (url) => ({ REDIS_URL: url }),
  },
  {
    engine: "dynamodb",
    modelled: true,
    driver: "@aws-sdk/client-dynamodb",
    usualPort: 8000,
    schemes: ["dynamodb"],
    exampleUrl: "dynamodb://127.0.0.1:8000/shop?region=us-east-1",
    // The SDKs want some region and credentials, and those of the URL where it has any.
    environment: (text) => {
      const url = new URL(text);
      return {
        AWS_ENDPOINT_URL_DYNAMODB: url.origin,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: decodeURIComponent(url.username) || "local",
        AWS_SECRET_ACCESS_KEY: decodeURIComponent(url.password) || "local",
      };
    },
  },
  {
    engine: "cassandra",
    modelled: true,
    driver: "cassandra-driver",
    usualPort: 9042,
    schemes: ["cassandra"],
    exampleUrl: "cassandra://127.0.0.1:9042/shop?dc=datacenter1",
    environment: (url) => ({ CASSANDRA_URL: url, ...contactPoints(url) }),
  },
  {
    engine: "scylladb",
    modelled: true,
    adapter: "cassandra",
    driver: "cassandra-driver",
    usualPort: 9042,
    schemes: ["scylladb"],
    exampleUrl: "scylladb://127.0.0.1:9042/shop?dc=datacenter1",
    environment: (url) => ({ SCYLLADB_URL: url }),
  },
];

/** What Cassandra's drivers and frameworks take apart: hosts and port. */
function contactPoints(url: string): Readonly<Record<string, string>> {
  const [, hosts = "", port = ""] = /^cassandra:\/\/(?:[^@/]*@)?([^/:]+):(\d+)/.exec(url) ?? [];
  return { CASSANDRA_CONTACT_POINTS: hosts, CASSANDRA_PORT: port };
}

const modelled = engineFacts.filter((facts) => facts.modelled);

/** Engines that a plan can be made for. */
export const engineNames: readonly string[] = modelled.map(({ engine }) => engine);

/** Subpaths of keyfold that have adapters. */
export const adapterNames: readonly string[] = [...new Set(modelled.map(({ engine, adapter }) => adapter ?? engine))];

/** The engine with this name. */
export function factsOf(engine: string): EngineFacts {
  const facts = engineFacts.find((one) => one.engine === engine);
  if (facts === undefined) throw new UsageError(`there is no engine ${engine}`, didYouMean(engine, engineNames));
  return facts;
}

/** The engine that a URL points to: by its beginning, or as `--engine` says. */
export function engineOfUrl(url: string, named: string | undefined, option: string): EngineFacts {
  const examples = `Write it as in ${modelled.map(({ exampleUrl }) => exampleUrl).join(", ")}.`;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new UsageError(`${option}: ${redact(url)} is not a URL`, examples);
  const byScheme = modelled.find(({ schemes }) => schemes.includes(scheme));
  if (named === undefined) {
    if (byScheme === undefined)
      throw new UsageError(`${option}: no engine has URLs that begin with ${scheme}://`, examples);
    return byScheme;
  }
  const facts = factsOf(named);
  if (byScheme !== undefined && byScheme !== facts) {
    throw new UsageError(
      `${option} points to ${byScheme.engine}, and --engine says ${named}`,
      "Leave --engine out, or change the URL.",
    );
  }
  if (byScheme === undefined && !scheme.startsWith("http")) {
    throw new UsageError(`${option}: no engine has URLs that begin with ${scheme}://`, examples);
  }
  return facts;
}
