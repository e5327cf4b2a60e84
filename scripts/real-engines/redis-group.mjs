// Several Redis-like servers that work together, in the foreground:
//   node redis-group.mjs cluster BINARY DATA PORT    a Cluster of three, the first node on PORT, and a replica of each;
//                                                    writes DATA/ready when it is whole
//   node redis-group.mjs sentinel BINARY DATA PORT   a primary, a replica, and a Sentinel on PORT that calls them "main"
import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const [kind, binary, data, port] = process.argv.slice(2);

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address();
      server.close(() => done(free));
    });
  });

const children = [];

/** Starts a server and waits until it answers. */
async function start(onPort, ...args) {
  const dir = join(data, String(onPort));
  await mkdir(dir, { recursive: true });
  const child = spawn(binary, ["--bind", "127.0.0.1", "--port", String(onPort), "--dir", dir, "--save", "", ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  child.once("exit", () => restart(child, onPort, args));
  await answering(onPort);
}

/** A server that was killed comes back, empty, when another has long taken its place. */
async function restart(child, onPort, args) {
  children.splice(children.indexOf(child), 1);
  await new Promise((done) => setTimeout(done, kind === "sentinel" ? 4_000 : 15_000));
  await start(onPort, ...args);
}

const answering = (onPort) => until(async () => (await ask(onPort, "PING")).startsWith("+PONG"));

/** Tries until the answer is neither false nor an error. */
async function until(work) {
  let failure;
  for (let tries = 0; tries < 1_200; tries++) {
    try {
      if ((await work()) !== false) return;
    } catch (error) {
      failure = error;
    }
    await new Promise((done) => setTimeout(done, 25));
  }
  throw failure ?? new Error("the servers did not get ready");
}

/** One command, one answer, as text. */
function ask(onPort, ...command) {
  return new Promise((done, failed) => {
    const socket = connect(onPort, "127.0.0.1", () => socket.write(`${command.join(" ")}\r\n`));
    socket.setEncoding("utf8");
    socket.once("data", (text) => {
      socket.destroy();
      if (text.startsWith("-")) failed(new Error(`${command.join(" ")}: ${text}`));
      else done(text);
    });
    socket.once("error", failed);
  });
}

function stop(code) {
  for (const child of children) {
    child.removeAllListeners("exit");
    child.kill("SIGTERM");
  }
  process.exit(code);
}
process.on("SIGTERM", () => stop(0));
process.on("SIGINT", () => stop(0));
process.on("uncaughtException", (error) => {
  console.error(error);
  stop(1);
});

if (kind === "cluster") {
  await rm(join(data, "ready"), { force: true });
  const nodes = [];
  for (let i = 0; i < 6; i++) nodes.push({ port: i === 0 ? Number(port) : await freePort(), bus: await freePort() });
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"];
  await Promise.all(nodes.map((node) => start(node.port, ...settings, "--cluster-port", String(node.bus))));
  const [first, ...others] = nodes;
  for (const [i, share] of ["0 5460", "5461 10922", "10923 16383"].entries())
    await ask(nodes[i].port, "CLUSTER", "ADDSLOTSRANGE", share);
  for (const other of others)
    await ask(first.port, "CLUSTER", "MEET", "127.0.0.1", String(other.port), String(other.bus));
  for (const [i, replica] of nodes.slice(3).entries()) {
    const id = (await ask(nodes[i].port, "CLUSTER", "MYID")).split("\r\n")[1];
    await until(() => ask(replica.port, "CLUSTER", "REPLICATE", id));
  }
  for (const node of nodes)
    await until(async () => {
      const state = await ask(node.port, "CLUSTER", "INFO");
      const slots = await ask(node.port, "CLUSTER", "SLOTS");
      // Three ranges, and a primary and a replica in each.
      return state.includes("cluster_state:ok") && slots.match(/\r\n127\.0\.0\.1\r\n/g)?.length === 6;
    });
  await writeFile(join(data, "ready"), "");
} else {
  const [primary, replica] = [await freePort(), await freePort()];
  await start(primary);
  await start(replica, "--replicaof", `127.0.0.1 ${primary}`);
  await mkdir(join(data, "sentinel"), { recursive: true });
  const file = join(data, "sentinel", "sentinel.conf");
  await writeFile(
    file,
    `bind 127.0.0.1\nport ${port}\nsentinel monitor main 127.0.0.1 ${primary} 1\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n`,
  );
  const child = spawn(binary, [file, "--sentinel"], { stdio: ["ignore", "inherit", "inherit"] });
  children.push(child);
  child.once("exit", (code) => stop(code ?? 1));
}
