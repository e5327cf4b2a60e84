import type { Socket } from "node:net";

/** What a protocol does with the bytes of one connection. */
export interface Session {
  /**
   * Takes a chunk; answers through {@link Connection.write}. A promise holds back the chunks after it, so that requests
   * of one connection are answered in their order.
   */
  receive(chunk: Buffer): void | Promise<void>;
  /** The connection is gone. */
  closed(): void;
}

/** Chunks that wait for a request to finish, in bytes, before the socket is paused. */
const queueBytes = 64 * 1024;

// Replies wait until all sockets that were readable at one time have been answered, as Redis does before it sleeps: a
// client that is woken for many of them costs less than one woken for each.
let answered: Connection[] = [];
/** Bytes of replies above which waiting saves nothing. */
const largestWaiting = 64 * 1024;

function flushAnswered(): void {
  const connections = answered;
  answered = [];
  for (const connection of connections) connection.flush();
}

/** One client: collects replies into one write per chunk of input, and is paused while it does not read them. */
export class Connection {
  readonly id: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #socket: Socket;
  readonly #unreadBytes: number;
  #session: Session | undefined;
  #out: Buffer[] = [];
  #outBytes = 0;
  #drained: (() => void)[] = [];
  #queue: Buffer[] = [];
  #queued = 0;
  #busy = false;
  #paused = false;
  #ended = false;

  constructor(id: number, socket: Socket, unreadBytes: number) {
    this.id = id;
    this.#socket = socket;
    this.#unreadBytes = unreadBytes;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.remotePort = socket.remotePort ?? 0;
  }

  /** Bytes that have arrived and wait for their turn. */
  get queuedBytes(): number {
    return this.#queued;
  }

  get isClosed(): boolean {
    return this.#ended;
  }

  /** Gives the connection to the protocol. */
  start(session: Session): void {
    this.#session = session;
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#arrived(chunk));
    socket.on("drain", () => {
      this.#wake();
      this.#resume();
    });
    // A connection that breaks is no news to a server; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#ended = true;
      this.#queue = [];
      this.#queued = 0;
      this.#wake();
      session.closed();
    });
  }

  /** Adds to the reply; it goes out at the end of this chunk of input, or with {@link flush}. */
  write(bytes: Buffer): void {
    if (this.#ended) return;
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
  }

  /** Whether so much of the replies is unread that no further request should be run. */
  get isCongested(): boolean {
    return this.#outBytes + this.#socket.writableLength > this.#unreadBytes;
  }

  /** Sends what {@link write} collected; resolves when the client has taken it, or is gone. */
  drain(): Promise<void> {
    this.flush();
    if (this.#ended || !this.isCongested) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Sends what {@link write} collected. */
  flush(): void {
    const out = this.#out;
    if (out.length === 0 || this.#ended) return;
    this.#out = [];
    this.#outBytes = 0;
    const whole = out.length === 1 ? out[0]! : Buffer.concat(out);
    this.#socket.write(whole);
    if (this.#socket.writableLength > this.#unreadBytes) this.#pause();
  }

  /** Sends what is left and closes. */
  end(): void {
    this.flush();
    this.#ended = true;
    this.#queue = [];
    this.#queued = 0;
    this.#socket.end();
    // Whoever does not close its side in return must not hold the socket.
    this.#socket.destroySoon();
  }

  /** Closes at once; nothing that waits is sent. */
  destroy(): void {
    this.#ended = true;
    this.#out = [];
    this.#queue = [];
    this.#queued = 0;
    this.#socket.destroy();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#ended) return;
    if (this.#queued > queueBytes || this.#socket.writableLength > this.#unreadBytes) return;
    this.#paused = false;
    this.#socket.resume();
    if (!this.#busy) this.#work();
  }

  #arrived(chunk: Buffer): void {
    if (this.#ended) return;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (this.#busy) {
      if (this.#queued > queueBytes) this.#pause();
      return;
    }
    this.#work();
  }

  #work(): void {
    while (this.#queue.length > 0 && !this.#ended) {
      // A slow reader's requests wait with it.
      if (this.#paused && this.#socket.writableLength > this.#unreadBytes) return;
      const chunk = this.#queue.shift()!;
      const busy = this.#session!.receive(chunk);
      if (busy !== undefined) {
        this.#busy = true;
        busy.then(
          () => this.#done(chunk.length),
          () => this.destroy(),
        );
        return;
      }
      this.#queued -= chunk.length;
      if (this.#outBytes === 0) continue;
      if (this.#outBytes > largestWaiting) {
        this.flush();
        continue;
      }
      if (answered.length === 0) setImmediate(flushAnswered);
      answered.push(this);
    }
  }

  #done(bytes: number): void {
    this.#busy = false;
    if (this.#ended) return;
    this.#queued -= bytes;
    this.flush();
    this.#work();
    this.#resume();
  }
}
