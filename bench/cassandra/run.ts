import { type ServerProcess, startServer } from "../harness/processes.js";
import { render, renderRates } from "../harness/report.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { renderStartUp, startUp } from "../harness/start-up.js";
import { CqlLoad, executeFrame, value } from "./cql-load.js";

/** The parts of `npm run bench -- cassandra`. */
export const cassandraParts = ["client", "requests", "start-up"] as const;
/** Servers that the client can be measured on. */
export const cassandraServers = ["real", "embedded"] as const;

const partitions = 1000;
const rowsEach = 100;
const connections = 4;

/** The embedded engine in a process of its own, as `keyfold dev` starts it. */
function startEmbedded(): Promise<ServerProcess> {
  return startServer(
    "keyfold",
    process.execPath,
    ["dist/cli/main.js", "dev", "--only", "cassandra", "--any-port", "--json"],
    (line) => /"cassandra":"(cassandra:[^"]+)"/.exec(line)?.[1],
  );
}

/** Apache Cassandra as it comes: both compilers, and a commit log that is synced every so often. */
function startCassandra(): Promise<ServerProcess> {
  process.env["KEYFOLD_CASSANDRA_FOR"] = "speed";
  return startServer(
    "Apache Cassandra 5.0",
    process.execPath,
    ["scripts/real-engine.mjs", "cassandra", "--port", "0"],
    (line) => /cassandra:\/\/\S+/.exec(line)?.[0],
  );
}

interface Prepared {
  readonly server: ServerProcess;
  readonly load: CqlLoad;
  readonly insert: Buffer;
  readonly read: Buffer;
  readonly slice: Buffer;
}

const text = "v".repeat(100);

async function prepared(server: ServerProcess): Promise<Prepared> {
  const load = await CqlLoad.open(server.port, connections);
  await load.query("CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await load.query("CREATE TABLE bench.line (p int, c int, v text, n int, PRIMARY KEY (p, c))");
  const insert = await load.prepare("INSERT INTO bench.line (p, c, v, n) VALUES (?, ?, ?, ?)");
  const read = await load.prepare("SELECT c, v, n FROM bench.line WHERE p = ? AND c = ?");
  const slice = await load.prepare("SELECT c, v, n FROM bench.line WHERE p = ? AND c < ?");
  const all: Buffer[] = [];
  for (let p = 0; p < partitions; p++)
    for (let c = 0; c < rowsEach; c++) all.push(executeFrame(insert, [value(p), value(c), value(text), value(c)]));
  await load.send(all, 32);
  for (const [frame, rows] of [
    [executeFrame(read, [value(7), value(7)]), 1],
    [executeFrame(slice, [value(7), value(rowsEach)]), rowsEach],
  ] as const) {
    const found = rowsOf(await load.ask(frame));
    if (found !== rows) throw new Error(`${server.name} answered with ${found} rows, not ${rows}`);
  }
  return { server, load, insert, read, slice };
}

/** Rows of a RESULT without metadata: its kind, flags, count of columns, count of rows. */
function rowsOf(reply: Buffer): number {
  return reply.readInt32BE(9 + 12);
}

/** Milliseconds within which this share of the requests was answered. */
function within(times: Float64Array, share: number): number {
  const sorted = Float64Array.from(times).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

const random = (max: number): number => Math.floor(Math.random() * max);

const kinds: readonly { name: string; share: number; frame: (of: Prepared) => Buffer }[] = [
  {
    name: "prepared insert",
    share: 1,
    frame: ({ insert }) =>
      executeFrame(insert, [value(random(partitions)), value(rowsEach + random(100_000)), value(text), value(1)]),
  },
  {
    name: "point read",
    share: 1,
    frame: ({ read }) => executeFrame(read, [value(random(partitions)), value(random(rowsEach))]),
  },
  {
    name: "slice of 100 rows",
    share: 0.3,
    frame: ({ slice }) => executeFrame(slice, [value(random(partitions)), value(rowsEach)]),
  },
];

async function requests(quick: boolean, rounds: RoundsOptions, show: (comparison: Comparison) => void): Promise<void> {
  const servers = [await startEmbedded(), await startCassandra()];
  const contenders = [];
  for (const server of servers) contenders.push(await prepared(server));
  for (const inFlight of [1, 32])
    for (const { name, share, frame } of kinds) {
      const count = Math.round((inFlight === 1 ? 2000 : 20_000) * share * (quick ? 0.5 : 1));
      const times = new Map(contenders.map(({ server }) => [server.name, [] as Float64Array[]]));
      const comparison = await compare(
        `${name}, ${inFlight} in flight`,
        "≥ 2 × the rate, or ≤ half the server's CPU; p99 ≤ half",
        contenders.map((contender) => ({
          name: contender.server.name,
          run: async (round) => {
            const frames = Array.from({ length: count }, () => frame(contender));
            let took: Float64Array = new Float64Array(0);
            const sample = await timed(
              count,
              async () => {
                took = await contender.load.send(frames, inFlight);
              },
              () => contender.server.cpuSeconds(),
            );
            if (round >= 0) times.get(contender.server.name)!.push(took);
            return sample;
          },
        })),
        rounds,
      );
      show(comparison);
      for (const [server, list] of times) {
        const all = new Float64Array(list.reduce((sum, each) => sum + each.length, 0));
        let at = 0;
        for (const each of list) {
          all.set(each, at);
          at += each.length;
        }
        console.log(
          `  ${server.padEnd(20)} p50 ${within(all, 0.5).toFixed(2)} ms, p99 ${within(all, 0.99).toFixed(2)} ms`,
        );
      }
      console.log();
    }
  for (const { load } of contenders) load.close();
  await Promise.all(servers.map((server) => server.stop()));
}

/** The first answered query. */
async function ping(port: number): Promise<void> {
  const load = await CqlLoad.open(port, 1);
  await load.query("SELECT release_version FROM system.local");
  load.close();
}

export async function cassandraBench(
  part: (typeof cassandraParts)[number],
  quick: boolean,
  rounds: RoundsOptions,
  server: (typeof cassandraServers)[number],
): Promise<void> {
  switch (part) {
    case "client": {
      const { clientComparisons } = await import("./client.js");
      const running = await (server === "real" ? startCassandra() : startEmbedded());
      console.log(`on ${running.name}`);
      await clientComparisons(running, (each) => console.log(render(each)), {
        ...rounds,
        warmup: 3,
        scale: quick ? 0.5 : 1,
      });
      await running.stop();
      break;
    }
    case "requests":
      // The peer's compilers want more of a warm-up.
      await requests(quick, { rounds: rounds.rounds ?? 9, warmup: 4 }, (each) =>
        console.log(renderRates(each).trimEnd()),
      );
      break;
    case "start-up": {
      const ours = await startUp(startEmbedded, ping, quick ? 5 : 15);
      console.log(
        renderStartUp("start to first answered query, Cassandra engine", "≤ 150 ms beyond node, ≤ 90 MB idle", ours),
      );
      const theirs = await startUp(startCassandra, ping, quick ? 1 : 3);
      console.log(renderStartUp("the same, Apache Cassandra 5.0", "ours ≥ 20 × sooner, ≥ 6 × less", theirs));
      break;
    }
    default: {
      const never: never = part;
      throw new Error(String(never));
    }
  }
}
