import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import { linkOf, type RedisClient } from "../../patterns/redis/link.js";
import { redisCapability } from "../../plan/redis/capability.js";
import { planRedis } from "../../plan/redis/plan.js";
import type { Adapter, Store } from "../port/adapter.js";
import type { Redis } from "../port/capability.js";
import { modelStore, patternStores } from "../port/model-store.js";
import { RedisDesign } from "./design.js";
import { compileEntity, redisEntityStore } from "./entity-store.js";
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
    bind: (model) => redisStore(new Requests(client, { prefix, deadlineMs }), model),
  };
}

function redisStore(requests: Requests, model: ModelData): Store {
  const plan = planRedis(model);
  const entities = new Map(
    Object.values(plan.entities).map((entity) => [entity.entity, compileEntity(requests, entity)]),
  );
  return modelStore({
    plan,
    design: new RedisDesign(requests, plan),
    entities: new Map([...entities].map(([name, entity]) => [name, redisEntityStore(entity)])),
    patterns: patternStores(
      plan.patterns,
      (pattern) => new RedisPatternStore(requests, pattern, entities.get(pattern.entity)!),
    ),
    session: (token) => new RedisSession(token),
    close: async () => {},
  });
}
