import { KeyfoldError } from "../../internal/errors.js";
import type { ModelData } from "../../model/description.js";
import { cassandraCapability, scylladbCapability } from "../../plan/cassandra/capability.js";
import type { Replication } from "../../plan/cassandra/ddl.js";
import { planCassandra, planScylladb } from "../../plan/cassandra/plan.js";
import type { CqlEngine, CqlPlan } from "../../plan/cassandra/types.js";
import type { Adapter, FoldedBucket, PatternStore, Store } from "../port/adapter.js";
import type { Cassandra, ScyllaDB } from "../port/capability.js";
import { KnownBuckets } from "../port/known-buckets.js";
import { modelStore, patternStores } from "../port/model-store.js";
import { Buckets } from "./buckets.js";
import { compileCodec } from "./codec.js";
import { CqlDesign } from "./design.js";
import type { CassandraClient, ClientFacts } from "./driver.js";
import { cqlEntityStore } from "./entity-store.js";
import { getStore } from "./get.js";
import { homeStatements } from "./home.js";
import { KeyQueue } from "./key-queue.js";
import type { Levels, PlainLevel } from "./levels.js";
import { ListStore } from "./list.js";
import { Requests } from "./requests.js";
import { sessionMaker } from "./session.js";
import { TopStore } from "./top.js";
import type { StoredEntity } from "./write.js";

/** Settings of the Cassandra and ScyllaDB adapters. */
export interface CassandraOptions {
  /** Keyspace of the model's tables; the client's own when left out. `apply` creates it where it is not there. */
  readonly keyspace?: string;
  /** Time of a request whose call names none, retries included. Default 10,000. */
  readonly deadlineMs?: number;
  /**
   * Level of reads at `session` and `bounded`. Default QUORUM: of all data centres. LOCAL_QUORUM for both keeps a session
   * within its own data centre, and its token with it.
   */
  readonly readConsistency?: PlainLevel;
  /** Level of writes. Default QUORUM. Reads and writes must overlap: read + write > replicas. */
  readonly writeConsistency?: PlainLevel;
  /**
   * Level of lightweight transactions and `strong` reads. Default SERIAL; LOCAL_SERIAL agrees within one data centre, and
   * is refused (`CONSISTENCY_UNSUPPORTED`) where a keyspace has replicas in several and the model needs them to agree.
   */
  readonly serialConsistency?: "SERIAL" | "LOCAL_SERIAL";
  /**
   * How `apply` replicates a keyspace that it creates: a number for SimpleStrategy, or numbers by data centre. Default:
   * three times in each data centre, or as often as it has nodes.
   */
  readonly replication?: Replication;
  /**
   * Name of an execution profile of the client that all requests are sent by: for its load balancing, as into a data
   * centre of their own. Consistency, time limits and retries are keyfold's, whatever the profile says of them. Default:
   * the client's default profile.
   */
  readonly executionProfile?: string;
}

/**
 * The Cassandra adapter for `connect`, over a `Client` of cassandra-driver 4, accepted by shape. The client stays yours:
 * `$close` does not shut it down.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no client, or a keyspace's name that is none.
 *
 * @example
 * ```ts
 * const { client, keyspace } = open("cassandra://127.0.0.1:9042/shop?dc=datacenter1");
 * const shop = connect(model, cassandra(client, { keyspace }));
 * ```
 */
export function cassandra(client: CassandraClient, options: CassandraOptions = {}): Adapter<Cassandra> {
  check("cassandra()", client, options);
  return {
    engine: "cassandra",
    capability: cassandraCapability,
    bind: (model) => cqlStore(client, model, "cassandra", planCassandra(model), options),
  };
}

/**
 * The ScyllaDB adapter for `connect`, over a `Client` of cassandra-driver 4 or of ScyllaDB's fork of it, which finds the
 * shard of a partition by itself. As {@link cassandra}, with ScyllaDB's limits.
 *
 * @example
 * ```ts
 * const { client, keyspace } = open("scylladb://127.0.0.1:9042/shop?dc=datacenter1");
 * const shop = connect(model, scylladb(client, { keyspace }));
 * ```
 */
export function scylladb(client: CassandraClient, options: CassandraOptions = {}): Adapter<ScyllaDB> {
  check("scylladb()", client, options);
  return {
    engine: "scylladb",
    capability: scylladbCapability,
    bind: (model) => cqlStore(client, model, "scylladb", planScylladb(model), options),
  };
}

function check(caller: string, client: CassandraClient, options: CassandraOptions): void {
  if (
    typeof (client as Partial<CassandraClient> | undefined)?.execute !== "function" ||
    typeof (client as Partial<CassandraClient>).batch !== "function"
  ) {
    throw new KeyfoldError("INPUT_INVALID", `${caller} takes a client of cassandra-driver 4.`, {
      fix: "Pass new Client({ contactPoints, localDataCenter }), or what open() gives.",
    });
  }
  if (!/^[A-Za-z]\w{0,47}$/.test(options.keyspace ?? client.keyspace ?? "")) {
    throw new KeyfoldError("INPUT_INVALID", `${caller} takes the name of a keyspace.`, {
      fix: 'Pass { keyspace: "shop" }: a letter, then at most 47 letters, digits and "_".',
    });
  }
  const { executionProfile } = options;
  const known = ["default", ...((client as ClientFacts).options?.profiles ?? []).map(({ name }) => name)];
  if (executionProfile !== undefined && !known.includes(executionProfile)) {
    throw new KeyfoldError("INPUT_INVALID", `The client has no execution profile "${executionProfile}".`, {
      fix: `Pass one of ${known.join(", ")}, or make the client with profiles: [new ExecutionProfile("${executionProfile}", …)].`,
    });
  }
}

const FOLD_DEADLINE_MS = 24 * 3_600_000;

function cqlStore(
  client: CassandraClient,
  model: ModelData,
  engine: CqlEngine,
  plan: CqlPlan,
  options: CassandraOptions,
): Store {
  const levels: Levels = {
    read: options.readConsistency ?? "QUORUM",
    write: options.writeConsistency ?? "QUORUM",
    serial: options.serialConsistency ?? "SERIAL",
  };
  const datacenter = (client as ClientFacts).options?.localDataCenter;
  const requests = new Requests(client, {
    engine,
    keyspace: options.keyspace ?? client.keyspace ?? "",
    levels,
    deadlineMs: options.deadlineMs ?? 10_000,
    executionProfile: options.executionProfile,
  });
  const buckets = new Buckets(requests);
  const leases = buckets.leases();
  const entities = new Map<string, StoredEntity>(
    Object.values(plan.entities).map((entity) => {
      const expires = model.entities[entity.entity]?.expires;
      const codec = compileCodec(entity, expires, requests.qualify, requests.bigints);
      const home = homeStatements(codec, requests.qualify);
      return [entity.entity, { requests, codec, home, leases, queue: new KeyQueue(), known: new KnownBuckets() }];
    }),
  );
  const tops: TopStore[] = [];
  return modelStore({
    plan: plan as CqlPlan<"cassandra"> | CqlPlan<"scylladb">,
    design: new CqlDesign(requests, plan, entities, { replication: options.replication, datacenter, buckets }),
    entities: new Map([...entities].map(([name, entity]) => [name, cqlEntityStore(entity)])),
    patterns: patternStores(plan.patterns, (pattern): PatternStore => {
      const entity = entities.get(pattern.entity) as StoredEntity;
      switch (pattern.kind) {
        case "get":
          return getStore(pattern, entity);
        case "list":
          return new ListStore(pattern, entity);
        case "top": {
          const store = new TopStore(pattern, requests, buckets);
          tops.push(store);
          return store;
        }
        default:
          return pattern satisfies never;
      }
    }),
    async fold(call) {
      // A fold reads whole buckets: it has the time that it needs, unless the call says otherwise.
      using deadline = requests.deadline({ deadlineAt: requests.clock.now() + FOLD_DEADLINE_MS, ...call });
      const folded: FoldedBucket[] = [];
      for (const top of tops) folded.push(...(await top.fold(call, deadline)));
      return { buckets: folded };
    },
    session: sessionMaker(levels, datacenter),
    async close() {
      using deadline = requests.deadline({});
      await leases.release(deadline);
    },
  });
}
