// Three nodes of Apache Cassandra in the foreground, on 127.0.0.1, .2 and .3:
//   node cassandra-ring.mjs JAVA LIB DATA PORT STORAGE_PORT
// DATA/ring.json has the processes' ids once the nodes reach each other. Tests kill nodes by them; SIGUSR2 starts those
// that are gone again, on their data, and writes the file anew when the ring is whole.
import { spawn } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client, policies, types } from "cassandra-driver";
import { cassandraCommand } from "./cassandra.mjs";
import { ringFile } from "./cassandra-ring-ready.mjs";

const [java, lib, data, port, storagePort] = process.argv.slice(2);
const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
/** All are seeds with tokens of their own: no node waits for another's data, in whatever order they start. */
const tokens = [-9223372036854775808n, -3074457345618258603n, 3074457345618258602n];
const wholeWithinMs = 120_000;

const children = [];
let stopping = false;

async function startNode(at) {
  const folder = join(data, `node${at + 1}`);
  await mkdir(folder, { recursive: true });
  const { file, args, cwd } = await cassandraCommand({
    ...{ java, lib, data: folder, port: Number(port), storagePort: Number(storagePort) },
    ...{ address: addresses[at], seeds: addresses, token: tokens[at], heapMb: 320, durable: true },
  });
  const child = spawn(file, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  children[at] = child;
  child.once("exit", (code, signal) => {
    // Killed by a test, it may be gone; whatever else ends a node ends the ring.
    if (!stopping && signal !== "SIGKILL") void stop(code ?? 1, `node ${at + 1} ended: ${signal ?? code}`);
  });
}

const isGone = (child) => child.exitCode !== null || child.signalCode !== null;

/** Whether this node reaches the two others, and all of them have one schema. */
async function isWhole(address) {
  const client = new Client({
    contactPoints: [`${address}:${port}`],
    localDataCenter: "datacenter1",
    policies: {
      loadBalancing: new policies.loadBalancing.AllowListPolicy(new policies.loadBalancing.RoundRobinPolicy(), [
        `${address}:${port}`,
      ]),
    },
  });
  try {
    await client.connect();
    const own = (await client.execute("SELECT schema_version FROM system.local")).first();
    // This keyspace has three replicas: a read of all of them is one of every node.
    await client.execute("SELECT * FROM system_distributed.view_build_status", [], {
      consistency: types.consistencies.all,
    });
    const { rows } = await client.execute("SELECT tokens, schema_version FROM system.peers");
    return (
      rows.length === 2 &&
      rows.every((row) => row.tokens?.length > 0 && String(row.schema_version) === String(own.schema_version))
    );
  } catch {
    return false;
  } finally {
    await client.shutdown();
  }
}

/** Starts every node that is not there, waits until the ring is whole, and says so. */
async function makeWhole() {
  await rm(ringFile(data), { force: true });
  for (const at of addresses.keys()) if (children[at] === undefined || isGone(children[at])) await startNode(at);
  const until = Date.now() + wholeWithinMs;
  for (const address of addresses)
    while (!(await isWhole(address))) {
      if (Date.now() > until) throw new Error(`the ring is not whole after ${wholeWithinMs / 1000} s`);
      await setTimeout(250);
    }
  const ids = { ring: process.pid, nodes: children.map((child) => child.pid) };
  await writeFile(`${ringFile(data)}.new`, JSON.stringify(ids));
  await rename(`${ringFile(data)}.new`, ringFile(data));
}

async function stop(code, reason) {
  stopping = true;
  if (reason !== undefined) console.error(reason);
  for (const child of children) child?.kill("SIGTERM");
  const timer = setTimeout(8000, undefined, { ref: false }).then(() => {
    for (const child of children) child?.kill("SIGKILL");
  });
  await Promise.race([
    timer,
    Promise.all(children.map((child) => isGone(child) || new Promise((resolve) => child.once("exit", resolve)))),
  ]);
  process.exit(code);
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void stop(0));
process.on("SIGUSR2", () => makeWhole().catch((error) => stop(1, error.message)));
await makeWhole().catch((error) => stop(1, error.message));
