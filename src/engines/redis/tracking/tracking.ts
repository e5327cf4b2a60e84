import type { Client } from "../client.js";
import { encodeArrayHead, encodeBulk } from "../protocol/encode.js";
import type { RedisServer } from "../state.js";

/** The channel on which clients of RESP2 get invalidations. */
const channel = "__redis__:invalidate";

/**
 * Client-side caching: which clients have read which keys, and who wants to hear of prefixes.
 * https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
export class Tracking {
  readonly #server: RedisServer;
  /** Clients that track. */
  readonly clients = new Set<Client>();
  /** Ids of the clients that read a key. */
  readonly #readers = new Map<string, Set<number>>();
  #items = 0;
  /** Clients in broadcasting mode by prefix, with the keys changed since the last message. */
  readonly #prefixes = new Map<string, { clients: Set<Client>; keys: Map<string, Client | undefined> }>();
  /** Invalidations for the running command's own client wait for its end. */
  #pending: { client: Client; key: string }[] = [];

  constructor(server: RedisServer) {
    this.#server = server;
  }

  /** Whether changes must be told at all. */
  get active(): boolean {
    return this.clients.size !== 0 || this.#readers.size !== 0;
  }

  get bytes(): number {
    return this.#readers.size * 128 + this.#items * 16;
  }

  get keyCount(): number {
    return this.#readers.size;
  }

  get itemCount(): number {
    return this.#items;
  }

  get prefixCount(): number {
    return this.#prefixes.size;
  }

  /** A prefix of the list that overlaps another of it or of the client's; undefined when none does. */
  static overlap(prefixes: readonly string[], existing: readonly string[]): readonly [string, string] | undefined {
    for (let i = 0; i < prefixes.length; i++) {
      for (const other of existing) {
        if (prefixes[i]!.startsWith(other) || other.startsWith(prefixes[i]!)) return [prefixes[i]!, other];
      }
      for (let j = i + 1; j < prefixes.length; j++) {
        if (prefixes[i]!.startsWith(prefixes[j]!) || prefixes[j]!.startsWith(prefixes[i]!)) {
          return [prefixes[i]!, prefixes[j]!];
        }
      }
    }
    return undefined;
  }

  enable(client: Client): void {
    this.clients.add(client);
    const state = client.tracking!;
    if (!state.broadcast) return;
    for (const prefix of state.prefixes.length === 0 ? [""] : state.prefixes) {
      const known = this.#prefixes.get(prefix);
      if (known === undefined) this.#prefixes.set(prefix, { clients: new Set([client]), keys: new Map() });
      else known.clients.add(client);
    }
  }

  disable(client: Client): void {
    if (client.tracking === undefined) return;
    this.clients.delete(client);
    for (const [prefix, state] of this.#prefixes) {
      state.clients.delete(client);
      if (state.clients.size === 0) this.#prefixes.delete(prefix);
    }
    client.tracking = undefined;
  }

  /** Notes that a client has read keys. */
  remember(client: Client, keys: Iterable<string>): void {
    const state = client.tracking;
    if (state === undefined || state.broadcast) return;
    if (state.optIn && state.caching !== "yes") return;
    if (state.optOut && state.caching === "no") return;
    for (const key of keys) {
      let readers = this.#readers.get(key);
      if (readers === undefined) {
        readers = new Set();
        this.#readers.set(key, readers);
      }
      if (!readers.has(client.id)) {
        readers.add(client.id);
        this.#items++;
      }
    }
    this.#limit();
  }

  /** Forgets keys beyond the limit, telling their readers that they changed. */
  #limit(): void {
    const max = this.#server.config.trackingTableMaxKeys;
    if (max === 0) return;
    while (this.#readers.size > max) {
      const key = this.#readers.keys().next().value!;
      this.invalidate(key, undefined, true);
    }
  }

  /** Forgets keys beyond a limit that was lowered. */
  enforceLimit(): void {
    this.#limit();
  }

  /** A key changed. */
  invalidate(key: string, by: Client | undefined, limit = false): void {
    if (!limit && this.#prefixes.size !== 0) {
      for (const [prefix, state] of this.#prefixes) if (key.startsWith(prefix)) state.keys.set(key, by);
    }
    const readers = this.#readers.get(key);
    if (readers === undefined) return;
    const { requester } = this.#server;
    // What a script changes is changed by the connection that called it.
    const author = by?.scripted ? requester : by;
    this.#readers.delete(key);
    this.#items -= readers.size;
    for (const id of readers) {
      const client = this.#server.clients.get(id);
      const state = client?.tracking;
      if (client === undefined || state === undefined || state.broadcast) continue;
      if (state.noLoop && client === author) continue;
      if (client === requester) this.#pending.push({ client, key });
      else this.#send(client, [key]);
    }
  }

  /** All keys are gone. */
  invalidateAll(): void {
    for (const client of this.clients) this.#sendAll(client);
    this.#readers.clear();
    this.#items = 0;
  }

  /** Sends what gathered while commands ran: once per command for own keys, once per turn for prefixes. */
  flushPending(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    for (const { client, key } of pending) this.#send(client, [key]);
  }

  /** Sends the broadcasts that gathered. */
  flushBroadcasts(): void {
    if (this.#prefixes.size === 0) return;
    for (const { clients, keys } of this.#prefixes.values()) {
      if (keys.size === 0) continue;
      const all = [...keys.keys()];
      for (const client of clients) {
        const state = client.tracking!;
        const own = state.noLoop ? all.filter((key) => keys.get(key) !== client) : all;
        if (own.length > 0) this.#send(client, own);
      }
      keys.clear();
    }
  }

  #target(client: Client): Client | undefined {
    const state = client.tracking!;
    if (state.redirect === 0) return client;
    const target = this.#server.clients.get(state.redirect);
    if (target !== undefined && !target.closed) return target;
    if (!state.brokenRedirect) {
      state.brokenRedirect = true;
      if (client.resp === 3) {
        client.push(`>2\r\n${encodeBulk("tracking-redir-broken")}:${state.redirect}\r\n`);
      }
    }
    return undefined;
  }

  #send(client: Client, keys: readonly string[]): void {
    let body = encodeArrayHead(keys.length);
    for (const key of keys) body += encodeBulk(key);
    this.#deliver(client, body);
  }

  #sendAll(client: Client): void {
    const target = this.#target(client);
    if (target !== undefined) this.#deliver(client, target.resp === 3 ? "_\r\n" : "*-1\r\n");
  }

  #deliver(client: Client, body: string): void {
    const target = this.#target(client);
    if (target === undefined) return;
    if (target.resp === 3) target.push(`>2\r\n${encodeBulk("invalidate")}${body}`);
    else if (client.tracking!.redirect !== 0 && target.channels.has(channel)) {
      // RESP2 has no messages of its own kind: they come as those of a channel, also to who redirects to itself.
      target.push(`*3\r\n${encodeBulk("message")}${encodeBulk(channel)}${body}`);
    }
  }
}
