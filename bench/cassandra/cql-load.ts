import { connect, type Socket } from "node:net";

/**
 * A load generator that speaks the native protocol v4 over plain sockets: frames are made before the clock starts, and
 * of a reply only its head and its stream are read, so that the server is the limit and not a driver.
 * https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
 */
const opcode = { error: 0, startup: 1, ready: 2, query: 7, result: 8, prepare: 9, execute: 10 } as const;
const headBytes = 9;
const consistencyOne = Buffer.from([0, 1]);

function frame(code: number, body: Buffer): Buffer {
  const out = Buffer.alloc(headBytes + body.length);
  out[0] = 4;
  out[4] = code;
  out.writeInt32BE(body.length, 5);
  body.copy(out, headBytes);
  return out;
}

function longString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const out = Buffer.alloc(4 + bytes.length);
  out.writeInt32BE(bytes.length, 0);
  bytes.copy(out, 4);
  return out;
}

/** A value as it is bound: four bytes of length, then itself. */
export function value(of: number | string): Buffer {
  if (typeof of === "string") return longString(of);
  const out = Buffer.alloc(8);
  out.writeInt32BE(4, 0);
  out.writeInt32BE(of, 4);
  return out;
}

/** EXECUTE of a prepared statement at ONE, without the result's metadata. */
export function executeFrame(id: Buffer, values: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(id.length, 0);
  const count = Buffer.alloc(2);
  count.writeUInt16BE(values.length, 0);
  return frame(opcode.execute, Buffer.concat([head, id, consistencyOne, Buffer.from([0x03]), count, ...values]));
}

/** Several connections with several requests in flight on each. */
export class CqlLoad {
  readonly #lanes: readonly Lane[];

  private constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  static async open(port: number, connections: number): Promise<CqlLoad> {
    const load = new CqlLoad(await Promise.all(Array.from({ length: connections }, () => Lane.open(port))));
    for (const lane of load.#lanes)
      await lane.ask(frame(opcode.startup, Buffer.from("\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0", "latin1")));
    return load;
  }

  /** Runs one statement and waits for it. */
  async query(text: string): Promise<Buffer> {
    return this.#lanes[0]!.ask(
      frame(opcode.query, Buffer.concat([longString(text), consistencyOne, Buffer.from([0])])),
    );
  }

  /** Prepares a statement; its id. */
  async prepare(text: string): Promise<Buffer> {
    const reply = await this.#lanes[0]!.ask(frame(opcode.prepare, longString(text)));
    const length = reply.readUInt16BE(headBytes + 4);
    return reply.subarray(headBytes + 6, headBytes + 6 + length);
  }

  /** Sends one frame; its reply. */
  ask(bytes: Buffer): Promise<Buffer> {
    return this.#lanes[0]!.ask(bytes);
  }

  /**
   * Sends all frames, `inFlight` of them at a time over all connections; resolves with the milliseconds that each took,
   * when every reply has come.
   */
  async send(frames: readonly Buffer[], inFlight: number): Promise<Float64Array> {
    const took = new Float64Array(frames.length);
    let next = 0;
    const each = inFlight / this.#lanes.length;
    await Promise.all(
      this.#lanes
        .slice(0, Math.max(1, Math.min(inFlight, this.#lanes.length)))
        .map((lane) => lane.drain(Math.max(1, each), frames, () => (next < frames.length ? next++ : -1), took)),
    );
    return took;
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }
}

class Lane {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #onReply: (reply: Buffer) => void = () => {};
  #onChunk: () => void = () => {};
  #onClose: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#onClose?.(new Error("the server closed the connection")));
  }

  static open(port: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new Lane(socket)));
      socket.once("error", reject);
    });
  }

  ask(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#onClose = reject;
      this.#onReply = (reply) => {
        if (reply[4] === opcode.error) reject(new Error(`the server answered: ${reply.toString("latin1", headBytes)}`));
        else resolve(Buffer.from(reply));
      };
      this.#socket.write(bytes);
    });
  }

  drain(streams: number, frames: readonly Buffer[], take: () => number, took: Float64Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const began = new Float64Array(streams);
      const which = new Int32Array(streams);
      let open = 0;
      let out: Buffer[] = [];
      const begin = (stream: number): void => {
        const at = take();
        if (at < 0) return;
        // Frames are sent by nobody else meanwhile, so each can carry the stream.
        const bytes = frames[at]!;
        bytes.writeInt16BE(stream, 2);
        which[stream] = at;
        began[stream] = performance.now();
        open++;
        out.push(bytes);
      };
      const flush = (): void => {
        if (out.length > 0) this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
        out = [];
      };
      this.#onClose = reject;
      this.#onReply = (reply) => {
        if (reply[4] !== opcode.result)
          return reject(new Error(`the server answered: ${reply.toString("latin1", headBytes, headBytes + 200)}`));
        const stream = reply.readInt16BE(2);
        took[which[stream]!] = performance.now() - began[stream]!;
        open--;
        begin(stream);
      };
      this.#onChunk = () => {
        flush();
        if (open === 0) resolve();
      };
      for (let stream = 0; stream < streams; stream++) begin(stream);
      this.#onChunk();
    });
  }

  close(): void {
    this.#onClose = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length >= headBytes) {
      const end = headBytes + bytes.readInt32BE(5);
      if (bytes.length < end) break;
      this.#onReply(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.#held = bytes;
    this.#onChunk();
  }
}
