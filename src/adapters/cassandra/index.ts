/** `keyfold/cassandra`: the Cassandra and ScyllaDB adapters and a well-configured client. */

export type { Replication } from "../../plan/cassandra/ddl.js";
export type { Adapter } from "../port/adapter.js";
export type { Cassandra, ScyllaDB } from "../port/capability.js";
export { type CassandraOptions, cassandra, scylladb } from "./adapter.js";
export type { CassandraClient } from "./driver.js";
export { type OpenedKeyspace, open } from "./open.js";
