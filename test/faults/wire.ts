import { createConnection, type Socket } from "node:net";
import { BSON } from "mongodb";

/** An OP_MSG with one body section, as a driver sends it. */
export function opMsg(command: BSON.Document, requestId = 1): Buffer {
  const body = BSON.serialize(command);
  const message = Buffer.alloc(21 + body.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(requestId, 4);
  message.writeInt32LE(2013, 12);
  message.set(body, 21);
  return message;
}

/** What came back for some bytes: replies, and how the connection ended. */
export interface Answer {
  readonly replies: readonly BSON.Document[];
  readonly end: "closed" | "open";
  /** Set when what came back is no reply at all. */
  readonly malformed?: string;
}

/**
 * Sends bytes on a connection of their own, half-closes it, and takes what comes until the server closes or
 * `quietMs` pass without a byte.
 */
export function sendBytes(port: number, bytes: Buffer, quietMs = 1_500): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = createConnection({ host: "127.0.0.1", port });
    let received = Buffer.alloc(0);
    const done = (end: "closed" | "open") => {
      socket.destroy();
      resolve(readReplies(received, end));
    };
    socket.setTimeout(quietMs, () => done("open"));
    socket.on("connect", () => void socket.end(bytes));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
    });
    socket.on("close", () => done("closed"));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") reject(error); // the engine is gone
    });
  });
}

function readReplies(received: Buffer, end: "closed" | "open"): Answer {
  const replies: BSON.Document[] = [];
  let at = 0;
  while (at < received.length) {
    const left = received.length - at;
    const length = left >= 4 ? received.readInt32LE(at) : 0;
    if (length < 16 || length > left) return { replies, end, malformed: `${left} bytes that are no message` };
    const opcode = received.readInt32LE(at + 12);
    const start = opcode === 2013 ? at + 21 : at + 36;
    if (opcode !== 2013 && opcode !== 1) return { replies, end, malformed: `opcode ${opcode}` };
    try {
      replies.push(BSON.deserialize(received.subarray(start, at + length), { promoteValues: true }));
    } catch (error) {
      return { replies, end, malformed: String(error) };
    }
    at += length;
  }
  return { replies, end };
}
