import { connect, type Socket } from "node:net";
import { type Document, deserialize, serialize } from "bson";
import { crc32c } from "../../src/engines/mongodb/protocol/crc32c.js";

/** A client that speaks MongoDB's wire protocol byte by byte: for what no driver would send. */
export class WireClient {
  readonly socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #closed = false;
  #id = 1;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on("error", () => {});
  }

  static async open(port: number): Promise<WireClient> {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new WireClient(socket);
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }

  /** A whole OP_MSG. */
  message(
    body: Document,
    options: { flags?: number; sequences?: Record<string, Document[]>; checksum?: "right" | "wrong"; id?: number } = {},
  ): Buffer {
    const sections: Buffer[] = [Buffer.from([0]), Buffer.from(serialize(body))];
    for (const [name, documents] of Object.entries(options.sequences ?? {})) {
      const content = Buffer.concat([
        Buffer.from(`${name}\0`),
        ...documents.map((each) => Buffer.from(serialize(each))),
      ]);
      const length = Buffer.alloc(4);
      length.writeInt32LE(content.length + 4);
      sections.push(Buffer.from([1]), length, content);
    }
    const checksum = options.checksum !== undefined;
    const head = Buffer.alloc(20);
    const content = Buffer.concat(sections);
    head.writeInt32LE(20 + content.length + (checksum ? 4 : 0), 0);
    head.writeInt32LE(options.id ?? this.#id++, 4);
    head.writeInt32LE(2013, 12);
    head.writeUInt32LE(((options.flags ?? 0) | (checksum ? 1 : 0)) >>> 0, 16);
    const whole = Buffer.concat([head, content]);
    if (!checksum) return whole;
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE((crc32c(whole) ^ (options.checksum === "wrong" ? 1 : 0)) >>> 0);
    return Buffer.concat([whole, sum]);
  }

  /** A whole OP_QUERY on `admin.$cmd`. */
  query(body: Document): Buffer {
    const name = Buffer.from("admin.$cmd\0");
    const document = Buffer.from(serialize(body));
    const bytes = Buffer.alloc(20 + name.length + 8);
    bytes.writeInt32LE(bytes.length + document.length, 0);
    bytes.writeInt32LE(this.#id++, 4);
    bytes.writeInt32LE(2004, 12);
    name.copy(bytes, 20);
    bytes.writeInt32LE(-1, 20 + name.length + 4);
    return Buffer.concat([bytes, document]);
  }

  /** The next reply's document; `undefined` when the server closed the connection. */
  async reply(): Promise<Document | undefined> {
    for (;;) {
      if (this.#bytes.length >= 16 && this.#bytes.length >= this.#bytes.readInt32LE(0)) {
        const length = this.#bytes.readInt32LE(0);
        const message = this.#bytes.subarray(0, length);
        this.#bytes = this.#bytes.subarray(length);
        return deserialize(message.subarray(message.readInt32LE(12) === 1 ? 36 : 21));
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async command(body: Document, options?: Parameters<WireClient["message"]>[1]): Promise<Document | undefined> {
    this.socket.write(this.message({ ...body, $db: body["$db"] ?? "test" }, options));
    return await this.reply();
  }

  /** Resolves when the server has closed the connection. */
  async ended(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket.destroy();
  }
}
