import { err } from "../protocol/reply.js";
import {
  type Command,
  type CommandEntry,
  CommandStats,
  FLAG_ADMIN,
  FLAG_BLOCKING,
  FLAG_FAST,
  FLAG_MOVABLE_KEYS,
  FLAG_PUBSUB,
  FLAG_READONLY,
  FLAG_WRITE,
  flagNames,
  parseKeys,
  type Run,
} from "./spec.js";
import { bitmapCommands } from "./tables/bitmap.js";
import { clusterCommands } from "./tables/cluster.js";
import { connectionCommands } from "./tables/connection.js";
import { genericCommands } from "./tables/generic.js";
import { geoCommands } from "./tables/geo.js";
import { hashCommands } from "./tables/hash.js";
import { hyperloglogCommands } from "./tables/hyperloglog.js";
import { listCommands } from "./tables/list.js";
import { pubsubCommands } from "./tables/pubsub.js";
import { scriptingCommands } from "./tables/scripting.js";
import { serverCommands } from "./tables/server.js";
import { setCommands } from "./tables/set.js";
import { sortedSetCommands } from "./tables/sorted-set.js";
import { streamCommands } from "./tables/stream.js";
import { stringCommands } from "./tables/string.js";
import { transactionsCommands } from "./tables/transactions.js";

/** Every command that this server has, by group. */
export const tables: Readonly<Record<string, readonly CommandEntry[]>> = {
  bitmap: bitmapCommands,
  cluster: clusterCommands,
  connection: connectionCommands,
  generic: genericCommands,
  geo: geoCommands,
  hash: hashCommands,
  hyperloglog: hyperloglogCommands,
  list: listCommands,
  pubsub: pubsubCommands,
  scripting: scriptingCommands,
  server: serverCommands,
  set: setCommands,
  sorted_set: sortedSetCommands,
  stream: streamCommands,
  string: stringCommands,
  transactions: transactionsCommands,
};

const bits = new Map(flagNames.map(([bit, name]) => [name, bit]));

/** A container without a subcommand: Redis answers with the wrong number of arguments. */
const container: Run = (c) => err(`wrong number of arguments for '${c.lastCommand!.fullName}' command`);

/** ACL categories: those that follow from flags, and those that the entry names. */
function categoriesOf(entry: CommandEntry, flags: number): string[] {
  const out = new Set(entry.categories?.split(" ") ?? []);
  if (flags & FLAG_WRITE) out.add("write");
  if (flags & FLAG_READONLY && !out.has("scripting")) out.add("read");
  if (flags & FLAG_ADMIN) {
    out.add("admin");
    out.add("dangerous");
  }
  if (flags & FLAG_PUBSUB) out.add("pubsub");
  if (flags & FLAG_FAST) out.add("fast");
  if (flags & FLAG_BLOCKING) out.add("blocking");
  if (!out.has("fast")) out.add("slow");
  return [...out];
}

function build(entry: CommandEntry, group: string, parent: string | undefined): Command {
  let flags = 0;
  for (const name of entry.flags.split(" ")) flags |= bits.get(name) ?? 0;
  const keys = parseKeys(entry.keys);
  // Where keys are is not told by fixed places alone.
  const movable = keys.some(
    ({ begin, find, flags: own }) =>
      begin === undefined || find === undefined || "keyword" in begin || "count" in find || own.includes("incomplete"),
  );
  if (movable || entry.findKeys !== undefined) flags |= FLAG_MOVABLE_KEYS;
  const subcommands =
    entry.subcommands === undefined
      ? undefined
      : new Map(entry.subcommands.map((sub) => [sub.name, build(sub, group, entry.name)]));
  return {
    name: entry.name,
    fullName: parent === undefined ? entry.name : `${parent}|${entry.name}`,
    group: group.replace("_", "-"),
    arity: entry.arity,
    flags,
    categories: categoriesOf(entry, flags),
    keys,
    since: entry.since,
    summary: entry.summary,
    run: entry.run ?? container,
    container: subcommands !== undefined,
    subcommands,
    findKeys: entry.findKeys,
    stats: new CommandStats(),
  };
}

/** The table as a server looks commands up, with figures of its own; names in lower and in upper case. */
export function commands(): Map<string, Command> {
  const out = new Map<string, Command>();
  for (const [group, entries] of Object.entries(tables)) {
    for (const entry of entries) out.set(entry.name, build(entry, group, undefined));
  }
  return out;
}
