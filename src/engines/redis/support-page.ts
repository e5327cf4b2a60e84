import type { CommandEntry } from "./commands/spec.js";
import { tables } from "./commands/table.js";
import { settings } from "./config/settings.js";

const titles: Readonly<Record<string, string>> = {
  sorted_set: "Sorted set",
  pubsub: "Publish and subscribe",
  hyperloglog: "HyperLogLog",
};

function* rows(entries: readonly CommandEntry[], container = ""): Generator<string> {
  for (const { name, note, refused, subcommands, summary } of entries) {
    const words = `${container}${name}`.toUpperCase();
    if (subcommands !== undefined) {
      yield* rows(subcommands, `${name} `);
      continue;
    }
    const remark = refused === undefined ? (note ?? "") : `refused: ${refused}`;
    yield `| ${words} | ${summary.replace(/\.$/, "")} | ${remark} |`;
  }
}

function group(name: string, entries: readonly CommandEntry[]): string {
  const title = titles[name] ?? `${name[0]!.toUpperCase()}${name.slice(1)}`;
  return [`### ${title}`, "", "| command | what it does | remark |", "| --- | --- | --- |", ...rows(entries)].join(
    "\n",
  );
}

function count(entries: readonly CommandEntry[], which: (entry: CommandEntry) => boolean): number {
  return entries.reduce(
    (sum, entry) => sum + (entry.subcommands === undefined ? Number(which(entry)) : count(entry.subcommands, which)),
    0,
  );
}

/** Settings that are kept and shown, and that nothing here follows. */
function idle(): string {
  return settings
    .filter((setting) => setting.idle !== undefined)
    .map(({ idle: why, name }) => `| \`${name}\` | ${why} |`)
    .join("\n");
}

function shown(kind: "changes" | "fixed"): string {
  return settings
    .filter(
      (setting) => !setting.hidden && (setting.fixed === true) === (kind === "fixed") && setting.idle === undefined,
    )
    .map(({ alias, name }) => `\`${name}\`${alias === undefined ? "" : ` (\`${alias}\`)`}`)
    .join(", ");
}

/** docs/engines/redis.md, made from the tables that the engine itself works from. */
export function supportPage(): string {
  const all = Object.values(tables).flat();
  const refused = count(all, (entry) => entry.refused !== undefined);
  return `${[
    "# The embedded Redis engine: what it supports",
    "<!-- Made by scripts/support-page.mjs from the engine's tables of commands and settings: do not edit. -->",
    "Redis 7.2 in one Node process, RESP2 and RESP3, in memory or in a folder: `keyfold dev [--data FOLDER]`, or `startEngines({ redis: true })`. Any client library connects to it unchanged.",
    "## A folder of data",
    "With `--data` (`dataDir`) every change is kept in Redis' own append-only format: `appendonlydir/` with a base, increments and their manifest.",
    [
      "- **When it is kept.** `appendfsync` is `everysec`, as in Redis; CONFIG SET changes it until the end, and CONFIG REWRITE for good. A reply leaves only after its change was handed to the system, so a killed process loses nothing; with `always` only after it is on the disk, all changes of one turn in one sync. What a machine that loses its power may lose with `everysec` is the last second.",
      "- **Rewriting.** BGREWRITEAOF, and growth by itself (`auto-aof-rewrite-percentage`, `auto-aof-rewrite-min-size`), write a new base beside the clients, in pieces of a millisecond. A key is written in one piece: a very large one holds the others for as long as DUMP of it does.",
      '- **Snapshots.** SAVE, BGSAVE and save points (`CONFIG SET save "60 1"`) write `dump.rdb`, which is read where there is no log.',
      "- `CONFIG SET appendonly no` ends the log, `yes` begins it anew. Where the folder holds a log, the next start reads it, as in Redis.",
      "- **A torn end**, as a crash leaves it, is cut at the last whole command or transaction, with a message. Any other damage is an error with the place, and nothing is changed.",
      "- **A full disk.** Writes are refused with `MISCONF Errors writing to the AOF file: No space left on device`, reads go on, and writes too when there is room again. With `always` the connections whose changes could not be kept are closed, for their outcome is open (Redis ends its process there). After a failed sync a new base is written before writes go on.",
      "- **Real servers.** Redis 8.2, Valkey 9.1 and Redis 7.0 start from this folder (`--dir FOLDER --appendonly yes`), and the engine starts from theirs, with or without an RDB preamble; what only newer servers have (fields that expire, modules) is refused by name. `test/redis/real-folder.test.ts` carries folders to and fro.",
      "- Bases are commands, which every version reads. As with Redis' own bases of that kind, two things of streams are not in them: entries that are pending and deleted, and when a consumer was last active.",
      "- **Settings.** `redis.conf` in the folder is read at the start: Redis' names and values, a line each. CONFIG REWRITE writes it, users included.",
      "- One engine at a time has a folder; another one is refused.",
    ].join("\n"),
    "## Scripts",
    [
      "- Lua 5.1 with Redis' libraries, under the names `redis` and `server`; each script is compiled to JavaScript once.",
      "- A script that runs beyond `busy-reply-threshold` (5 s) is run once more from its beginning, in turns between which others are answered BUSY and SCRIPT KILL, FUNCTION KILL and SHUTDOWN NOSAVE work; its calls up to there are not made again, they get the replies that they had. What a library keeps in its own locals begins anew in such a run. Where that cannot be (in a transaction, inside a coroutine, after more than 4,096 calls that wrote something), the script holds all others until its end, and one that has not written is ended after 30 s.",
      "- `redis.log` goes to the engine's log: `keyfold dev` prints notices and warnings, `startRedis` takes a `log` option.",
      "- `getfenv`, `setfenv`, `newproxy` and bytecode are refused with an error.",
    ].join("\n"),
    "## What it passes of Redis' public suite",
    [
      "The suite of valkey 7.2.7, a fresh server for each file, from a checkout beside the repository: `npm run exam -- redis --from PATH [--names FILE]`. The names are in [docs/exams/redis.json](../exams/redis.json); of the 2,030 tests that the reference server passes these are not passed:",
      "",
      "| file | test | why |",
      "| --- | --- | --- |",
      "| scripting | Script ACL check (4 ×) | it makes a user with rules, which are refused here |",
      "| latency-monitor | LATENCY of expire events are correctly collected; LATENCY GRAPH can output the expire event graph | they wait for the pause in which a set of a million members is freed; here that takes no time (the collector does it later), so there is no such event |",
      "| string | trim on SET with big value | it is run where INFO names jemalloc as the allocator |",
    ].join("\n"),
    "## Libraries that run on it unchanged",
    "ioredis 5 and 6, node-redis 5 and 6 (RESP2, RESP3 and its client-side cache), redis-py 8; BullMQ (its own tests: `npm run exam -- bullmq --from PATH`), connect-redis, rate-limiter-flexible, redlock, BentoCache: `test/foreign`, `test/drivers`.",
    "## Where other versions answer otherwise",
    "`npm run test:real -- redis` (8.2) and `-- valkey` (9.1) send the same random sequences of requests of all groups to the engine and to the real server: pipelined, in transactions and from scripts, in RESP2 and RESP3. Replies, keyspace events, messages, invalidations and the data at the end are the same but for this, where the documentation of 7.2 and the source of valkey 7.2.7 decide:",
    `| what | here, as in 7.2 | there |
| --- | --- | --- |
| commands and options that only newer servers have (HEXPIRE and its kin, HGETEX, XDELEX, BITOP DIFF, vector sets; SET IFEQ) | unknown command, syntax error | served |
| digits of coordinates (GEOPOS, WITHCOORD) | 17, of a long double | Redis 8.2, Valkey 9.1: the shortest |
| XREAD and XREADGROUP with BLOCK in a script | an error | nil |
| XINFO GROUPS: \`lag\`, \`entries-read\` beyond the stream's counter | as given | Redis 8.2: limited, and known in more cases |
| CONFIG SET of a number below 0: the text | "must be between" | Redis 8.2: "must be greater or equal to" |
| OBJECT ENCODING of a string that INCRBYFLOAT made of a whole number | int | embstr |
| DEBUG | its harmless subcommands | Redis 8.2: not allowed until enabled |
| AUTH that fails behind other requests of a pipeline | an error | Redis and Valkey: no reply at all, so all later replies are out of step |
| error texts of scripts (\`redis.\` against \`server.\`, "Redis", the script's digest); a missing member in GEO commands | Redis' | Valkey 9.1: its own |
| READONLY, READWRITE, ASKING, CLUSTER KEYSLOT without a cluster | an error | Valkey 9.1: served |
| SCAN with an unknown TYPE; GETEX with a time of 0 for a missing key | empty; nil | Valkey 9.1: an error |
| the event of EXPIRE with a moment in the past | del | Valkey 9.1: expired |
| an LTRIM that trims nothing, to who tracks the key | a change | Valkey 9.1: none |`,
    "## Different on purpose",
    [
      "- **Users** have a name, a password and all rights; rules that would restrict one are refused, not ignored.",
      "- **Memory** (`maxmemory`, MEMORY USAGE, INFO) is an estimate of what the process holds for the data, not an allocator's figure. Room that removed short strings leave in their pages (never more than what is in use, and a page of 1 MB) is in `used_memory` and shown as `mem_not_counted_for_evict`; `maxmemory` does not count it.",
      "- **Output buffers.** Beside Redis' limits by class, whoever leaves more than 4 MB of replies unread is not read from until it takes them.",
      "- **Encodings** (OBJECT ENCODING) are those that Redis would choose under the same settings; the data is held otherwise.",
    ].join("\n"),
    `## Commands\n\n${count(all, () => true)} commands and subcommands, ${refused} of them refused with the reason given.`,
    ...Object.entries(tables).map(([name, entries]) => group(name, entries)),
    "## Settings",
    `CONFIG SET changes: ${shown("changes")}.`,
    `CONFIG GET shows, and CONFIG SET takes as they are: ${shown("fixed")}. Names that are not here are unknown to CONFIG.`,
    "Taken and shown, with nothing here that would follow them:",
    `| setting | why |\n| --- | --- |\n${idle()}`,
  ].join("\n\n")}\n`;
}
