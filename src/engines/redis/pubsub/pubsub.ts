import type { Client } from "../client.js";
import { globMatch } from "../data/glob.js";
import { encodeArrayHead, encodeBulk } from "../protocol/encode.js";

type Subscribers = Map<string, Set<Client>>;

function add(map: Subscribers, name: string, client: Client): void {
  const set = map.get(name);
  if (set === undefined) map.set(name, new Set([client]));
  else set.add(client);
}

function remove(map: Subscribers, name: string, client: Client): void {
  const set = map.get(name);
  if (set === undefined) return;
  set.delete(client);
  if (set.size === 0) map.delete(name);
}

/** Who listens to what, and the sending of messages. */
export class PubSub {
  readonly channels: Subscribers = new Map();
  readonly patterns: Subscribers = new Map();
  readonly shardChannels: Subscribers = new Map();

  /** An estimate of the memory that subscriptions take. */
  get bytes(): number {
    return (this.channels.size + this.patterns.size + this.shardChannels.size) * 256;
  }

  subscribe(client: Client, channel: string): void {
    client.channels.add(channel);
    add(this.channels, channel, client);
  }

  unsubscribe(client: Client, channel: string): boolean {
    remove(this.channels, channel, client);
    return client.channels.delete(channel);
  }

  psubscribe(client: Client, pattern: string): void {
    client.patterns.add(pattern);
    add(this.patterns, pattern, client);
  }

  punsubscribe(client: Client, pattern: string): boolean {
    remove(this.patterns, pattern, client);
    return client.patterns.delete(pattern);
  }

  ssubscribe(client: Client, channel: string): void {
    client.shardChannels.add(channel);
    add(this.shardChannels, channel, client);
  }

  sunsubscribe(client: Client, channel: string): boolean {
    remove(this.shardChannels, channel, client);
    return client.shardChannels.delete(channel);
  }

  /** Drops all subscriptions of a client, silently. */
  forget(client: Client): void {
    for (const channel of [...client.channels]) this.unsubscribe(client, channel);
    for (const pattern of [...client.patterns]) this.punsubscribe(client, pattern);
    for (const channel of [...client.shardChannels]) this.sunsubscribe(client, channel);
  }

  /** Sends a message; tells how many clients got it. */
  publish(channel: string, message: string): number {
    let receivers = 0;
    const direct = this.channels.get(channel);
    if (direct !== undefined) {
      const body = encodeBulk("message") + encodeBulk(channel) + encodeBulk(message);
      receivers += this.#send(direct, 3, body);
    }
    if (this.patterns.size !== 0) {
      for (const [pattern, clients] of this.patterns) {
        if (!globMatch(pattern, channel)) continue;
        const body = encodeBulk("pmessage") + encodeBulk(pattern) + encodeBulk(channel) + encodeBulk(message);
        receivers += this.#send(clients, 4, body);
      }
    }
    return receivers;
  }

  spublish(channel: string, message: string): number {
    const clients = this.shardChannels.get(channel);
    if (clients === undefined) return 0;
    return this.#send(clients, 3, encodeBulk("smessage") + encodeBulk(channel) + encodeBulk(message));
  }

  /** The same bytes to all: built once for each version of the protocol. */
  #send(clients: Set<Client>, length: number, body: string): number {
    const resp2 = encodeArrayHead(length) + body;
    const resp3 = `>${length}\r\n${body}`;
    // Made one piece now, by a look into it, or each client's reply would be put together from all the parts.
    resp2.charCodeAt(0);
    resp3.charCodeAt(0);
    for (const client of clients) client.push(client.resp === 2 ? resp2 : resp3);
    return clients.size;
  }
}
