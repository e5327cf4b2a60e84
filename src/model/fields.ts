import { z } from "zod";
import type { Entity, EntityDraft } from "./entity.js";

/**
 * Raw bytes, a `Uint8Array` in JavaScript.
 *
 * @example
 * ```ts
 * z.object({ id: z.uuid(), thumbnail: bytes().optional() })
 * ```
 */
export function bytes(): z.ZodType<Uint8Array, Uint8Array> {
  return z.instanceof(Uint8Array).meta({ keyfold: { kind: "bytes" } }) as unknown as z.ZodType<Uint8Array, Uint8Array>;
}

/**
 * A bounded array of a child entity's records, stored inside the parent and written with it, atomically.
 * Children are unique by their key within the parent. `plan` weighs it against keeping them in a place of their own
 * (by number, size and how often both are read together) and says which it would be, with its reasons.
 *
 * @param child the entity whose records are held; it need not be in the model's `entities`
 * @param options
 * - `max`: most children of one parent; an insert with more is refused.
 * - `typical`: children of a typical parent, for the estimates; a quarter of `max` when left out.
 *
 * @example
 * ```ts
 * const item = entity("item", { schema: z.object({ sku: z.string(), quantity: z.int() }), key: ["sku"] });
 * const order = entity("order", { schema: z.object({ id: z.uuid(), items: embed(item, { max: 100, typical: 4 }) }), key: ["id"] });
 * ```
 */
export function embed<N extends string, R, K extends readonly string[], In>(
  child: Entity<N, R, K, In>,
  options: { readonly max: number; readonly typical?: number },
): z.ZodType<R[], In[]> {
  const draft = child as unknown as EntityDraft;
  const schema = z
    .array(draft.schema as z.ZodType<Record<string, unknown>>)
    .max(options.max)
    .check((context) => {
      const seen = new Set<string>();
      for (const [index, record] of context.value.entries()) {
        const key = JSON.stringify(child.key.map((field) => keyText(record[field])));
        if (seen.has(key)) {
          context.issues.push({
            code: "custom",
            message: `another ${child.name} of this array has the key ${key}`,
            input: record,
            path: [index],
          });
        }
        seen.add(key);
      }
    })
    .meta({
      keyfold: {
        kind: "embed",
        entity: child.name,
        key: [...child.key],
        max: options.max,
        ...(options.typical === undefined ? {} : { typical: options.typical }),
      },
    });
  return schema as unknown as z.ZodType<R[], In[]>;
}

function keyText(value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
