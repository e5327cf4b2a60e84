import type { Control, EngineFacts } from "./control.js";
import type { FaultRule } from "./faults.js";
import type { EngineName } from "./registry.js";

/** The time that the engines live by. Moving it moves TTLs, timeouts and generated dates, without waiting. */
export interface TestClock {
  /** The engines' time. */
  now(): Promise<Date>;
  /** Moves it on by `ms` milliseconds. What a TTL index lets expire by then is gone when this resolves. */
  advance(ms: number): Promise<void>;
  /** Makes it this time now; what expires by then is gone when this resolves. */
  set(time: Date | number): Promise<void>;
  /** Stops it where it is. */
  freeze(): Promise<void>;
  /** Lets it run on from where it is. */
  resume(): Promise<void>;
}

/** A fault that was injected. */
export interface InjectedFault extends AsyncDisposable {
  /** How many requests it has happened to. */
  hits(): Promise<number>;
  /** Ends it. */
  remove(): Promise<void>;
}

/** Faults that happen to the engines' requests. */
export interface TestFaults {
  /**
   * Makes something happen to the requests that the rule matches.
   *
   * @throws KeyfoldError `INPUT_INVALID` for a rule that could never apply.
   * @example
   * ```ts
   * // The insert is run, and its answer is lost.
   * await engines.faults.inject({ command: "insert", target: "orders", fault: { kind: "close-after" } });
   * ```
   */
  inject(rule: FaultRule): Promise<InjectedFault>;
  /** Ends all of them. */
  clear(): Promise<void>;
}

/** One running embedded engine. */
export interface TestEngine {
  readonly engine: EngineName;
  /** What the official driver takes to connect. */
  readonly url: string;
  readonly port: number;
}

/** One node of an embedded cluster. */
export interface TestNode {
  /** Ends it: its connections close, and the others know at once. */
  stop(): Promise<void>;
  /** Starts it again, with the data that it had; it is handed the hints that were kept for it. */
  start(): Promise<void>;
  /** Stops it in mid-step: it takes messages and answers none, and the others do not know. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Cuts it off from the other nodes; clients still reach it. */
  cutOff(): Promise<void>;
  reconnect(): Promise<void>;
  /** Lets it answer this much later; 0 ends it. */
  slow(ms: number): Promise<void>;
}

/** The embedded Cassandra, one node or a cluster. */
export interface TestCassandra extends TestEngine {
  /**
   * A node, numbered from 1.
   *
   * @example
   * ```ts
   * await using engines = await startEngines({ cassandra: { nodes: 3 } });
   * await engines.cassandra.node(3).cutOff();
   * ```
   */
  node(number: number): TestNode;
  /** Makes all replicas have what any of them has, as `nodetool repair` does. */
  repair(): Promise<void>;
}

/** Running engines and what a test can do to them. */
export interface EngineControls extends AsyncDisposable {
  /** The engines' URLs by name. */
  readonly urls: { readonly [E in EngineName]?: string };
  readonly clock: TestClock;
  readonly faults: TestFaults;
  /** The process that runs them, where it is not this one. */
  readonly pid: number | undefined;
  /** Between tests: drops all data, ends all faults, sets the clock back. Connections stay. */
  reset(): Promise<void>;
  /** Closes the connections and frees the ports. */
  close(): Promise<void>;
}

/** {@link EngineControls}, and each started engine under its name. */
export type TestEngines<E extends EngineName> = EngineControls & {
  readonly [K in E]: K extends "cassandra" ? TestCassandra : TestEngine;
};

/** What a test holds, made of whatever carries its wishes to the engines. */
export function testEngines<E extends EngineName>(
  control: Control,
  close: () => Promise<void> = () => control.call("close"),
  pid?: number,
): TestEngines<E> {
  const node = (number: number): TestNode => ({
    stop: () => control.call("node", number, "stop"),
    start: () => control.call("node", number, "start"),
    pause: () => control.call("node", number, "pause"),
    resume: () => control.call("node", number, "resume"),
    cutOff: () => control.call("node", number, "cut-off"),
    reconnect: () => control.call("node", number, "reconnect"),
    slow: (slowMs) => control.call("node", number, { slowMs }),
  });
  const cluster = { node, repair: () => control.call("repair") };
  const named = Object.fromEntries(
    control.engines.map((facts: EngineFacts) => [
      facts.engine,
      facts.engine === "cassandra" ? { ...facts, ...cluster } : facts,
    ]),
  );
  const controls: EngineControls = {
    urls: Object.fromEntries(control.engines.map(({ engine, url }) => [engine, url])),
    pid,
    clock: {
      now: async () => new Date(await control.call("now")),
      advance: (ms) => control.call("advance", ms),
      set: (time) => control.call("set", typeof time === "number" ? time : time.getTime()),
      freeze: () => control.call("freeze"),
      resume: () => control.call("resume"),
    },
    faults: {
      inject: async (rule) => {
        const id = await control.call("inject", rule);
        const remove = () => control.call("remove", id);
        return { hits: () => control.call("hits", id), remove, [Symbol.asyncDispose]: remove };
      },
      clear: () => control.call("clear"),
    },
    reset: () => control.call("reset"),
    close,
    [Symbol.asyncDispose]: close,
  };
  return { ...controls, ...named } as TestEngines<E>;
}
