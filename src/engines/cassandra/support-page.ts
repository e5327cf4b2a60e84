import { cqlVersion, releaseVersion } from "./schema/system-rows.js";
import { statements } from "./statements.js";
import { nativeFacts } from "./types/native.js";

function table(list: readonly { readonly name: string; readonly summary: string }[]): string {
  const line = (each: { name: string; summary: string }): string =>
    `| \`${each.name}\` | ${each.summary.replaceAll("|", "\\|")} |`;
  return ["| statement | what of it |", "| --- | --- |", ...list.map(line)].join("\n");
}

/** docs/engines/cassandra.md, made from the table that the engine itself works from. */
export function supportPage(): string {
  const yes = statements.filter((each) => each.supported);
  const no = statements.filter((each) => !each.supported);
  const types = [...nativeFacts.keys()].filter((name) => name !== "empty");
  return `${[
    "# The embedded Cassandra engine: what it supports",
    "<!-- Made by scripts/support-page.mjs from the engine's table of statements: do not edit. -->",
    `The engine speaks the native protocol v4 and CQL ${cqlVersion}, and presents itself as Apache Cassandra ${releaseVersion}. What it does not support is refused with the error of a Cassandra in which the feature is off; nothing is accepted and ignored.`,
    "## How it behaves",
    [
      "- **Protocol.** Version 4; a client of another one is told so, and drivers fall back. Password authentication with one user, LZ4 and Snappy, paging, warnings, tracing (with rows in `system_traces`), events of schema and status. Frames up to 16 MiB.",
      "- **Storage.** Memory by default; with a data folder, LMDB. There a write is acknowledged after its batch is committed, so it survives the death of the process. In a data folder the keys of a row (token, partition key, clustering) may have 1,974 bytes together.",
      "- **Cells** have timestamps and TTLs; of two versions the greater timestamp wins, then a deletion or an end, then the larger value. Deletions are kept for `gc_grace_seconds`; what has ended is given back once a minute.",
      "- **Tokens** are Murmur3's: pages of a whole table come in the order in which Cassandra gives them.",
      "- **Dropped columns.** DROP takes the cells away at once. A later write to a column that was added again, with a timestamp of its own from before the drop, is kept; Cassandra hides it.",
      "- **Clusters.** With `nodes: 3` (`--cassandra-nodes 3`) one process listens on 127.0.0.1, .2 and .3. Each node has a store of its own; coordinators honour replication and consistency levels, keep hints, mend what reads find to differ, and answer with the real Unavailable, ReadTimeout and WriteTimeout errors. A conditional write reads and writes a majority; there is no interrupted Paxos round to finish.",
      "- **Counters** are kept as one part for each replica that led an increment.",
      "- **Indexes** are trees of their own on every node, kept with the rows: a query reads the entries of its value or range, then the rows. In a data folder they take up to 256 bytes of the room that keys of rows have.",
      "- **Logged batches** are put on all replicas in one step of the process: there is no half of one to replay.",
      "- **Limits**: statements and frames of 16 MiB, batches over several partitions of 50 KiB (warned of from 5 KiB), partition and clustering values of 65,535 bytes.",
    ].join("\n"),
    "## Where it differs from Apache Cassandra 5.0",
    "`npm run test:real -- cassandra` sends random statements to both and compares rows, order, types and the codes of errors. What is left:",
    [
      "- Of several conditions in an IF, Cassandra looks at them in an order of its own: an inequality with null is an error only where none before it fails.",
      "- A slice of a clustering column that begins or ends at null is an error; Cassandra answers with no rows.",
      "- A conditional batch with an IN on the partition key is an invalid request; Cassandra answers with a server's error.",
      "- A plain constant is refused for a tuple that is clustered downwards; Cassandra takes it, and then cannot flush the table.",
      "- `-name` is a negation; the lexer of Cassandra 5.0 takes a name that begins with n or N after the sign for the beginning of `NaN`.",
      "- `blob_as_timeuuid`, `min` and `max` give a timeuuid; in Cassandra 5.0 they have the type of an internal class.",
      "- Pages of GROUP BY end as others do; Cassandra may give the state of a further page, which it then refuses.",
      "- A set within another bound value is put in order; Cassandra keeps it as it came.",
      "- An int is no timestamp for CAST; Cassandra makes one of four bytes, which no driver can read.",
    ].join("\n"),
    "## Figures",
    "`npm run bench -- cassandra` replays frames over four connections, here and on Apache Cassandra 5.0.9 (both compilers, commit log synced periodically, warmed up). On 2 shared cores, Node 20.20, 2026-11-28, a quick run: prepared inserts 6.7 and 2.1 ×, point reads 7.6 and 4.8 ×, slices of 100 rows 3.1 and 1.8 × the rate, at 1 and at 32 in flight, for a quarter or less of the server's CPU time a request; p99 a fifth to a quarter for single inserts and reads, an eighth to two thirds at 32 in flight, and 2.3 × for slices one after the other. Start to the first answered query 0.11 s beyond `node -e 0` (10 s), 57 MB resident when idle (872 MB).",
    "## Types",
    `${types.map((name) => `\`${name}\``).join(", ")}; lists, sets and maps, frozen or not; tuples; user types, frozen or not; vectors of floats (stored and read; no ANN).`,
    "## Statements",
    table(yes),
    "Refused:",
    table(no),
  ].join("\n\n")}\n`;
}
