import type { Consistency } from "../model/consistency.js";
import type { CassandraPlan, ScyllaPlan } from "./cassandra/types.js";
import type { DynamoPlan } from "./dynamodb/types.js";
import type { Finding } from "./finding.js";
import type { MongoPlan } from "./mongodb/types.js";
import type { RedisPlan } from "./redis/types.js";

/** A physical design with its requests, estimates and findings: one member per engine, told apart by `engine`. */
export type Plan = CassandraPlan | DynamoPlan | MongoPlan | RedisPlan | ScyllaPlan;

/** Engines that a plan can be made for. */
export type PlannedEngine = Plan["engine"];

/** What a client needs of every engine's design. */
export interface DesignFacts {
  readonly engine: string;
  /**
   * Version of the design: twelve hexadecimal digits over everything that decides what is stored and how it is asked for.
   * Cursors are bound to it. Workload numbers change it only where they decide how records lie (write shards).
   */
  readonly design: string;
  /** By pattern name; each engine's own kinds of plans. */
  readonly patterns: { readonly [pattern: string]: PlannedPattern };
}

/** What every engine's plan has. */
export interface PlanFacts extends DesignFacts {
  readonly kind: "plan";
  /** The least rights that the client needs to run, and that `apply` needs, in the engine's own form. */
  readonly grants: unknown;
  readonly findings: readonly Finding[];
}

/** What every engine's plan of a pattern has. */
export interface PlannedPattern {
  readonly kind: string;
  readonly pattern: string;
  /** Of `get` and `list`: the fields of a row, in the schema's order; left out: the whole record. */
  readonly select?: readonly string[];
}

/** What an engine can serve: pattern kind → consistency levels, strongest first. A kind left out is not served. */
export interface CapabilityData {
  readonly engine: string;
  readonly serves: { readonly [kind: string]: readonly Consistency[] };
  /** Whether records end at the moment that their entity's `expires` names. False: such a model is refused. */
  readonly expires?: boolean;
}

/** A pattern that the engine cannot serve, and why; it stands in the plan in the pattern's place. */
export interface UnservedPattern extends PlannedPattern {
  readonly kind: "unserved";
  readonly pattern: string;
  /** The sentence that the type error and the run-time error say. */
  readonly why: string;
}
