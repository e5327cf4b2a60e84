import { startBeside } from "./beside.js";
import { EngineHost, type EngineStart, type HostOptions } from "./host.js";
import type { EngineName } from "./registry.js";
import { type EngineControls, type TestEngine, type TestEngines, testEngines } from "./test-engines.js";

/** Which engines are started, and where. */
export type StartEnginesOptions = { readonly [E in EngineName]?: boolean | EngineStart } & {
  /**
   * Run them in a process of their own. Default: in this one, which starts sooner. Beside the test they live on
   * while it computes, and under the fake timers of a test runner.
   */
  readonly beside?: boolean;
  /** Seed of all that an engine does at random. Default 1. */
  readonly seed?: number;
  /** The time that the engines begin at. Default: the machine's. */
  readonly now?: Date | number;
};

/** The names that were switched on in `O`. */
type Started<O> = { [K in keyof O & EngineName]: O[K] extends false | undefined ? never : K }[keyof O & EngineName];

/**
 * Starts embedded engines for tests: real sockets for the official drivers, nothing to download.
 *
 * @throws KeyfoldError `INPUT_INVALID` when no engine is named.
 * @example
 * ```ts
 * await using engines = await startEngines({ mongodb: true });
 * const client = new MongoClient(engines.mongodb.url);
 * ```
 */
export async function startEngines<const O extends StartEnginesOptions>(options: O): Promise<TestEngines<Started<O>>> {
  const { beside = false, now, ...rest } = options as StartEnginesOptions;
  const hostOptions: HostOptions = { ...rest, ...(now === undefined ? {} : { nowMs: Number(now) }) };
  if (beside) {
    const started = await startBeside(hostOptions);
    return testEngines(started.control, started.close, started.pid);
  }
  return testEngines(await EngineHost.start(hostOptions));
}

/** Where one engine is started, how, and with what clock. */
export interface StartEngineOptions extends EngineStart {
  /** Run it in a process of its own. Default: in this one. */
  readonly beside?: boolean;
  /** Seed of all that it does at random. Default 1. */
  readonly seed?: number;
  /** The time that it begins at. Default: the machine's. */
  readonly now?: Date | number;
}

/**
 * Starts the embedded MongoDB engine alone.
 *
 * @example
 * ```ts
 * const mongodb = await startMongodb();
 * const client = new MongoClient(mongodb.url);
 * // … and afterwards
 * await client.close();
 * await mongodb.close();
 * ```
 */
export async function startMongodb(options: StartEngineOptions = {}): Promise<TestEngine & EngineControls> {
  const { beside, seed, now, ...start } = options;
  const engines = await startEngines({
    mongodb: start,
    ...(beside === undefined ? {} : { beside }),
    ...(seed === undefined ? {} : { seed }),
    ...(now === undefined ? {} : { now }),
  });
  return { ...engines, ...engines.mongodb };
}
