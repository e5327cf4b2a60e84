// Several Redis-like servers that work together, in the foreground:
//   node redis-group.mjs cluster BINARY DATA PORT    a Cluster of three, the first node on PORT
//   node redis-group.mjs sentinel BINARY DATA PORT   a primary, a replica, and a Sentinel on PORT that calls them "main"
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
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
  child.once("exit", (code) => (kind === "sentinel" ? restart(child, onPort, args) : stop(code ?? 1)));
  await answering(onPort);
}

/** A server behind a Sentinel that was killed comes back, when the other has long taken its place. */
async function restart(child, onPort, args) {
  children.splice(children.indexOf(child), 1);
  await new Promise((done) => setTimeout(done, 4_000));
  await start(onPort, ...args);
}

async function answering(onPort) {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await ask(onPort, "PING").catch(() => "");
    if (answer.startsWith("+PONG")) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`nothing answers on port ${onPort}`);
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

if (kind === "cluster") {
  const ports = [Number(port), await freePort(), await freePort()];
  const buses = [await freePort(), await freePort(), await freePort()];
  const shares = ["0 5460", "5461 10922", "10923 16383"];
  for (const i of [1, 2, 0])
    await start(
      ports[i],
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      String(buses[i]),
      "--cluster-node-timeout",
      "2000",
    );
  for (const [i, share] of shares.entries()) await ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", share);
  for (const i of [1, 2]) await ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", String(ports[i]), String(buses[i]));
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
