import { accumulatorOperators } from "./aggregation/accumulators/table.js";
import { expressionOperators } from "./aggregation/expressions/table.js";
import { pipelineStages } from "./aggregation/stages/table.js";
import { maxWireVersion, replicaSetName, version } from "./commands/handshake.js";
import { commands } from "./commands/table.js";
import { queryOperators } from "./query/filter.js";
import { updateOperators } from "./update/operators.js";

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
}

function section(title: string, entries: readonly Entry[], refusal: string): string {
  const line = (each: Entry): string => `| \`${each.name}\` | ${each.summary.replaceAll("|", "\\|")} |`;
  const table = (list: readonly Entry[]): string =>
    ["| name | what it does |", "| --- | --- |", ...list.map(line)].join("\n");
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const yes = sorted.filter((each) => each.supported);
  const no = sorted.filter((each) => !each.supported);
  const parts = [`## ${title}`, `${yes.length} supported.`, table(yes)];
  if (no.length > 0) parts.push(`Not supported yet: ${refusal}`, table(no));
  return parts.join("\n\n");
}

/** docs/engines/mongodb.md, made from the tables that the engine itself works from. */
export function supportPage(): string {
  return `${[
    "# The embedded MongoDB engine: what it supports",
    "<!-- Made by scripts/support-page.mjs from the engine's tables: do not edit. -->",
    `The engine speaks MongoDB's wire protocol (OP_MSG; OP_QUERY for the first hello) and presents itself as the primary of a one-node replica set \`${replicaSetName}\` of version ${version} (wire version ${maxWireVersion}). What is not in a table of supported names is refused with the error that MongoDB has for an unknown name; nothing is accepted and ignored.`,
    "## How it behaves",
    [
      "- **Storage.** Memory by default; with a data folder, LMDB. There a write is acknowledged after its batch is committed, so it survives the death of the process; `j: true` waits for the disk too. A key of an index that is longer than 1,974 bytes cannot be stored in a data folder.",
      "- **Retryable writes** are answered from their record when they are sent again, after a restart of a data folder too. **Transactions** are refused with error 20.",
      "- **Read concerns** `local`, `available`, `majority` and `linearizable` are accepted on reads: on one node each of them reads the latest committed data. `snapshot` is refused with error 123, as a server without a replica set does. **Write concerns** above one node are answered with a `writeConcernError`.",
      "- **Indexes** are compound, multikey, unique, sparse, partial, TTL and hidden. Text, geo, hashed and wildcard indexes are refused. TTL indexes are looked at once a minute of the engine's clock.",
      "- **Collation**: the simple one.",
      "- **Cursors** find their place again after writes between two batches: none is told twice, and none that stays where it is is missed. They time out after ten minutes.",
      "- **One command runs at a time.** A command runs to its end before the next one of any connection starts; `maxTimeMS` ends a long one. Documents are at most 16 MiB, messages 48 MB, nesting 180 levels.",
      "- **Logins**: SCRAM-SHA-256 and SCRAM-SHA-1, one user, who may do everything. Without credentials the engine serves loopback addresses alone.",
    ].join("\n"),
    section("Commands", commands, "answered with 59 CommandNotFound."),
    section("Query operators", queryOperators, "refused as unknown operators are."),
    section(
      "Update operators",
      [
        ...updateOperators,
        ...(updateOperators.some((each) => each.name === "$rename")
          ? []
          : [{ name: "$rename", summary: "moves a field to another name", supported: true }]),
      ],
      "refused as unknown modifiers are.",
    ),
    section("Aggregation stages", pipelineStages, "refused with 40324."),
    section("Accumulators", accumulatorOperators, "refused as unknown group operators are."),
    section("Expression operators", expressionOperators, "refused as unrecognized expressions are."),
  ].join("\n\n")}\n`;
}
