/** `keyfold/redis`: the model on Redis and Valkey, over a client of ioredis or node-redis. */
export type { RedisClient } from "../../patterns/redis/link.js";
export type { Redis } from "../port/capability.js";
export { type RedisOptions, redis } from "./adapter.js";
export { type OpenOptions, open, prefixOf } from "./open.js";
