/** Names of CQL: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/definitions.html#identifiers */

import type { Field, Fields } from "../../model/field.js";

/** keyfold's own columns and tables begin so. */
const OWN = "kf_";

/** Grows with each write of a record; microseconds since 1970, and the timestamp of what is made of it. */
export const VERSION = "kf_v";
/** The last writes, newest first: "version:id". */
export const WRITES = "kf_w";
/** The version up to which all that is made of the record is written. */
export const DONE = "kf_done";
/** What the write of this version takes away: key fields of the record before it, as JSON. */
export const GONE = "kf_gone";
/** The record was deleted; the row goes by its TTL. */
export const DEAD = "kf_dead";
/** The write shard of a row. */
export const SHARD = "kf_shard";
/** The bucket of a row of a table that is cut by time unasked. */
export const BUCKET = "kf_bucket";
/** What a contribution counts for, and its amount. */
export const GROUP = "kf_group";
export const AMOUNT = "kf_amount";

/** Words that CQL keeps for itself; the same list for both engines. */
const reserved = new Set(
  (
    "add allow alter and apply asc authorize batch begin by columnfamily create default delete desc describe drop entries " +
    "execute from full grant if in index infinity insert into is keyspace limit materialized mbean mbeans modify nan " +
    "norecursive not null of on or order primary rename replace revoke schema scylla_clustering_bound " +
    "scylla_counter_shard_list scylla_timeuuid_list_index select set table to token truncate unlogged unset update use using " +
    "view where with"
  ).split(" "),
);

/** A name as it stands in a statement: bare where CQL takes it so. */
export function identifier(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** "customerId" is "customer_id": names that need no quotes. */
export function snake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9_]+/g, "_")
    .toLowerCase();
}

/** The columns of fields: in snake case where no two fields meet there, and never one of keyfold's own. */
export function columnsOf(fields: Fields): ReadonlyMap<string, string> {
  const taken = new Map<string, number>();
  for (const name of Object.keys(fields)) taken.set(snake(name), (taken.get(snake(name)) ?? 0) + 1);
  return new Map(
    Object.keys(fields).map((name) => {
      const plain = snake(name);
      const column = taken.get(plain) === 1 ? plain : name;
      return [name, column.startsWith(OWN) ? `kf__${column.slice(OWN.length)}` : column];
    }),
  );
}

/** The column of a key that is no column of the record: a field within an object, or one that is stored otherwise. */
export function ownColumn(path: string): string {
  return `${OWN}${snake(path.replaceAll(".", "_"))}`;
}

/** Longest name of a table (schema constants: NAME_LENGTH 48). */
const LONGEST = 48;

/**
 * A name of at most 48 characters; a longer one, one that is taken, or one that does not say all that is in the table
 * (`partial`) ends with what tells it apart.
 */
export function tableName(plain: string, identity: string, taken: ReadonlySet<string>, partial = false): string {
  const name = snake(plain);
  if (!partial && name.length <= LONGEST && !taken.has(name)) return name;
  return `${name.slice(0, LONGEST - 9)}_${hash(identity)}`;
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), eight hexadecimal digits. */
function hash(text: string): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, "0");
}

/**
 * Whether null and absent are two things for a field: a cell of CQL has no way to tell them apart. The drivers send a
 * list without elements as null, too.
 */
export function isAmbiguous(field: Field): boolean {
  return field.kind === "array" ? field.optional || field.nullable : field.optional && field.nullable;
}
