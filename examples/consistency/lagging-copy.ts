// Two addresses for one database: `primaryUrl` passes requests on to the engine; `copyUrl` answers from a copy that is
// behind by a lag, as a secondary may be, or a primary that does not know yet that it is none. A read that asks for a state
// after a certain moment (`afterClusterTime`) waits at the copy until the copy has it, as MongoDB does.
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { startEngines } from "keyfold/testing";
import { BSON } from "mongodb";

const writes = new Set(["insert", "update", "delete", "findAndModify", "create", "createIndexes"]);
const reads = new Set(["find", "aggregate", "count", "distinct"]);

/** @param lag milliseconds, or what a write waits for before the copy gets it */
export async function startLaggingCopy(lag: number | (() => Promise<void>)) {
  const engines = { primary: await startEngines({ mongodb: true }), copy: await startEngines({ mongodb: true }) };
  const ports = { primary: engines.primary.mongodb.port, copy: engines.copy.mongodb.port };
  let copied = BSON.Timestamp.fromBits(0, 0) as BSON.Timestamp;
  const copying: Promise<unknown>[] = [];

  const primary = await listen(async (message, upstream) => {
    const reply = await upstream(ports.primary, message);
    if (writes.has(commandOf(message).name)) {
      const time = bodyOf(reply)["operationTime"] as BSON.Timestamp;
      copying.push(
        (typeof lag === "number" ? new Promise((resolve) => setTimeout(resolve, lag)) : lag()).then(async () => {
          await upstream(ports.copy, message);
          copied = time;
        }),
      );
    }
    return reply;
  });
  const copy = await listen(async (message, upstream) => {
    const { name, body } = commandOf(message);
    const after = body["readConcern"]?.afterClusterTime as BSON.Timestamp | undefined;
    while (after?.greaterThan(copied)) await new Promise((resolve) => setTimeout(resolve, 5));
    return upstream(reads.has(name) ? ports.copy : ports.primary, message);
  });
  const url = (server: Server) =>
    `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}/?directConnection=true`;
  return {
    primaryUrl: url(primary.server),
    copyUrl: url(copy.server),
    async stop() {
      await Promise.allSettled(copying);
      primary.close();
      copy.close();
      await Promise.all([engines.primary.close(), engines.copy.close()]);
    },
  };
}

type Upstream = (port: number, message: Buffer) => Promise<Buffer>;

/** Answers each message of each connection, in order; `upstream` asks an engine on connections of its own. */
async function listen(answer: (message: Buffer, upstream: Upstream) => Promise<Buffer>) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const connections = new Map<number, { socket: Socket; replies: AsyncIterator<Buffer> }>();
    const upstream: Upstream = async (port, message) => {
      let connection = connections.get(port);
      if (connection === undefined) {
        const opened = createConnection({ host: "127.0.0.1", port });
        sockets.add(opened);
        opened.on("error", () => {});
        connection = { socket: opened, replies: messages(opened) };
        connections.set(port, connection);
      }
      connection.socket.write(message);
      const { value, done } = await connection.replies.next();
      if (done === true) throw new Error("the engine closed the connection");
      return value;
    };
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { socket: opened } of connections.values()) opened.destroy();
    });
    void (async () => {
      for await (const message of messages(socket)) socket.write(await answer(message, upstream));
    })().catch(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whole messages off a connection. */
async function* messages(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let held = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 16 && held.length >= held.readInt32LE(0)) {
      const length = held.readInt32LE(0);
      yield held.subarray(0, length);
      held = held.subarray(length);
    }
  }
}

const opMsg = 2013;

/** The body of an OP_MSG: what follows any document sequences. */
function bodyOf(message: Buffer): BSON.Document {
  let at = 20;
  while (message[at] === 1) at += 1 + message.readInt32LE(at + 1);
  return BSON.deserialize(message.subarray(at + 1, at + 1 + message.readInt32LE(at + 1)));
}

function commandOf(message: Buffer): { name: string; body: BSON.Document } {
  if (message.readInt32LE(12) !== opMsg) return { name: "hello", body: {} };
  const body = bodyOf(message);
  return { name: Object.keys(body)[0] ?? "", body };
}
