export type { RedisClient } from "../redis/link.js";
export { Held } from "./held.js";
export { type AcquireOptions, type LockOptions, Locks, lock } from "./lock.js";
