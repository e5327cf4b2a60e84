import type { Consistency } from "../../model/consistency.js";

/**
 * What an adapter serves, as a type: pattern kind → the consistency levels that it can promise there.
 * A kind left out is not served, and using such a pattern does not compile.
 */
export interface Capability {
  readonly engine: string;
  readonly serves: { readonly [Kind in string]?: Consistency };
  /** Whether writes of several records can be one: all of them done, or none. */
  readonly transacts?: true;
}

/** What Cassandra serves. */
export interface Cassandra {
  readonly engine: "cassandra";
  readonly serves: {
    get: Consistency;
    listByKey: "session" | "bounded" | "eventual";
    list: "session" | "bounded" | "eventual";
    top: "session" | "bounded" | "eventual";
  };
}

/** What ScyllaDB serves. */
export interface ScyllaDB {
  readonly engine: "scylladb";
  readonly serves: Cassandra["serves"];
}

/** What DynamoDB serves. */
export interface DynamoDB {
  readonly engine: "dynamodb";
  readonly serves: {
    get: Consistency;
    listByKey: Consistency;
    list: Consistency;
    together: Consistency;
    top: "session" | "bounded" | "eventual";
  };
  readonly transacts: true;
}

/** What MongoDB serves. */
export interface MongoDB {
  readonly engine: "mongodb";
  readonly serves: {
    get: Consistency;
    listByKey: "session" | "bounded" | "eventual";
    list: "session" | "bounded" | "eventual";
    top: "session" | "bounded" | "eventual";
  };
}

/** What Redis serves. Nothing is "strong": a failover may lose what was acknowledged. */
export interface Redis {
  readonly engine: "redis";
  readonly serves: {
    get: "session" | "bounded" | "eventual";
    listByKey: "session" | "bounded" | "eventual";
    list: "session" | "bounded" | "eventual";
    rank: "session" | "bounded" | "eventual";
    top: "session" | "bounded" | "eventual";
  };
}
