import { connect, type Socket } from "node:net";

/**
 * A load generator that speaks HTTP over plain sockets with keep-alive: requests are prepared before the clock starts,
 * and of a response only its status and its length are read, so that the server is the limit and not a client.
 */

const signature =
  "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=0000000000000000000000000000000000000000000000000000000000000000";

/** The bytes of one request. */
export function request(operation: string, input: object): Buffer {
  const body = Buffer.from(JSON.stringify(input));
  const head =
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n" +
    `X-Amz-Target: DynamoDB_20120810.${operation}\r\nX-Amz-Date: 20260101T000000Z\r\n` +
    `Authorization: ${signature}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Several connections, one request in flight on each. */
export class HttpLoad {
  readonly #lanes: Lane[];

  private constructor(lanes: Lane[]) {
    this.#lanes = lanes;
  }

  static async open(port: number, connections: number): Promise<HttpLoad> {
    return new HttpLoad(await Promise.all(Array.from({ length: connections }, () => Lane.open(port))));
  }

  /** Sends all requests, each as soon as a connection is free; resolves when every response has come. */
  async send(requests: readonly Buffer[]): Promise<void> {
    let next = 0;
    await Promise.all(this.#lanes.map((lane) => lane.drain(() => requests[next++])));
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }
}

/** Sends one request, and gives its body. */
export async function ask(port: number, operation: string, input: object): Promise<string> {
  const lane = await Lane.open(port);
  let body = "";
  let sent = false;
  lane.onBody = (text) => {
    body = text;
  };
  await lane.drain(() => {
    if (sent) return undefined;
    sent = true;
    return request(operation, input);
  });
  lane.close();
  return body;
}

class Lane {
  readonly #port: number;
  #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #step: (() => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  onBody: ((text: string) => void) | undefined;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => {
      if (socket === this.#socket) this.#fail?.(new Error("the server closed the connection"));
    });
    socket.on("error", (error) => this.#fail?.(error));
  }

  /** A server that closes after each response (moto does) gets a new connection for the next request. */
  #reconnect(): void {
    const before = this.#socket;
    const socket = connect(this.#port, "127.0.0.1", () => this.#step?.());
    this.#socket = socket;
    this.#listen(socket);
    before.destroy();
  }

  static open(port: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new Lane(port, socket)));
      socket.once("error", reject);
    });
  }

  #receive(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = this.#held.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#held.toString("latin1", 0, end);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail?.(new Error(`a response without a length: ${head}`));
      return;
    }
    const whole = end + 4 + Number(length);
    if (this.#held.length < whole) return;
    const ok = head.startsWith("HTTP/1.1 200");
    if (!ok || this.onBody !== undefined) {
      const body = this.#held.toString("utf8", end + 4, whole);
      if (!ok) {
        this.#fail?.(new Error(`the server answered ${head.slice(0, 60)}: ${body.slice(0, 300)}`));
        return;
      }
      this.onBody?.(body);
    }
    this.#held = this.#held.subarray(whole);
    if (/\r\nconnection: close/i.test(head)) this.#reconnect();
    else this.#step?.();
  }

  drain(next: () => Buffer | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#step = () => {
        const bytes = next();
        if (bytes === undefined) resolve();
        else this.#socket.write(bytes);
      };
      this.#step();
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }
}
