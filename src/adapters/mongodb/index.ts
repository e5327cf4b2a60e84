/** `keyfold/mongodb`: the MongoDB adapter, a well-configured client, and `insertOnce` for collections of your own. */

export type { Adapter } from "../port/adapter.js";
export type { MongoDB } from "../port/capability.js";
export { type MongoDBOptions, mongodb } from "./adapter.js";
export type { ClientLike, DbLike } from "./driver.js";
export { type CollectionLike, type InsertedOnce, type InsertOnceOptions, insertOnce } from "./insert-once.js";
export { open } from "./open.js";
