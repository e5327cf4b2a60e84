import type { Doc } from "../bson/doc.js";
import type { Index } from "./index.js";

/** A contiguous part of an index: `from` inclusive, `to` exclusive, as byte strings. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** One scan of an index. */
export interface IndexScan {
  readonly kind: "ixscan";
  readonly index: Index;
  /** In the order of the index, without overlap. */
  readonly ranges: readonly KeyRange[];
  readonly reverse: boolean;
  /** `indexBounds` of explain: for each field its intervals as texts. */
  readonly bounds: readonly (readonly string[])[];
  /**
   * When the ranges have to be merged to come out in the order that was asked for: how many bytes at the front of each
   * key are the same in one range. One number for each range.
   */
  readonly mergePrefixes?: readonly number[];
}

/** How the records of a query are found; the filter is applied to all of them afterwards. */
export type Access =
  | { readonly kind: "eof" }
  | { readonly kind: "collscan"; readonly reverse: boolean }
  | { readonly kind: "idhack"; readonly key: string }
  | IndexScan
  | { readonly kind: "or"; readonly scans: readonly IndexScan[] };

/** A way to answer a query. */
export interface Plan {
  readonly access: Access;
  /** The records come in the order that was asked for. */
  readonly sorted: boolean;
  /** The ranges say all that the filter says. */
  readonly exact: boolean;
  /** What the planner looked at and did not take; for explain. */
  readonly rejected: readonly Access[];
  readonly sort: Doc | undefined;
}
