import type { RedisStore } from "../redis/store.js";
import { Subscriber } from "../redis/subscriber.js";
import type { LocalLevel } from "./local-level.js";

/**
 * Tells the in-process levels of other processes what was deleted, by pub/sub. Pub/sub loses messages, so a level is
 * used only while its subscription stands, and emptied when it stands again.
 */
export class InvalidationBus<V> {
  readonly #store: RedisStore;
  readonly #channel: string;
  readonly #subscriber: Subscriber;
  #active = false;

  constructor(store: RedisStore, prefix: string, local: LocalLevel<V>) {
    this.#store = store;
    this.#channel = `${prefix}:{#}:invalid`;
    this.#subscriber = new Subscriber(store.link);
    this.#subscriber.onDown(() => {
      this.#active = false;
    });
    this.#subscriber.onGap(() => {
      local.clear();
      this.#active = true;
    });
    const hear = (message: string) => {
      const { ids = [], tags = [] } = JSON.parse(message) as { ids?: string[]; tags?: string[] };
      for (const id of ids) local.delete(id);
      if (tags.length > 0) local.deleteByTag(tags);
    };
    this.#subscriber.subscribe("subscribe", this.#channel, hear).then(
      () => {
        local.clear();
        this.#active = true;
      },
      () => {}, // closed before it stood
    );
  }

  /** Whether what was deleted elsewhere is heard of. */
  get active(): boolean {
    return this.#active;
  }

  async tell(message: { readonly ids?: readonly string[]; readonly tags?: readonly string[] }): Promise<void> {
    await this.#store.command(undefined, "PUBLISH", [this.#channel, JSON.stringify(message)], true);
  }

  close(): void {
    this.#active = false;
    this.#subscriber.close();
  }
}
