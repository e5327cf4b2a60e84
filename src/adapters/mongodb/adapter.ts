import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import { mongodbCapability } from "../../plan/mongodb/capability.js";
import { planMongodb } from "../../plan/mongodb/plan.js";
import type { Adapter, Store } from "../port/adapter.js";
import type { MongoDB } from "../port/capability.js";
import { modelStore, patternStores } from "../port/model-store.js";
import { MongoDesign } from "./design.js";
import type { DbLike } from "./driver.js";
import { MongoEntity, mongoEntityStore } from "./entity-store.js";
import { MongoPatternStore } from "./pattern-store.js";
import { Requests } from "./requests.js";
import { MongoSession } from "./session.js";

/** Settings of the MongoDB adapter. */
export interface MongoDBOptions {
  /** Time of a request whose call names none, retries included. Default 10,000. */
  readonly deadlineMs?: number;
}

/**
 * The MongoDB adapter for `connect`, over a `Db` of the official driver (mongodb 6.10 and later), accepted by shape.
 * The driver's client stays yours: `$close` does not close it.
 *
 * @example
 * ```ts
 * const client = open("mongodb://127.0.0.1:27017");
 * const shop = connect(model, mongodb(client.db("shop")));
 * ```
 */
export function mongodb(db: DbLike, options: MongoDBOptions = {}): Adapter<MongoDB> {
  if (typeof (db as Partial<DbLike> | undefined)?.command !== "function" || typeof db.databaseName !== "string") {
    throw new KeyfoldError("INPUT_INVALID", "mongodb() takes a database of the official driver.", {
      fix: 'Pass client.db("name"), not the client or its URL.',
    });
  }
  return {
    engine: "mongodb",
    capability: mongodbCapability,
    bind: (model) => mongoStore(db, model, options),
  };
}

function mongoStore(db: DbLike, model: ModelData, options: MongoDBOptions): Store {
  const plan = planMongodb(model);
  const requests = new Requests(db, { deadlineMs: options.deadlineMs ?? 10_000 });
  const entities = new Map(
    Object.values(plan.collections).map((collection) => [collection.entity, new MongoEntity(requests, collection)]),
  );
  return modelStore({
    plan,
    design: new MongoDesign(requests, db, plan),
    entities: new Map([...entities].map(([name, entity]) => [name, mongoEntityStore(requests, entity)])),
    patterns: patternStores(
      plan.patterns,
      (pattern) => new MongoPatternStore(requests, pattern, entities.get(pattern.entity)!),
    ),
    session: (token) => new MongoSession(token),
    close: () => requests.close(),
  });
}
