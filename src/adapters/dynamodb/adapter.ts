import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import type { ClientLike } from "../../patterns/dynamodb/driver.js";
import { dynamodbCapability } from "../../plan/dynamodb/capability.js";
import { designDynamodb } from "../../plan/dynamodb/plan.js";
import type { DynamoPatternPlan } from "../../plan/dynamodb/types.js";
import type { Adapter, FoldedBucket, Store } from "../port/adapter.js";
import type { DynamoDB } from "../port/capability.js";
import { KnownBuckets } from "../port/known-buckets.js";
import { modelStore, patternStores } from "../port/model-store.js";
import { bucketLeases } from "./buckets.js";
import { compileCodec } from "./codec.js";
import { DynamoDesign } from "./design.js";
import { dynamoEntityStore } from "./entity-store.js";
import { foldPattern } from "./fold.js";
import { patternStore } from "./pattern-store.js";
import { Requests } from "./requests.js";
import { sessionOf } from "./session.js";
import { TableKey } from "./table-key.js";
import { Sums } from "./top.js";
import { transactMany } from "./transact.js";
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
    bind: (model) => dynamoStore(client, model, options),
  };
}

function dynamoStore(client: ClientLike, model: ModelData, options: DynamoDBOptions): Store {
  const plan = designDynamodb(model);
  const requests = new Requests(client, options.table, {
    deadlineMs: options.deadlineMs ?? 10_000,
    key: new TableKey(plan.table),
  });
  const buckets = bucketLeases(requests);
  const known = new KnownBuckets();
  const entities = new Map<string, StoredEntity>(
    Object.values(plan.entities).map((entity) => [
      entity.entity,
      { requests, codec: compileCodec(entity, requests.key), buckets, known },
    ]),
  );
  const sums = new Map<string, Sums>();
  const sumsOf = (pattern: DynamoPatternPlan): Sums | undefined => {
    const contribution = plan.entities[pattern.entity]?.contributions.find((one) => one.pattern === pattern.pattern);
    if (pattern.kind !== "top" || contribution === undefined) return undefined;
    const found = new Sums(pattern, contribution, requests);
    sums.set(pattern.pattern, found);
    return found;
  };
  return modelStore({
    plan,
    design: new DynamoDesign(requests, plan, entities),
    entities: new Map([...entities].map(([name, entity]) => [name, dynamoEntityStore(entity)])),
    patterns: patternStores(plan.patterns, (pattern) =>
      patternStore(pattern, model.patterns[pattern.pattern]!, entities, sumsOf(pattern), requests),
    ),
    async fold(call) {
      // A fold reads whole buckets: it has the time that it needs, unless the call says otherwise.
      using deadline = requests.deadline({ deadlineAt: requests.clock.now() + FOLD_DEADLINE_MS, ...call });
      const folded: FoldedBucket[] = [];
      for (const [pattern, each] of sums) folded.push(...(await foldPattern(pattern, each, requests, call, deadline)));
      return { buckets: folded };
    },
    async transact(writes, call) {
      using deadline = requests.deadline(call);
      return await transactMany(writes, entities, requests, call, deadline);
    },
    session: sessionOf,
    async close() {
      using deadline = requests.deadline({});
      await buckets.release(deadline);
    },
  });
}

const FOLD_DEADLINE_MS = 24 * 3_600_000;
