import type { Connection, Session } from "./connection.js";

/**
 * HTTP/1.1 for engines that speak it: requests with a length or in chunks, keep-alive, pipelines. A tenth of what
 * node:http does, for a third of its time (bench/dynamodb).
 * https://www.rfc-editor.org/rfc/rfc9112
 */

/** One whole request. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** By name in lower case; of a name that comes twice, the values with a comma between. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Whether the connection ends with the reply. */
  readonly close: boolean;
}

/** What is enforced before a request is whole, in bytes. */
export interface HttpLimits {
  readonly headBytes: number;
  readonly bodyBytes: number;
}

/** Bytes that have arrived in all connections and wait for the rest of their request. */
export interface InFlight {
  bytes: number;
}

export interface HttpHandler {
  readonly limits: HttpLimits;
  readonly inFlight: InFlight;
  /** Whether so much is waiting that a connection has to go. */
  overloaded(bytes: number): boolean;
  /** Answers with the bytes of the whole response; undefined when the connection was closed in place of one. */
  handle(request: HttpRequest, connection: Connection): Buffer | undefined | Promise<Buffer | undefined>;
  /** The response to a request that is not HTTP as it should be. */
  refuse(status: 400 | 413 | 431 | 501): Buffer;
}

/** A request whose head is known. */
interface Pending {
  readonly method: string;
  readonly target: string;
  readonly headers: Map<string, string>;
  readonly close: boolean;
  /** Bytes of the body; undefined for chunks. */
  readonly length: number | undefined;
}

class Refused extends Error {
  readonly status: 400 | 413 | 431 | 501;

  constructor(status: 400 | 413 | 431 | 501) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

const nothing: Buffer = Buffer.alloc(0);
const endOfHead = Buffer.from("\r\n\r\n");
const continued = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** HTTP on one connection. */
export class HttpSession implements Session {
  readonly #connection: Connection;
  readonly #handler: HttpHandler;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #counted = 0;
  #pending: Pending | undefined;
  /** Bytes at the start that are known to hold no end of a head. */
  #searched = 0;

  constructor(connection: Connection, handler: HttpHandler) {
    this.#connection = connection;
    this.#handler = handler;
  }

  closed(): void {
    this.#count(0);
  }

  #count(bytes: number): void {
    this.#handler.inFlight.bytes += bytes - this.#counted;
    this.#counted = bytes;
  }

  receive(chunk: Buffer): void | Promise<void> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#work();
  }

  #work(): void | Promise<void> {
    const connection = this.#connection;
    while (!connection.isClosed) {
      let request: HttpRequest | undefined;
      try {
        request = this.#next();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        connection.write(this.#handler.refuse(error.status));
        connection.end();
        return;
      }
      if (request === undefined) {
        this.#count(this.#bytes);
        if (this.#handler.overloaded(this.#handler.inFlight.bytes)) connection.destroy();
        return;
      }
      const reply = this.#handler.handle(request, connection);
      if (reply instanceof Promise) {
        const { close } = request;
        return reply.then((bytes) => {
          this.#answer(bytes, close);
          return this.#work();
        });
      }
      this.#answer(reply, request.close);
      if (connection.isCongested) return connection.drain().then(() => this.#work());
    }
  }

  #answer(bytes: Buffer | undefined, close: boolean): void {
    if (bytes !== undefined) this.#connection.write(bytes);
    if (close) this.#connection.end();
  }

  /** The next request that is whole. */
  #next(): HttpRequest | undefined {
    if (this.#bytes === 0) return undefined;
    if (this.#pending === undefined) {
      // A head comes in one chunk but for very few.
      if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
      const bytes = this.#chunks[0]!;
      // Empty lines before a request are none of it.
      let start = 0;
      while (bytes[start] === 0x0d || bytes[start] === 0x0a) start++;
      const end = bytes.indexOf(endOfHead, Math.max(start, this.#searched - 3));
      if (end < 0) {
        if (this.#bytes - start > this.#handler.limits.headBytes) throw new Refused(431);
        this.#searched = bytes.length;
        return undefined;
      }
      if (end - start > this.#handler.limits.headBytes) throw new Refused(431);
      this.#pending = this.#head(bytes.toString("latin1", start, end));
      this.#searched = 0;
      this.#keep(bytes.subarray(end + 4));
      if (this.#pending.headers.get("expect")?.toLowerCase() === "100-continue" && this.#bytes === 0) {
        this.#connection.write(continued);
        this.#connection.flush();
      }
    }
    const { length } = this.#pending;
    let body: Buffer | undefined;
    if (length === undefined) {
      body = this.#chunked();
      if (body === undefined) return undefined;
    } else {
      if (this.#bytes < length) return undefined;
      if (length === 0) body = nothing;
      else {
        const whole = this.#chunks.length > 1 ? Buffer.concat(this.#chunks, this.#bytes) : this.#chunks[0]!;
        body = whole.subarray(0, length);
        this.#keep(whole.subarray(length));
      }
    }
    const { method, target, headers, close } = this.#pending;
    this.#pending = undefined;
    if (this.#counted > 0) this.#count(0);
    return { method, target, headers, body, close };
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  #head(text: string): Pending {
    const lines = text.split("\r\n");
    const [method = "", target = "", version = "", ...rest] = lines[0]!.split(" ");
    if (rest.length > 0 || target === "" || !token.test(method) || !/^HTTP\/1\.[01]$/.test(version)) {
      throw new Refused(400);
    }
    const headers = new Map<string, string>();
    for (let at = 1; at < lines.length; at++) {
      const line = lines[at]!;
      const colon = line.indexOf(":");
      if (colon <= 0) throw new Refused(400);
      const name = line.slice(0, colon).toLowerCase();
      if (!token.test(name)) throw new Refused(400);
      const value = line.slice(colon + 1).trim();
      const before = headers.get(name);
      if (before === undefined) headers.set(name, value);
      // Two lengths that differ are how requests are smuggled.
      else if (name === "content-length" && before !== value) throw new Refused(400);
      else if (name !== "content-length") headers.set(name, `${before}, ${value}`);
    }
    const encoding = headers.get("transfer-encoding");
    const declared = headers.get("content-length");
    let length: number | undefined;
    if (encoding !== undefined) {
      if (declared !== undefined) throw new Refused(400);
      if (encoding.toLowerCase() !== "chunked") throw new Refused(501);
    } else {
      if (declared !== undefined && !/^[0-9]{1,15}$/.test(declared)) throw new Refused(400);
      length = Number(declared ?? 0);
      if (length > this.#handler.limits.bodyBytes) throw new Refused(413);
    }
    const connection = headers.get("connection")?.toLowerCase();
    const close = version === "HTTP/1.0" ? connection !== "keep-alive" : connection === "close";
    return { method, target, headers, close, length };
  }

  /** The body of a request in chunks, when its last one is there. */
  #chunked(): Buffer | undefined {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    const bytes = this.#chunks[0] ?? nothing;
    const parts: Buffer[] = [];
    let total = 0;
    let at = 0;
    for (;;) {
      const line = bytes.indexOf("\r\n", at);
      if (line < 0) {
        if (bytes.length - at > 1024) throw new Refused(400);
        break;
      }
      const size = /^([0-9a-fA-F]{1,8})(?:;.*)?$/.exec(bytes.toString("latin1", at, line));
      if (size === null) throw new Refused(400);
      const length = Number.parseInt(size[1]!, 16);
      total += length;
      if (total > this.#handler.limits.bodyBytes) throw new Refused(413);
      at = line + 2;
      if (length === 0) {
        // Trailers are read and left.
        for (;;) {
          const next = bytes.indexOf("\r\n", at);
          if (next < 0) {
            if (bytes.length - at > this.#handler.limits.headBytes) throw new Refused(431);
            return undefined;
          }
          const empty = next === at;
          at = next + 2;
          if (empty) break;
        }
        this.#keep(bytes.subarray(at));
        return Buffer.concat(parts);
      }
      if (bytes.length < at + length + 2) return undefined;
      parts.push(bytes.subarray(at, at + length));
      at += length;
      if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) throw new Refused(400);
      at += 2;
    }
    return undefined;
  }
}
