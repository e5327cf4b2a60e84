import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData, PatternData } from "../../model/description.js";
import { dynamodbCapability } from "../../plan/dynamodb/capability.js";
import { planDynamodb } from "../../plan/dynamodb/plan.js";
import type { DynamoPlan } from "../../plan/dynamodb/types.js";
import type {
  Adapter,
  ApplyCall,
  Call,
  DesignState,
  EntityStore,
  FoldCall,
  FoldedBucket,
  FoldState,
  PatternStore,
  Store,
  StoreSession,
} from "../port/adapter.js";
import type { DynamoDB } from "../port/capability.js";
import { isServed, noPattern } from "../port/unserved.js";
import { Buckets } from "./buckets.js";
import { compileCodec } from "./codec.js";
import { DynamoDesign } from "./design.js";
import type { ClientLike } from "./driver.js";
import { DynamoEntityStore } from "./entity-store.js";
import { foldPattern } from "./fold.js";
import { type DynamoPatternStore, patternStore } from "./pattern-store.js";
import { Requests } from "./requests.js";
import { sessionOf } from "./session.js";
import { Sums } from "./top.js";
import type { StoredEntity } from "./write.js";

/** Settings of the DynamoDB adapter. */
export interface DynamoDBOptions {
  /** Name of the table that holds the model's records. */
  readonly table: string;
  /** Time of a request whose call names none, retries included. Default 10,000. */
  readonly deadlineMs?: number;
}

/**
 * The DynamoDB adapter for `connect`, over a `DynamoDBClient` or `DynamoDBDocumentClient` of the AWS SDK v3, accepted by
 * shape. The client stays yours: `$close` does not destroy it.
 *
 * @example
 * ```ts
 * const { client, table } = open("dynamodb://127.0.0.1:8000/Shop?region=eu-west-1");
 * const shop = connect(model, dynamodb(client, { table }));
 * ```
 */
export function dynamodb(client: ClientLike, options: DynamoDBOptions): Adapter<DynamoDB> {
  if (typeof (client as Partial<ClientLike> | undefined)?.send !== "function") {
    throw new KeyfoldError("INPUT_INVALID", "dynamodb() takes a client of the AWS SDK v3.", {
      fix: "Pass new DynamoDBClient({ … }), or a DynamoDBDocumentClient.",
    });
  }
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test((options as Partial<DynamoDBOptions> | undefined)?.table ?? "")) {
    throw new KeyfoldError("INPUT_INVALID", "dynamodb() takes the name of a table.", {
      fix: 'Pass { table: "Shop" }: 3 to 255 letters, digits, "_", "-" and ".".',
    });
  }
  return {
    engine: "dynamodb",
    capability: dynamodbCapability,
    bind: (model) => new DynamoStore(client, model, options),
  };
}

class DynamoStore implements Store {
  readonly plan: DynamoPlan;
  readonly #requests: Requests;
  readonly #design: DynamoDesign;
  readonly #buckets: Buckets;
  readonly #entities = new Map<string, StoredEntity>();
  readonly #stores = new Map<string, DynamoEntityStore>();
  readonly #patterns = new Map<string, DynamoPatternStore>();
  readonly #sums = new Map<string, Sums>();

  constructor(client: ClientLike, model: ModelData, options: DynamoDBOptions) {
    this.plan = planDynamodb(model);
    this.#requests = new Requests(client, options.table, { deadlineMs: options.deadlineMs ?? 10_000 });
    this.#buckets = new Buckets(this.#requests);
    for (const entity of Object.values(this.plan.entities)) {
      const stored: StoredEntity = { requests: this.#requests, codec: compileCodec(entity), buckets: this.#buckets };
      this.#entities.set(entity.entity, stored);
      this.#stores.set(entity.entity, new DynamoEntityStore(stored));
    }
    for (const plan of Object.values(this.plan.patterns)) {
      if (!isServed(plan)) continue;
      const contribution = this.plan.entities[plan.entity]?.contributions.find((one) => one.pattern === plan.pattern);
      const sums =
        plan.kind === "top" && contribution !== undefined ? new Sums(plan, contribution, this.#requests) : undefined;
      if (sums !== undefined) this.#sums.set(plan.pattern, sums);
      const pattern = model.patterns[plan.pattern] as PatternData;
      this.#patterns.set(plan.pattern, patternStore(plan, pattern, this.#entities, sums, this.#requests));
    }
    this.#design = new DynamoDesign(this.#requests, this.plan, this.#entities);
  }

  entity(name: string): EntityStore {
    const store = this.#stores.get(name);
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

  async fold(call: FoldCall): Promise<FoldState> {
    // A fold reads whole buckets: it has the time that it needs, unless the call says otherwise.
    using deadline = this.#requests.deadline({ deadlineAt: this.#requests.clock.now() + FOLD_DEADLINE_MS, ...call });
    const buckets: FoldedBucket[] = [];
    for (const [pattern, sums] of this.#sums) {
      buckets.push(...(await foldPattern(pattern, sums, this.#requests, call, deadline)));
    }
    return { buckets };
  }

  session(token?: string): StoreSession {
    return sessionOf(token);
  }

  async close(): Promise<void> {
    using deadline = this.#requests.deadline({});
    await this.#buckets.release(deadline);
  }
}

const FOLD_DEADLINE_MS = 24 * 3_600_000;
