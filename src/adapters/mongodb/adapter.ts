import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import { mongodbCapability } from "../../plan/mongodb/capability.js";
import { planMongodb } from "../../plan/mongodb/plan.js";
import type { MongoPlan } from "../../plan/mongodb/types.js";
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
import type { MongoDB } from "../port/capability.js";
import { isServed, noPattern } from "../port/unserved.js";
import { MongoDesign } from "./design.js";
import type { DbLike } from "./driver.js";
import { MongoEntityStore } from "./entity-store.js";
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
    bind: (model) => new MongoStore(db, model, options),
  };
}

class MongoStore implements Store {
  readonly plan: MongoPlan;
  readonly #requests: Requests;
  readonly #design: MongoDesign;
  readonly #entities = new Map<string, MongoEntityStore>();
  readonly #patterns = new Map<string, MongoPatternStore>();

  constructor(db: DbLike, model: ModelData, options: MongoDBOptions) {
    this.plan = planMongodb(model);
    this.#requests = new Requests(db, { deadlineMs: options.deadlineMs ?? 10_000 });
    this.#design = new MongoDesign(this.#requests, db, this.plan);
    for (const collection of Object.values(this.plan.collections)) {
      this.#entities.set(collection.entity, new MongoEntityStore(this.#requests, collection));
    }
    for (const pattern of Object.values(this.plan.patterns)) {
      if (isServed(pattern)) {
        this.#patterns.set(
          pattern.pattern,
          new MongoPatternStore(this.#requests, pattern, this.#entities.get(pattern.entity)!),
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
    return new MongoSession(token);
  }

  close(): Promise<void> {
    return this.#requests.close();
  }
}
