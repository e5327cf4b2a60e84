import { KeyfoldError } from "../../internal/errors.js";
import { subjectOf } from "../redis/keys.js";
import { refuseKeyPrefix } from "../redis/link.js";
import type { RedisStore } from "../redis/store.js";
import { Subscriber } from "../redis/subscriber.js";
import { track } from "../redis/tracking.js";
import type { Changed, LocalLevel } from "./local-level.js";

/** So long after Redis refused to tell of changes it is asked again. */
const REFUSED_MS = 1_000;

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
    if (tracking) refuseKeyPrefix(link, 'local.invalidation: "tracking"');
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
    const hearMessage = (message: string) => local.forget(changedBy(message));
    const hearKey = (_: string, key: string) => {
      if (key === "") local.clear();
      else local.forget(changedWith(key));
    };
    this.#channel = tracking ? undefined : `${prefix}:{#}:invalid`;
    const listen = (): Promise<void> =>
      (tracking
        ? this.#subscriber.subscribe("track", `${prefix}:{`, hearKey)
        : this.#subscriber.subscribe("subscribe", this.#channel!, hearMessage)
      ).then(begin, (error: KeyfoldError) => {
        // Otherwise it was closed before it stood.
        if (error.code === "UNAUTHORIZED") setTimeout(listen, REFUSED_MS).unref();
      });
    void listen();
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

const isTexts = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.every((each) => typeof each === "string"));

/** What a message tells of; nothing where another than a cache wrote it. */
function changedBy(message: string): Changed {
  try {
    const changed = JSON.parse(message) as Changed;
    return isTexts(changed.ids) && isTexts(changed.tags) ? changed : {};
  } catch {
    return {};
  }
}

/** What a changed key belongs to; nothing where it is not one of a cache. */
function changedWith(key: string): Changed {
  try {
    const subject = subjectOf(key);
    if (key.endsWith(":v")) return { ids: [subject] };
    return key.endsWith(":t") ? { tags: [subject.slice(1)] } : {};
  } catch {
    return {};
  }
}
