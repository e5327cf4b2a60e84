import type { z } from "zod";
import type { Names } from "./names.js";

/** A kind of record. `Name`, the record's type, the key's fields and the type that writes take are all that it carries. */
export interface Entity<Name extends string, R, Key extends readonly string[], In = R> {
  readonly kind: "entity";
  readonly name: Name;
  readonly key: Key;
  /** Only a type: a stored record. */
  readonly $record: R;
  /** Only a type: what `insert` and `put` take. Fields with a default may be left out. */
  readonly $input: In;
}

/** Any entity, for constraints. */
export interface AnyEntity {
  readonly name: string;
  readonly key: readonly string[];
  readonly $record: unknown;
  readonly $input: unknown;
}

/** Any zod schema of an object. Structural: naming zod's own class here would cost 80,000 type instantiations. */
export interface Schema {
  readonly _zod: { readonly output: object; readonly input: object };
}

/** What `entity` is told beside its name. */
export interface EntitySpec<S, Key, F extends string> {
  /** A zod 4 schema of the record. */
  readonly schema: S;
  /** Fields that identify a record, in order: the first ones group, the last ones sort. */
  readonly key: Key;
  /** Sets of fields whose values no two records share: `unique: [["email"]]`. */
  readonly unique?: readonly (readonly F[])[];
  /**
   * A date field: from that moment on the record is not there any more, and an insert of its key applies. When the
   * engine gives back the room is its own business. Records without the date stay. No `top` pattern can be declared on
   * such an entity: whether a sum keeps what expired would differ from engine to engine.
   */
  readonly expires?: F;
  /**
   * Records are inserted and deleted, and never changed: whoever inserts a key gives it the same record each time.
   * `put`, `update` and `increment` are refused. An engine that would have to look before it writes need not: on Cassandra
   * an insert is then a plain write, and answers that it was applied also where the record was there. Default false.
   */
  readonly appendOnly?: boolean;
  /** Name of the table or collection, to adopt one that exists; the entity's name when left out. */
  readonly storedAs?: string;
}

/** What an entity is before `defineModel` has read its schema. */
export interface EntityDraft {
  readonly kind: "entity";
  readonly name: string;
  readonly key: readonly string[];
  readonly unique: readonly (readonly string[])[];
  readonly expires: string | undefined;
  readonly appendOnly: boolean;
  readonly storedAs: string | undefined;
  readonly schema: unknown;
}

/**
 * Declares a kind of record. Mistakes are reported by `defineModel`, all at once.
 *
 * @param name how patterns' errors, plans and the client call it: `shop.line`
 *
 * @example
 * ```ts
 * const line = entity("line", {
 *   schema: z.object({ seq: z.int(), total: decimal(3), at: z.date(), customerId: z.string().optional() }),
 *   key: ["seq"],
 * });
 * ```
 */
export function entity<
  const Name extends string,
  S extends Schema,
  const Key extends readonly Names<z.output<S>>[keyof z.output<S> & string][],
>(
  name: Name,
  spec: EntitySpec<S, Key, Names<z.output<S>>[keyof z.output<S> & string]>,
): Entity<Name, z.output<S>, Key, z.input<S>> {
  const draft: EntityDraft = {
    kind: "entity",
    name,
    key: spec.key,
    unique: spec.unique ?? [],
    expires: spec.expires,
    appendOnly: spec.appendOnly ?? false,
    storedAs: spec.storedAs,
    schema: spec.schema,
  };
  return draft as unknown as Entity<Name, z.output<S>, Key, z.input<S>>;
}
