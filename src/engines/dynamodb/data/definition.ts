import type { KeyAttribute, KeySchema } from "../values/key-encoding.js";

/** What is kept of a table beside its items; all of it plain data, which is stored as JSON. */

export type ProjectionType = "ALL" | "KEYS_ONLY" | "INCLUDE";

export interface Throughput {
  readonly read: number;
  readonly write: number;
  readonly increasedMs?: number;
  readonly decreasedMs?: number;
  readonly decreasesToday?: number;
}

/** Limits of a table or index that is paid by request. */
export interface OnDemandLimits {
  readonly MaxReadRequestUnits?: number;
  readonly MaxWriteRequestUnits?: number;
}

export interface IndexDefinition {
  readonly name: string;
  readonly global: boolean;
  readonly schema: KeySchema;
  readonly projection: ProjectionType;
  /** Further attributes of an INCLUDE index. */
  readonly include: readonly string[];
  /** Number of the tree that has its entries. */
  readonly tree: number;
  readonly throughput: Throughput;
  readonly onDemand?: OnDemandLimits;
  /** While items from before the index are still being added. */
  readonly backfilling?: boolean;
}

export type StreamView = "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";

/** A stream of changes; a table has one open one at most, and closed ones for a day. */
export interface StreamDefinition {
  /** The time that is part of its ARN. */
  readonly label: string;
  readonly view: StreamView;
  readonly tree: number;
  readonly createdMs: number;
  /** When it was closed. */
  readonly disabledMs?: number;
}

export interface TtlDefinition {
  readonly attribute: string;
  /** Number of the tree of times and keys. */
  readonly tree: number;
  /** While items from before are still being looked at. */
  readonly filling?: boolean;
}

export interface TableDefinition {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  readonly createdMs: number;
  readonly attributes: readonly KeyAttribute[];
  readonly schema: KeySchema;
  readonly tree: number;
  readonly billing: "PROVISIONED" | "PAY_PER_REQUEST";
  /** Whether the request named the mode, or it was changed later: only then is it told. */
  readonly billingNamed: boolean;
  readonly billingChangedMs?: number;
  readonly throughput: Throughput;
  readonly onDemand?: OnDemandLimits;
  readonly indexes: readonly IndexDefinition[];
  readonly streams: readonly StreamDefinition[];
  readonly ttl?: TtlDefinition;
  readonly tags: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly tableClass?: string;
  readonly encryption?: { readonly key: string | undefined };
}

/** The account that all is in: the one of AWS' own examples. ARNs of another are somebody else's. */
export const accountId = "123456789012";

export function tableArn({ region, name }: { readonly region: string; readonly name: string }): string {
  return `arn:aws:dynamodb:${region}:${accountId}:table/${name}`;
}

export function streamArn(table: TableDefinition, stream: StreamDefinition): string {
  return `${tableArn(table)}/stream/${stream.label}`;
}
