import type { Client } from "../client.js";
import { allCommands, human } from "../info/info.js";
import { Double, err, OK, type Reply, ReplyMap, SYNTAX, Verbatim } from "../protocol/reply.js";
import { longIn } from "./arguments.js";
import { help } from "./generic.js";

/** What the server tells of slow calls, of pauses, and of its memory: SLOWLOG, LATENCY, MEMORY. */

export function slowlogGet(c: Client, a: string[]): Reply {
  let count = 10;
  if (a.length > 3) return SYNTAX;
  if (a.length === 3) {
    count = longIn(a[2]!, -1, Number.POSITIVE_INFINITY, err("count should be greater than or equal to -1"));
    if (count === -1) count = Number.POSITIVE_INFINITY;
  }
  return c.server.slowlog.calls
    .slice(0, count)
    .map((call) => [call.id, call.time, call.microseconds, [...call.args], call.address, call.name]);
}

export function slowlogLen(c: Client): Reply {
  return c.server.slowlog.calls.length;
}

export function slowlogReset(c: Client): Reply {
  c.server.slowlog.clear();
  return OK;
}

export function slowlogHelp(): Reply {
  return help("SLOWLOG", [
    "GET [<count>]",
    "    The newest entries (default: 10): id, time, microseconds, arguments, client.",
    "LEN",
    "    How many entries there are.",
    "RESET",
    "    Forget them.",
  ]);
}

export function latencyLatest(c: Client): Reply {
  return [...c.server.latency.series].map(([event, { samples, max }]) => {
    const last = samples.at(-1)!;
    return [event, last.time, last.ms, max];
  });
}

export function latencyHistory(c: Client, a: string[]): Reply {
  return (c.server.latency.series.get(a[2]!)?.samples ?? []).map(({ time: at, ms }) => [at, ms]);
}

export function latencyReset(c: Client, a: string[]): Reply {
  const { series } = c.server.latency;
  if (a.length === 2) {
    const count = series.size;
    series.clear();
    return count;
  }
  let count = 0;
  for (const event of a.slice(2)) if (series.delete(event)) count++;
  return count;
}

export function latencyHistogram(c: Client, a: string[]): Reply {
  const all = allCommands(c.server);
  const wanted =
    a.length === 2
      ? all
      : a.slice(2).flatMap((text) => {
          const name = text.toLowerCase();
          const found = all.find(({ fullName }) => fullName === name);
          if (found === undefined) return [];
          return found.subcommands === undefined ? [found] : [...found.subcommands.values()];
        });
  const out: Reply[] = [];
  for (const { fullName, stats } of wanted) {
    if (stats.histogram === undefined) continue;
    const buckets: Reply[] = [];
    let seen = 0;
    stats.histogram.forEach((count, i) => {
      if (count === 0) return;
      seen += count;
      buckets.push(2 ** i, seen);
    });
    out.push(fullName, new ReplyMap(["calls", stats.calls, "histogram_usec", new ReplyMap(buckets)]));
  }
  return new ReplyMap(out);
}

export function latencyDoctor(c: Client): Reply {
  const { series } = c.server.latency;
  if (c.server.config.latencyMonitorThreshold === 0) {
    return new Verbatim(
      'Latency monitoring is off. Turn it on with "CONFIG SET latency-monitor-threshold <milliseconds>".',
    );
  }
  if (series.size === 0) return new Verbatim("No latency spike was seen since the last reset.");
  const lines = [...series].map(
    ([event, { samples, max }]) =>
      `${event}: ${samples.length} latency spikes (average ${Math.round(samples.reduce((sum, s) => sum + s.ms, 0) / samples.length)}ms), worst all time event ${max}ms.`,
  );
  return new Verbatim(lines.join("\n"));
}

export function latencyGraph(c: Client, a: string[]): Reply {
  const series = c.server.latency.series.get(a[2]!);
  if (series === undefined) return err(`No samples available for event '${a[2]}'`);
  const top = Math.max(...series.samples.map(({ ms }) => ms));
  const bars = "_.-'^#";
  const line = series.samples.map(({ ms }) => bars[Math.min(5, Math.floor((ms / (top + 1)) * 6))]).join("");
  return new Verbatim(`${a[2]} - high ${top} ms (all time high ${series.max} ms)\n${"-".repeat(80)}\n${line}\n`);
}

export function latencyHelp(): Reply {
  return help("LATENCY", [
    "DOCTOR",
    "    What the samples tell.",
    "GRAPH <event>",
    "    The samples of an event as a drawing.",
    "HISTORY <event>",
    "    The samples of an event.",
    "LATEST",
    "    The newest sample of each event.",
    "RESET [<event> ...]",
    "    Forget the samples.",
    "HISTOGRAM [<command> ...]",
    "    The distribution of commands' times.",
  ]);
}

export function memoryStats(c: Client): Reply {
  const { server } = c;
  const used = server.usedMemory();
  const data = server.dataBytes();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  let keys = 0;
  const dbs: Reply[] = [];
  for (const db of server.dbs) {
    if (db.size === 0) continue;
    keys += db.size;
    dbs.push(
      `db.${db.index}`,
      new ReplyMap(["overhead.hashtable.main", db.size * 136, "overhead.hashtable.expires", db.expiries.size * 64]),
    );
  }
  return new ReplyMap([
    "peak.allocated",
    Math.max(used, server.stats.peakMemory),
    "total.allocated",
    used,
    "startup.allocated",
    1_000_000,
    "replication.backlog",
    0,
    "clients.slaves",
    0,
    "clients.normal",
    server.clients.size * 2048,
    "cluster.links",
    0,
    "aof.buffer",
    server.persistence?.bufferedBytes ?? 0,
    "lua.caches",
    server.scripting?.info().bytes ?? 0,
    "functions.caches",
    0,
    ...dbs,
    "overhead.total",
    used - data,
    "keys.count",
    keys,
    "keys.bytes-per-key",
    keys === 0 ? 0 : Math.floor(data / keys),
    "dataset.bytes",
    data,
    "dataset.percentage",
    new Double((data / used) * 100),
    "peak.percentage",
    new Double((used / Math.max(used, server.stats.peakMemory)) * 100),
    "allocator.allocated",
    heapUsed,
    "allocator.active",
    heapTotal,
    "allocator.resident",
    rss,
    "fragmentation",
    new Double(rss / used),
    "fragmentation.bytes",
    rss - used,
  ]);
}

export function memoryDoctor(c: Client): Reply {
  const { server } = c;
  const used = server.usedMemory();
  return new Verbatim(
    `The data takes about ${human(server.dataBytes())} of ${human(used)} in use; the process holds ${human(process.memoryUsage().rss)}.`,
  );
}

/** V8 gives memory back by itself; asking it to is possible only when node runs with --expose-gc. */
export function memoryPurge(): Reply {
  (globalThis as { gc?: () => void }).gc?.();
  return OK;
}

export function memoryMallocStats(): Reply {
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  return new Verbatim(`V8 heap: used ${heapUsed}, total ${heapTotal}, external ${external}, resident ${rss}`);
}

export function memoryHelp(): Reply {
  return help("MEMORY", [
    "DOCTOR",
    "    A word about memory.",
    "MALLOC-STATS",
    "    Figures of the allocator.",
    "PURGE",
    "    Ask the allocator to give memory back.",
    "STATS",
    "    Where the memory is.",
    "USAGE <key> [SAMPLES <count>]",
    "    The memory of a key.",
  ]);
}
