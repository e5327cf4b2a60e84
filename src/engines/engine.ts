/** What every embedded engine is started with and answers to; `cli` and `testing` know engines by this alone. */

/** The time that an engine lives by: TTLs, timeouts, generated ids. Tests move it. */
export interface EngineClock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** A request about to be run, as the one place through which all requests pass sees it. */
export interface RequestInfo {
  readonly engine: string;
  /** The protocol's own name of the command, as the client spelt it. */
  readonly command: string;
  /** Database and collection, key or table, where the request names one. */
  readonly target: string | undefined;
  readonly connectionId: number;
}

/** What can be done to a request in place of simply running it. */
export type Fault =
  /** Run it this much later. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Close the connection; the request was never run. */
  | { readonly kind: "close-before" }
  /** Run it, then close the connection without a reply. */
  | { readonly kind: "close-after" }
  /** Leave this share of a batch's entries undone, from 0 to 1, and say so in the engine's way (`UnprocessedItems`). */
  | { readonly kind: "partial"; readonly share: number }
  /** Answer with the engine's error of this code in place of running it. */
  | {
      readonly kind: "error";
      readonly code: number | string;
      readonly message: string;
      readonly labels?: readonly string[];
    };

/** Decides for each request whether something happens to it; `undefined` lets it run. */
export type Intercept = (request: RequestInfo) => Fault | undefined;

/** How much a message of an engine's log matters. */
export type LogLevel = "debug" | "verbose" | "notice" | "warning";

/** Takes the messages of an engine's log. */
export type EngineLog = (level: LogLevel, message: string) => void;

export interface EngineOptions {
  /** Default 127.0.0.1; any other than loopback needs `auth`. */
  readonly host?: string;
  /** 0 (the default) takes any free port. */
  readonly port?: number;
  /** A folder that keeps the data; without one all is in memory and gone at close. */
  readonly dataDir?: string;
  /** Ask for these credentials. */
  readonly auth?: { readonly user: string; readonly password: string };
  readonly clock?: EngineClock;
  /** Uniform in [0, 1): for `$sample`, random evictions and the like. */
  readonly random?: () => number;
  readonly intercept?: Intercept;
  /** What the engine has to say: repairs of its data, a disk that fails. By default warnings are the process' own. */
  readonly log?: EngineLog;
  /**
   * DynamoDB alone: throttle as AWS does, by what a table was given a second with its burst, and at 3,000 read and 1,000
   * write units a second for each partition. Default: no limits.
   */
  readonly throughput?: boolean;
  /**
   * DynamoDB alone: how long a shard of a stream is written to before its child takes over, in milliseconds. Default
   * four hours, about as on AWS.
   */
  readonly streamShardMs?: number;
}

/** A running embedded engine. */
export interface RunningEngine {
  readonly engine: string;
  /** What a driver takes to connect; holds the credentials where there are any. */
  readonly url: string;
  readonly port: number;
  /** Drops all data and state of clients, keeps the listener: for use between tests. */
  reset(): Promise<void>;
  /** Closes every connection and the data; resolves when the port is free. */
  close(): Promise<void>;
}
