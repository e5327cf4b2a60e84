import type { EngineOptions, RunningEngine } from "../engines/engine.js";
import { KeyfoldError } from "../internal/errors.js";
import { MovableClock } from "./clock.js";
import type { Control, EngineFacts, NodeAction, Operation, Operations } from "./control.js";
import { type FaultRule, FaultTable } from "./faults.js";
import { seededRandom } from "./random.js";
import { type EngineName, type EngineStarter, engineNames, engineStarters } from "./registry.js";

/** How one engine is started. */
export interface EngineStart {
  /** 0 (the default) takes any free port. */
  readonly port?: number;
  /** Default 127.0.0.1; another than loopback needs `auth`. */
  readonly host?: string;
  /** A folder that keeps the data. Default: all is in memory, and gone at close. */
  readonly dataDir?: string;
  /** Ask for these credentials. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** DynamoDB alone: throttle tables and partitions as AWS does. Default: no limits. */
  readonly throughput?: boolean;
  /** DynamoDB alone: how long a shard of a stream is open, in milliseconds. Default four hours, about as on AWS. */
  readonly streamShardMs?: number;
  /** Cassandra alone: nodes of the cluster, on 127.0.0.1 and the addresses after it. Default 1. */
  readonly nodes?: number;
  /** Cassandra alone: how long a coordinator waits for replicas of a read, in milliseconds. Default 5000. */
  readonly readTimeoutMs?: number;
  /** Cassandra alone: how long it waits for acknowledgements of a write, in milliseconds. Default 2000. */
  readonly writeTimeoutMs?: number;
  /** Cassandra alone: whether coordinators keep hints for nodes that are away. Default true. */
  readonly hints?: boolean;
}

/** Options that one engine alone has. */
const ofOne = {
  dynamodb: ["throughput", "streamShardMs"],
  cassandra: ["nodes", "readTimeoutMs", "writeTimeoutMs", "hints"],
} as const;

/** @throws KeyfoldError `INPUT_INVALID` for an option that another engine has. */
function refuseForeign(name: EngineName, start: EngineStart): void {
  for (const [owner, options] of Object.entries(ofOne)) {
    const wrong = options.find((option) => start[option] !== undefined);
    if (owner !== name && wrong !== undefined)
      throw new KeyfoldError("INPUT_INVALID", `${wrong} is an option of ${owner}, and ${name} has none.`);
  }
}

/** Which engines are started, how, and what they share. */
export type HostOptions = { readonly [E in EngineName]?: boolean | EngineStart } & {
  /** Seed of all that an engine does at random. Default 1. */
  readonly seed?: number;
  /** The time that the engines begin at, in milliseconds since 1970. Default: the machine's. */
  readonly nowMs?: number;
};

/** An engine that has records with an end. */
type Expiring = RunningEngine & { readonly expire?: () => Promise<unknown> };

/** An engine that is a cluster. */
type Clustered = RunningEngine & {
  readonly control?: (node: number, action: NodeAction) => Promise<void>;
  readonly repair?: () => Promise<void>;
};

/** Runs engines in this process, with one clock and one table of faults for all of them. */
export class EngineHost implements Control {
  readonly #clock = new MovableClock();
  readonly #faults = new FaultTable();
  readonly #running: readonly RunningEngine[];
  readonly #nowMs: number | undefined;
  #closed: Promise<void> | undefined;

  private constructor(
    running: readonly RunningEngine[],
    clock: MovableClock,
    faults: FaultTable,
    nowMs: number | undefined,
  ) {
    this.#running = running;
    this.#clock = clock;
    this.#faults = faults;
    this.#nowMs = nowMs;
  }

  /** Starts the engines that the options name; when one fails, those already started are closed again. */
  static async start(
    options: HostOptions,
    starters: Readonly<Record<EngineName, EngineStarter>> = engineStarters,
  ): Promise<EngineHost> {
    const names = engineNames.filter((name) => options[name] !== undefined && options[name] !== false);
    if (names.length === 0)
      throw new KeyfoldError("INPUT_INVALID", "No engine was named.", {
        fix: `Name at least one of ${engineNames.join(", ")}: startEngines({ ${engineNames[0]}: true }).`,
      });
    const clock = new MovableClock();
    if (options.nowMs !== undefined) clock.set(options.nowMs);
    const faults = new FaultTable();
    const running: RunningEngine[] = [];
    try {
      for (const name of names) {
        const start = options[name];
        if (typeof start === "object") refuseForeign(name, start);
        const engineOptions: EngineOptions = {
          ...(typeof start === "object" ? start : {}),
          clock,
          random: seededRandom(options.seed ?? 1),
          intercept: faults.intercept,
        };
        running.push(await starters[name](engineOptions));
      }
    } catch (error) {
      await Promise.allSettled(running.map((engine) => engine.close()));
      throw error;
    }
    return new EngineHost(running, clock, faults, options.nowMs);
  }

  /** What drivers need to know of each engine. */
  get engines(): readonly EngineFacts[] {
    return this.#running.map(({ engine, url, port }) => ({ engine: engine as EngineName, url, port }));
  }

  async call<O extends Operation>(
    operation: O,
    ...args: Parameters<Operations[O]>
  ): Promise<ReturnType<Operations[O]>> {
    const run = this.#operations[operation] as (
      ...args: Parameters<Operations[O]>
    ) => Promise<ReturnType<Operations[O]>>;
    if (run === undefined) throw new KeyfoldError("INPUT_INVALID", `There is no operation "${operation}".`);
    return run(...args);
  }

  /** What is past its time by the moved clock goes now, not at the engine's next round. */
  async #expire(): Promise<void> {
    await Promise.all(this.#running.map((engine: Expiring) => engine.expire?.()));
  }

  readonly #operations: {
    [O in Operation]: (...args: Parameters<Operations[O]>) => Promise<ReturnType<Operations[O]>>;
  } = {
    reset: async () => {
      this.#faults.clear();
      this.#clock.reset();
      if (this.#nowMs !== undefined) this.#clock.set(this.#nowMs);
      await Promise.all(this.#running.map((engine) => engine.reset()));
    },
    close: () => {
      this.#closed ??= Promise.all(this.#running.map((engine) => engine.close())).then(() => {});
      return this.#closed;
    },
    now: async () => this.#clock.now(),
    advance: async (ms) => {
      this.#clock.advance(ms);
      await this.#expire();
    },
    set: async (ms) => {
      this.#clock.set(ms);
      await this.#expire();
    },
    node: async (number, action) => {
      for (const engine of this.#running as readonly Clustered[]) await engine.control?.(number, action);
    },
    repair: async () => {
      for (const engine of this.#running as readonly Clustered[]) await engine.repair?.();
    },
    freeze: async () => this.#clock.freeze(),
    resume: async () => this.#clock.resume(),
    inject: async (rule: FaultRule) => this.#faults.add(rule),
    hits: async (id) => this.#faults.hits(id),
    remove: async (id) => this.#faults.remove(id),
    clear: async () => this.#faults.clear(),
  };
}
