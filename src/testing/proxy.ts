import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";

/** What a proxy does to a connection from one chunk of a client's bytes on. */
export type ProxyFault =
  /** The chunk never reaches the server; both sides are closed. */
  | { readonly kind: "cut-before" }
  /** The server gets the chunk; its answer is dropped and both sides are closed. */
  | { readonly kind: "cut-after" }
  /** The server gets the chunk; the client gets an orderly end of the stream in place of the answer. */
  | { readonly kind: "half-close" }
  /** The server gets the chunk; its answers are dropped and the connection stays open. */
  | { readonly kind: "swallow-reply" }
  /** Nothing passes any more in either direction; the connection stays open. */
  | { readonly kind: "black-hole" }
  /** The chunk reaches the server this much later; what follows waits behind it. */
  | { readonly kind: "delay"; readonly ms: number }
  /** The answer comes in pieces of this many bytes. */
  | { readonly kind: "slice"; readonly bytes: number };

/** A chunk of a client's bytes on its way to the server. */
export interface ProxyChunk {
  readonly bytes: Buffer;
  /** Numbers connections from 1. */
  readonly connection: number;
}

/** Decides for each chunk whether something happens to it; `undefined` lets it pass. */
export type ProxyRule = (chunk: ProxyChunk) => ProxyFault | undefined;

/** A running proxy. */
export interface FaultProxy {
  readonly port: number;
  /** The target's URL with the proxy's address in place of its own. */
  readonly url: string;
  /** Replaces the rule; `undefined` lets everything pass. */
  setRule(rule: ProxyRule | undefined): void;
  /** Closes every connection now, as a failing network does. */
  cutAll(): void;
  /** Refuses new connections until called with `false`, and cuts those that are open. */
  refuse(refusing?: boolean): void;
  /** Connections accepted so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Starts a TCP proxy on loopback in front of a server, for tests of what happens when the network fails. It knows no
 * protocol: a rule looks at the bytes.
 *
 * @param targetUrl URL of the server, with host and port
 *
 * @example
 * ```ts
 * const proxy = await startProxy(engine.url);
 * proxy.setRule(({ bytes }) => (bytes.includes("insert") ? { kind: "cut-after" } : undefined));
 * ```
 */
export async function startProxy(targetUrl: string): Promise<FaultProxy> {
  const target = addressOf(targetUrl);
  const links = new Set<Link>();
  let rule: ProxyRule | undefined;
  let refusing = false;
  let accepted = 0;
  const server: Server = createServer((client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    accepted++;
    const link = new Link(client, target, accepted, (chunk) => rule?.(chunk));
    links.add(link);
    client.once("close", () => links.delete(link));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { readonly port: number };
  const cutAll = () => {
    for (const link of links) link.destroy();
  };
  return {
    port,
    url: targetUrl.replace(target.text, `127.0.0.1:${port}`),
    setRule(next) {
      rule = next;
    },
    cutAll,
    refuse(next = true) {
      refusing = next;
      if (next) cutAll();
    },
    get connections() {
      return accepted;
    },
    close() {
      cutAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Address {
  readonly host: string;
  readonly port: number;
  /** As it stands in the URL. */
  readonly text: string;
}

function addressOf(url: string): Address {
  const match = /^[\w+]+:\/\/(?:[^@/]*@)?(([^:/?]+):(\d+))/.exec(url);
  if (match === null)
    throw new TypeError(`startProxy needs a URL with host and port, not ${url.replace(/\/\/.*@/, "//…@")}`);
  return { text: match[1]!, host: match[2]!, port: Number(match[3]) };
}

/** One client's connection and its twin to the server. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  #toClient: "pass" | "drop" | "cut" | "end" | { readonly slice: number } = "pass";
  #toServer: "pass" | "drop" = "pass";
  /** Chunks behind a delayed one wait for it. */
  #queue: Promise<void> = Promise.resolve();

  constructor(client: Socket, target: Address, connection: number, rule: ProxyRule) {
    this.#client = client;
    this.#server = tcpConnect(target.port, target.host);
    client.setNoDelay(true);
    this.#server.setNoDelay(true);
    for (const socket of [client, this.#server]) socket.on("error", () => this.destroy());
    client.on("close", () => this.destroy());
    this.#server.on("close", () => {
      if (this.#toClient !== "drop") this.destroy();
    });
    client.on("data", (bytes) => this.#fromClient({ bytes, connection }, rule));
    this.#server.on("data", (bytes) => this.#fromServer(bytes));
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromClient(chunk: ProxyChunk, rule: ProxyRule): void {
    if (this.#toServer === "drop") return;
    const fault = rule(chunk);
    switch (fault?.kind) {
      case "cut-before":
        this.destroy();
        return;
      case "black-hole":
        this.#toServer = "drop";
        this.#toClient = "drop";
        return;
      case "cut-after":
        this.#toClient = "cut";
        break;
      case "half-close":
        this.#toClient = "end";
        break;
      case "swallow-reply":
        this.#toClient = "drop";
        break;
      case "slice":
        this.#toClient = { slice: fault.bytes };
        break;
      case "delay": {
        const { ms } = fault;
        this.#queue = this.#queue.then(() => new Promise((resolve) => setTimeout(resolve, ms)));
        break;
      }
      case undefined:
        break;
      default:
        fault satisfies never;
    }
    this.#queue = this.#queue.then(() => {
      if (!this.#server.destroyed) this.#server.write(chunk.bytes);
    });
  }

  #fromServer(bytes: Buffer): void {
    const way = this.#toClient;
    if (way === "drop") return;
    if (way === "cut") {
      this.destroy();
      return;
    }
    if (way === "end") {
      this.#toClient = "drop";
      this.#client.end();
      return;
    }
    if (typeof way === "object") {
      for (let at = 0; at < bytes.length; at += way.slice) this.#client.write(bytes.subarray(at, at + way.slice));
      return;
    }
    if (!this.#client.write(bytes)) {
      this.#server.pause();
      this.#client.once("drain", () => this.#server.resume());
    }
  }
}
