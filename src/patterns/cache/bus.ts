import { KeyfoldError } from "../../internal/errors.js";
import { subjectOf } from "../redis/keys.js";
import type { RedisStore } from "../redis/store.js";
import { Subscriber } from "../redis/subscriber.js";
import { track } from "../redis/tracking.js";
import type { Changed, LocalLevel } from "./local-level.js";

/**
 * Tells the in-process level what changed elsewhere: by the messages that other caches publish, or by Redis itself, which
 * tracks the cache's keys. Either can lose something with its connection, so the level is used only while the
 * subscription stands, and emptied when it stands again.
 */
export class InvalidationBus<V> {
  readonly #store: RedisStore;
  readonly #channel: string | undefined;
  readonly #subscriber: Subscriber;
  #active = false;

  constructor(store: RedisStore, prefix: string, local: LocalLevel<V>, tracking: boolean) {
    const { link } = store;
    if (tracking && (link.cluster || link.kind === "node-redis-sentinel"))
      throw new KeyfoldError("INPUT_INVALID", `Redis cannot track keys for a client of the kind ${link.kind}.`, {
        fix: 'Set local.invalidation to "pubsub", which works on every client.',
      });
    this.#store = store;
    this.#subscriber = new Subscriber(link, undefined, track);
    this.#subscriber.onDown(() => {
      this.#active = false;
    });
    const begin = () => {
      local.clear();
      this.#active = true;
    };
    this.#subscriber.onGap(begin);
    const hearMessage = (message: string) => local.forget(JSON.parse(message) as Changed);
    const hearKey = (_: string, key: string) => {
      const subject = subjectOf(key);
      if (key === "") local.clear();
      else if (key.endsWith(":v")) local.forget({ ids: [subject] });
      else if (key.endsWith(":t")) local.forget({ tags: [subject.slice(1)] });
    };
    this.#channel = tracking ? undefined : `${prefix}:{#}:invalid`;
    (tracking
      ? this.#subscriber.subscribe("track", `${prefix}:{`, hearKey)
      : this.#subscriber.subscribe("subscribe", this.#channel!, hearMessage)
    ).then(begin, () => {}); // closed before it stood
  }

  /** Whether what changes elsewhere is heard of. */
  get active(): boolean {
    return this.#active;
  }

  async tell(changed: Changed): Promise<void> {
    if (this.#channel !== undefined)
      await this.#store.command(undefined, "PUBLISH", [this.#channel, JSON.stringify(changed)], true);
  }

  close(): void {
    this.#active = false;
    this.#subscriber.close();
  }
}
