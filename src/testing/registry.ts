import type { EngineOptions, RunningEngine } from "../engines/engine.js";

/** Starts one embedded engine. */
export type EngineStarter = (options: EngineOptions) => Promise<RunningEngine>;

/** The embedded engines there are, each loaded only when it is started. A new engine is one line here. */
export const engineStarters = {
  mongodb: async (options) => (await import("../engines/mongodb/server.js")).startMongodb(options),
  redis: async (options) => (await import("../engines/redis/server.js")).startRedis(options),
  dynamodb: async (options) => (await import("../engines/dynamodb/server.js")).startDynamodb(options),
  cassandra: async (options) => (await import("../engines/cassandra/server.js")).startCassandra(options),
} as const satisfies Record<string, EngineStarter>;

/** The name of an engine that can be started embedded. */
export type EngineName = keyof typeof engineStarters;

/** All of them, in the order in which they are started and shown. */
export const engineNames = Object.keys(engineStarters) as readonly EngineName[];
