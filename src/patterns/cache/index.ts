export type { RedisClient } from "../redis/link.js";
export { Cache, type CacheOptions, cache, type GetOptions } from "./cache.js";
export type { CacheEvent, CacheEventName, CacheStats } from "./events.js";
export type { LocalOptions } from "./local-level.js";
export { json, messagePack, type Serializer, text } from "./serializer.js";
