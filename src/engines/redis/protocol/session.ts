import type { Socket } from "node:net";
import { readShared } from "../../net/shared-reads.js";
import { Client, type Transport } from "../client.js";
import { discard, processRequest } from "../execute.js";
import type { RedisServer } from "../state.js";
import { RequestParser } from "./parser.js";

/** Unread replies beyond which a client's further requests wait, so that memory stays bounded. */
const pauseAbove = 4 * 1024 * 1024;
/** Replies of one chunk beyond which a part is sent before the rest is computed. */
const sendAbove = 256 * 1024;

/** One connection: its bytes in, its requests one after the other, its replies out in one write for a chunk. */
export class Session implements Transport {
  readonly #socket: Socket;
  readonly #server: RedisServer;
  readonly #parser = new RequestParser();
  readonly #client: Client;
  readonly remote: string;
  readonly local: string;
  #running = false;
  #paused = false;
  #ended = false;

  constructor(server: RedisServer, accepted: Socket) {
    this.#server = server;
    const socket = readShared(accepted, (bytes) => this.#arrived(bytes));
    this.#socket = socket;
    const v6 = socket.remoteFamily === "IPv6";
    this.remote = `${v6 ? `[${socket.remoteAddress}]` : socket.remoteAddress}:${socket.remotePort}`;
    this.local = `${v6 ? `[${socket.localAddress}]` : socket.localAddress}:${socket.localPort}`;
    this.#client = new Client(server, server.nextClientId(), this, server.dbs[0]!);
    server.clients.set(this.#client.id, this.#client);
    server.stats.connections++;
    socket.on("drain", () => this.#drained());
    // A connection that breaks is no news to a server; "close" follows.
    socket.on("error", () => {});
    // Who has said all may still read: what is answered already is sent.
    socket.on("end", () => this.end());
    socket.on("close", () => this.#closed());
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get pendingBytes(): number {
    // What Redis calls its query buffer holds the request that runs, too.
    return this.#running ? this.#parser.bufferBytes : this.#parser.pendingBytes;
  }

  get bufferBytes(): number {
    return this.#parser.bufferBytes;
  }

  send(text: string): void {
    if (this.#ended) return;
    this.#server.stats.writes++;
    this.#socket.write(text, "latin1");
    if (this.#socket.writableLength > pauseAbove && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  resume(): void {
    if (this.#running || this.#ended) return;
    if (this.#paused) {
      this.#drained();
      return;
    }
    this.#run();
  }

  end(): void {
    if (this.#ended) return;
    this.#client.flush();
    this.#ended = true;
    this.#socket.end();
    // Whoever does not close its side in return must not hold the socket.
    this.#socket.destroySoon();
    this.#leave();
  }

  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    this.#leave();
  }

  #arrived(chunk: Buffer): void {
    if (this.#ended) return;
    const { stats } = this.#server;
    stats.reads++;
    stats.netInputBytes += chunk.length;
    this.#parser.push(chunk);
    this.#consume();
    // The chunk is on loan; what is left of it is kept in a buffer of its own.
    this.#parser.keep();
  }

  /** Runs what has come in, or lets it wait. */
  #consume(): void {
    const { stats, config } = this.#server;
    if (this.#client.blocked !== undefined || this.#running || this.#paused) {
      if (this.#parser.pendingBytes > config.queryBufferLimit) {
        stats.queryLimitDrops++;
        this.destroy();
      } else if (this.#parser.pendingBytes > pauseAbove && !this.#paused) {
        this.#paused = true;
        this.#socket.pause();
      }
      return;
    }
    this.#run();
  }

  #drained(): void {
    if (!this.#paused || this.#ended || this.#socket.writableLength > pauseAbove) return;
    if (this.#client.blocked !== undefined && this.#parser.pendingBytes > pauseAbove) return;
    this.#paused = false;
    this.#socket.resume();
    this.#run();
  }

  /** Runs the requests that are whole. */
  #run(): void {
    const server = this.#server;
    const client = this.#client;
    const parser = this.#parser;
    const { config } = server;
    server.now = server.clock.now();
    client.lastInteraction = server.now;
    this.#running = true;
    let count = 0;
    let limits = { maxBulkBytes: config.protoMaxBulkLen, loggedIn: client.authenticated };
    while (true) {
      if (limits.loggedIn !== client.authenticated || limits.maxBulkBytes !== config.protoMaxBulkLen) {
        limits = { maxBulkBytes: config.protoMaxBulkLen, loggedIn: client.authenticated };
      }
      const args = parser.next(limits);
      if (args === undefined) break;
      processRequest(server, client, args);
      if (client.closing) {
        this.#running = false;
        this.end();
        return;
      }
      if (client.blocked !== undefined || this.#ended) break;
      if ((++count & 31) === 0) server.now = server.clock.now();
      if (client.out.length > sendAbove) {
        client.flush();
        if (this.#paused) break;
      }
    }
    this.#running = false;
    if (parser.error !== undefined && !this.#ended && client.blocked === undefined) {
      client.replies = "on";
      client.out += `-ERR Protocol error: ${parser.error}\r\n`;
      server.stats.countError("ERR");
      this.end();
      return;
    }
    if (parser.pendingBytes > config.queryBufferLimit) {
      server.stats.queryLimitDrops++;
      this.destroy();
      return;
    }
    if (client.out.length !== 0) server.flushLater(client);
  }

  #closed(): void {
    this.#ended = true;
    this.#leave();
  }

  /** Forgets the client wherever it is known. */
  #leave(): void {
    const client = this.#client;
    if (client.closed) return;
    client.closed = true;
    const server = this.#server;
    this.#parser.clear();
    server.blocking.release(client);
    discard(client);
    server.pubsub.forget(client);
    server.tracking.disable(client);
    server.monitors.delete(client);
    server.clients.delete(client.id);
  }
}
