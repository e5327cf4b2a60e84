import { checkModel } from "./check.js";
import type { EntityWorkload, ModelData, PatternWorkload } from "./description.js";
import type { AnyEntity } from "./entity.js";
import type { AnyPattern } from "./patterns.js";
import type { Physical } from "./physical.js";

/** Entities, access patterns and workload, checked. */
export interface Model<E, P> {
  readonly kind: "model";
  readonly entities: E;
  readonly patterns: P;
}

/** Any model, for constraints. */
export interface AnyModel {
  readonly kind: "model";
  readonly entities: { readonly [K in string]: AnyEntity };
  readonly patterns: { readonly [K in string]: AnyPattern };
}

/** A name is an entity or a pattern, not both; names with $, and "then", stay the client's own. */
type Taken<E> = { readonly [K in keyof E]?: `"${K & string}" is already the name of an entity` };
interface Named<K> {
  readonly name: K;
}
interface PatternOf<EntityName> {
  readonly kind: string;
  readonly entity: EntityName;
}

/**
 * Puts entities, access patterns and workload numbers together, and checks them. `physical` says of single engines what
 * the plan is not to decide alone.
 *
 * @throws KeyfoldError `MODEL_INVALID`; its `issues` are all mistakes, each with code, path, message and fix.
 *
 * @example
 * ```ts
 * export default defineModel({
 *   entities: { line },
 *   patterns: { lineBySeq: get(line), linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc" } }) },
 *   workload: { line: { records: 500_000_000, writesPerSecond: 800 }, linesByCustomer: { readsPerSecond: 3_000 } },
 * });
 * ```
 */
export function defineModel<
  const E extends { readonly [K in keyof E]: Named<K> },
  const P extends {
    readonly [K in keyof P]: K extends `$${string}` | "then" ? "this name is reserved" : PatternOf<keyof E>;
  },
>(spec: {
  readonly entities: E;
  readonly patterns: P & Taken<E>;
  readonly workload?: { readonly [K in keyof NoInfer<E>]?: EntityWorkload } & {
    readonly [K in keyof NoInfer<P>]?: PatternWorkload;
  };
  readonly physical?: Physical<keyof NoInfer<P>>;
}): Model<E, P> {
  return checkModel(spec) as unknown as Model<E, P>;
}

/**
 * What a model is at run time, for plans and adapters: entities, fields, patterns and workload as plain data.
 *
 * @example
 * ```ts
 * describe(model).entities["line"]?.key;   // ["seq"]
 * ```
 */
export function describe(model: { readonly kind: "model" }): ModelData {
  return model as unknown as ModelData;
}

/**
 * Whether a value is a model made by `defineModel`, of this or another copy of keyfold.
 *
 * @example
 * ```ts
 * const file: { readonly default?: unknown } = await import("./model.js");
 * if (isModel(file.default)) console.log(Object.keys(file.default.patterns));
 * ```
 */
export function isModel(value: unknown): value is AnyModel {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "model" && "format" in value;
}
