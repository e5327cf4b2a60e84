import type { Action, Condition, Path } from "../expressions/syntax.js";
import type { Item, Value } from "../values/attribute-value.js";

/** What a statement asks. Its values are under the names that operands of the conditions have. */
interface Base {
  readonly table: string;
  readonly values: Item;
}

export interface Select extends Base {
  readonly kind: "select";
  readonly index: string | undefined;
  /** Undefined for all. */
  readonly paths: readonly Path[] | undefined;
  readonly where: Condition | undefined;
  readonly order: { readonly name: string; readonly descending: boolean } | undefined;
}

/** A condition of a transaction: there is such an item, or there is none. */
export interface Exists extends Omit<Select, "kind"> {
  readonly kind: "exists";
}

export interface Insert extends Base {
  readonly kind: "insert";
  readonly item: Value;
}

export type Returning = "ALL_OLD" | "ALL_NEW" | "UPDATED_OLD" | "UPDATED_NEW" | undefined;

export interface UpdateStatement extends Base {
  readonly kind: "update";
  readonly actions: readonly Action[];
  readonly where: Condition | undefined;
  readonly returning: Returning;
}

export interface Delete extends Base {
  readonly kind: "delete";
  readonly where: Condition | undefined;
  readonly returning: Returning;
}

export type Statement = Select | Exists | Insert | UpdateStatement | Delete;
