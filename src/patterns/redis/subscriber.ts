import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { failureOf } from "./errors.js";
import type { Link } from "./link.js";
import { orAborted } from "./or-aborted.js";
import { type OwnConnection, openOwn } from "./own-connection.js";
import { type Hear, type SubscribeKind, type Subscriptions, subscriptionsOf } from "./subscriptions.js";
import type { Track } from "./tracking.js";

/** The connection is asked this often whether it still lives; one that does not answer by the next time is given up. */
const PING_MS = 1_000;

interface Subscription {
  readonly kind: SubscribeKind | "track";
  readonly channel: string;
  readonly listeners: Set<Hear>;
  /** Tells all of them. */
  readonly hear: Hear;
  /** Resolves when the server has confirmed it on the present connection. */
  active: Promise<unknown>;
  /** The server does not allow it. */
  refused: KeyfoldError | undefined;
}

/**
 * Subscriptions over a connection of their own, kept alive across reconnects. Redis keeps nothing for a subscriber that
 * is away: every listener of `onGap` is called when the subscriptions stand again after a time in which messages were
 * lost.
 */
export class Subscriber {
  readonly #link: Link;
  readonly #shard: string | undefined;
  readonly #track: Track | undefined;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #gaps = new Set<() => void>();
  readonly #downs = new Set<() => void>();
  #connection: OwnConnection | undefined;
  #onServer: Subscriptions | undefined;
  #opening: Promise<void> | undefined;
  #address: string | undefined;
  #heart: NodeJS.Timeout | undefined;
  #closed = false;
  /** The present connection carries all subscriptions; before that nothing can be lost. */
  #standing = false;
  #failures = 0;

  /** `shard`: a sharded channel, to whose node the connection goes. `track`: how to subscribe to keys, where it is used. */
  constructor(link: Link, shard?: string, track?: Track) {
    this.#link = link;
    this.#shard = shard;
    this.#track = track;
  }

  /**
   * Listens; resolves when messages published from now on arrive. While Redis is out of reach it tries on, until
   * `signal` is aborted.
   *
   * @throws KeyfoldError `UNAUTHORIZED` where the user may not listen there, `ABORTED`, and `UNAVAILABLE` when the
   *   subscriber was closed.
   */
  async subscribe(
    kind: SubscribeKind | "track",
    channel: string,
    listener: Hear,
    signal?: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#closed) throw closed();
    const name = `${kind} ${channel}`;
    let subscription = this.#subscriptions.get(name);
    if (subscription === undefined) {
      const listeners = new Set<Hear>();
      const hear: Hear = (message, from) => {
        for (const each of listeners) each(message, from);
      };
      subscription = { kind, channel, listeners, hear, active: Promise.resolve(), refused: undefined };
      this.#subscriptions.set(name, subscription);
      if (this.#connection !== undefined) subscription.active = this.#activate(subscription);
    }
    subscription.listeners.add(listener);
    try {
      await orAborted(this.#stands(subscription), signal);
    } catch (error) {
      this.unsubscribe(kind, channel, listener);
      throw error;
    }
  }

  /** Resolves when the server has confirmed a subscription, over whichever connection. */
  async #stands(subscription: Subscription): Promise<void> {
    while (subscription.listeners.size > 0) {
      if (this.#closed) throw closed();
      if (this.#connection === undefined) await this.#open();
      else if (
        await subscription.active.then(
          () => true,
          () => false,
        )
      )
        return;
      if (subscription.refused !== undefined) throw subscription.refused;
    }
  }

  unsubscribe(kind: SubscribeKind | "track", channel: string, listener: Hear): void {
    const name = `${kind} ${channel}`;
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined || !subscription.listeners.delete(listener) || subscription.listeners.size > 0)
      return;
    this.#subscriptions.delete(name);
    this.#end(subscription);
  }

  /** Calls `listener` after each time in which messages may have been lost. */
  onGap(listener: () => void): () => void {
    this.#gaps.add(listener);
    return () => this.#gaps.delete(listener);
  }

  /** Calls `listener` whenever the connection was lost. */
  onDown(listener: () => void): void {
    this.#downs.add(listener);
  }

  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions.values()) this.#end(subscription);
    this.#subscriptions.clear();
    if (this.#heart !== undefined) clearInterval(this.#heart);
    this.#connection?.close();
  }

  #open(): Promise<void> {
    this.#opening ??= this.#tryOpen().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #tryOpen(): Promise<void> {
    try {
      const connection = await openOwn(this.#link, { address: this.#address, key: this.#shard });
      if (this.#closed) {
        connection.close();
        return;
      }
      this.#connection = connection;
      this.#onServer = subscriptionsOf(connection);
      connection.onEnd(() => this.#lost(connection));
      for (const subscription of this.#subscriptions.values()) subscription.active = this.#activate(subscription);
      this.#beat(connection);
      await Promise.all([...this.#subscriptions.values()].map(({ active }) => active));
      if (this.#connection !== connection) throw closed();
      this.#failures = 0;
      this.#standing = true;
    } catch {
      clearInterval(this.#heart);
      this.#connection?.close();
      this.#connection = undefined;
      const ms = fullJitterMs(this.#failures++, 50, 1_000, Math.random);
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  #end({ kind, channel, hear }: Subscription): void {
    if (this.#connection !== undefined && kind !== "track")
      this.#onServer!.unsubscribe(kind, channel, hear).catch(() => {});
  }

  /** Subscribes on this connection; a Cluster that says MOVED is followed there by the next connection. */
  #activate(subscription: Subscription): Promise<unknown> {
    const { kind, channel, hear } = subscription;
    const connection = this.#connection!;
    subscription.refused = undefined;
    const active =
      kind === "track"
        ? this.#track!(connection, channel, (key) => hear("", key))
        : this.#onServer!.subscribe(kind, channel, hear);
    active.catch((error: unknown) => {
      const failure = failureOf(error, false).error;
      if (failure.code === "UNAUTHORIZED") {
        subscription.refused = failure;
        if (this.#standing) return; // the others stand
      }
      this.#address = /^MOVED \d+ (\S+)/.exec(error instanceof Error ? error.message : "")?.[1];
      this.#lost(connection);
    });
    return active;
  }

  /** A frozen server or a silent network closes nothing: only a question shows it. */
  #beat(connection: OwnConnection): void {
    let waiting = false;
    this.#heart = setInterval(() => {
      if (waiting) {
        this.#lost(connection);
        return;
      }
      waiting = true;
      connection.send("PING", []).then(
        () => {
          waiting = false;
        },
        () => {},
      );
    }, PING_MS);
    this.#heart.unref();
  }

  #lost(connection: OwnConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.#heart !== undefined) clearInterval(this.#heart);
    connection.close();
    const stood = this.#standing;
    this.#standing = false;
    if (this.#closed || !stood) return;
    for (const listener of this.#downs) listener();
    void this.#recover();
  }

  async #recover(): Promise<void> {
    while (this.#connection === undefined && !this.#closed && this.#subscriptions.size > 0) await this.#open();
    if (!this.#closed) for (const listener of this.#gaps) listener();
  }
}

function closed(): KeyfoldError {
  return new KeyfoldError("UNAVAILABLE", "The subscriber was closed.");
}
