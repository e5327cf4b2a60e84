import { connect, type Socket } from "node:net";
import { serialize } from "bson";

/**
 * A load generator that speaks OP_MSG over plain sockets: frames are prepared before the clock starts and of a reply only
 * the length and `ok` are read, so that the server is the limit and not a driver.
 * https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg
 */
export function commandFrame(command: Record<string, unknown>): Buffer {
  const body = serialize(command, { ignoreUndefined: true });
  const frame = Buffer.alloc(21 + body.length);
  frame.writeInt32LE(frame.length, 0);
  frame.writeInt32LE(1, 4);
  frame.writeInt32LE(2013, 12);
  frame.set(body, 21);
  return frame;
}

/** Several connections, one request in flight on each. */
export class WireLoad {
  readonly #lanes: Lane[];

  private constructor(lanes: Lane[]) {
    this.#lanes = lanes;
  }

  static async open(port: number, connections: number): Promise<WireLoad> {
    return new WireLoad(await Promise.all(Array.from({ length: connections }, () => Lane.open(port))));
  }

  /** Sends all frames, each as soon as a connection is free; resolves when every reply has come. */
  async send(frames: readonly Buffer[]): Promise<void> {
    let next = 0;
    await Promise.all(this.#lanes.map((lane) => lane.drain(() => frames[next++])));
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }
}

class Lane {
  readonly #socket: Socket;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #onReply: ((reply: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#onClose?.());
  }

  static open(port: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new Lane(socket)));
      socket.once("error", reject);
    });
  }

  drain(next: () => Buffer | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        const frame = next();
        if (frame === undefined) return resolve();
        this.#socket.write(frame);
      };
      this.#onClose = () => reject(new Error("the server closed the connection"));
      this.#onReply = (reply) => {
        if (!isOk(reply))
          return reject(new Error(`the server answered with an error: ${reply.toString("latin1", 21)}`));
        step();
      };
      step();
    });
  }

  close(): void {
    this.#onClose = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const whole = this.#heldBytes === 0 && chunk.length >= 4 && chunk.readInt32LE(0) === chunk.length;
    if (whole) {
      this.#onReply?.(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < 4) return;
    const first = this.#held.length === 1 ? this.#held[0]! : undefined;
    const expected = (first ?? Buffer.concat(this.#held)).readInt32LE(0);
    if (this.#heldBytes < expected) return;
    const reply = first ?? Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#onReply?.(reply);
  }
}

const OK_DOUBLE = Buffer.from([0x01, 0x6f, 0x6b, 0x00, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
const WRITE_ERRORS = Buffer.from("writeErrors");

/** `ok: 1.0` is looked for at the end, where all servers of this protocol put it. */
function isOk(reply: Buffer): boolean {
  return reply.lastIndexOf(OK_DOUBLE) >= 0 && (reply.length > 1000 || !reply.includes(WRITE_ERRORS));
}
