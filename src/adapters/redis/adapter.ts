import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import { linkOf, type RedisClient } from "../../patterns/redis/link.js";
import { redisCapability } from "../../plan/redis/capability.js";
import { planRedis } from "../../plan/redis/plan.js";
import type { RedisPlan } from "../../plan/redis/types.js";
import type {
  Adapter,
  ApplyCall,
  Call,
  DesignState,
  EntityStore,
  PatternStore,
  Store,
  StoreSession,
} from "../port/adapter.js";
import type { Redis } from "../port/capability.js";
import { isServed, noPattern } from "../port/unserved.js";
import { RedisDesign } from "./design.js";
import { RedisEntityStore } from "./entity-store.js";
import { RedisPatternStore } from "./pattern-store.js";
import { Requests } from "./requests.js";
import { RedisSession } from "./session.js";

/** Settings of the Redis adapter. */
export interface RedisOptions {
  /** What all of its keys begin with, as a database's name would. Letters, digits and `_ - .`. Default "keyfold". */
  readonly prefix?: string;
  /** Time of a request whose call names none, retries included. Default 10,000. */
  readonly deadlineMs?: number;
}

/**
 * The adapter for Redis and Valkey 7 and later, over a client of ioredis 5 or 6 or of redis (node-redis) 5 or 6, single
 * or Cluster, accepted by shape. The client stays yours: `$close` does not close it.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no such client, and for a prefix with other characters.
 *
 * @example
 * ```ts
 * const client = await open("redis://127.0.0.1:6379");
 * const shop = connect(model, redis(client, { prefix: "shop" }));
 * ```
 */
export function redis(client: RedisClient, options: RedisOptions = {}): Adapter<Redis> {
  const { prefix = "keyfold", deadlineMs = 10_000 } = options;
  if (typeof prefix !== "string" || !/^[A-Za-z0-9_.-]{1,60}$/.test(prefix)) {
    throw new KeyfoldError("INPUT_INVALID", `${JSON.stringify(prefix)} cannot be a prefix.`, {
      fix: "Use 1 to 60 letters, digits, underscores, hyphens and dots.",
    });
  }
  // Says what is no client here, where it was passed, and not with the first request.
  linkOf(client);
  return {
    engine: "redis",
    capability: redisCapability,
    bind: (model) => new RedisModelStore(new Requests(client, { prefix, deadlineMs }), model),
  };
}

class RedisModelStore implements Store {
  readonly plan: RedisPlan;
  readonly #design: RedisDesign;
  readonly #entities = new Map<string, RedisEntityStore>();
  readonly #patterns = new Map<string, RedisPatternStore>();

  constructor(requests: Requests, model: ModelData) {
    this.plan = planRedis(model);
    this.#design = new RedisDesign(requests, this.plan);
    for (const entity of Object.values(this.plan.entities)) {
      this.#entities.set(entity.entity, new RedisEntityStore(requests, entity));
    }
    for (const pattern of Object.values(this.plan.patterns)) {
      if (isServed(pattern)) {
        this.#patterns.set(
          pattern.pattern,
          new RedisPatternStore(requests, pattern, this.#entities.get(pattern.entity)!),
        );
      }
    }
  }

  entity(name: string): EntityStore {
    const store = this.#entities.get(name);
    if (store === undefined) throw new KeyfoldError("INPUT_INVALID", `The model has no entity ${name}.`);
    return store;
  }

  pattern(name: string): PatternStore {
    const store = this.#patterns.get(name);
    if (store !== undefined) return store;
    throw noPattern(this.plan.patterns[name], name);
  }

  inspect(call: Call): Promise<DesignState> {
    return this.#design.inspect(call);
  }

  apply(call: ApplyCall): Promise<DesignState> {
    return this.#design.apply(call);
  }

  session(token?: string): StoreSession {
    return new RedisSession(token);
  }

  async close(): Promise<void> {}
}
