import { globalRegistry } from "zod";

/** What is read of a zod schema: its definition, structurally, so that any copy of zod 4 (and zod/mini) is understood. */
export interface ZodNode {
  readonly _zod: { readonly def: Definition };
}
export interface Definition {
  readonly type: string;
  readonly [name: string]: unknown;
}
export interface CheckDefinition {
  readonly check?: string;
  readonly format?: string;
  readonly maximum?: number;
  readonly length?: number;
}

/** What decimal(), bytes() and embed() note. */
export type OwnKind =
  | { readonly kind: "decimal"; readonly scale: number }
  | { readonly kind: "bytes" }
  | {
      readonly kind: "embed";
      readonly entity: string;
      readonly key: readonly string[];
      readonly max: number;
      readonly typical?: number;
    };

/** What decimal(), bytes() and embed() noted on their schema. The registry is one per process, whatever the copies of zod. */
export function ownKind(schema: ZodNode): OwnKind | undefined {
  const own = (globalRegistry.get(schema as never) as { keyfold?: OwnKind } | undefined)?.keyfold;
  if (own === undefined) return undefined;
  // Metadata is inherited by what is made from a schema, so that a wrapper's own definition decides.
  const type = schema._zod.def.type;
  const fits = { decimal: "string", bytes: "custom", embed: "array" } as const;
  return fits[own.kind] === type ? own : undefined;
}

/** Whether a value is a schema of zod 4. */
export function isNode(value: unknown): value is ZodNode {
  if (typeof value !== "object" || value === null || !("_zod" in value)) return false;
  const inside = value._zod as { def?: { type?: unknown } } | undefined;
  return typeof inside?.def?.type === "string";
}

/** The checks that a schema carries. */
export function checksOf(def: Definition): readonly CheckDefinition[] {
  const checks = def["checks"] as readonly { readonly _zod: { readonly def: CheckDefinition } }[] | undefined;
  return checks?.map((check) => check._zod.def) ?? [];
}

/** No check, and the input is not turned into something else. */
export function isPlain(def: Definition): boolean {
  return checksOf(def).length === 0 && def["coerce"] !== true;
}

/** The longest length that the checks admit. */
export function smallest(checks: readonly CheckDefinition[]): number | undefined {
  const bounds = checks.flatMap((check) =>
    check.check === "max_length" ? (check.maximum ?? []) : check.check === "length_equals" ? (check.length ?? []) : [],
  );
  return bounds.length === 0 ? undefined : Math.min(...bounds);
}

/** An enum's values by their names. */
export function enumEntries(def: Definition): Record<string, unknown> {
  const entries = def["entries"] as Record<string, unknown>;
  // A numeric TypeScript enum also maps its numbers back to its names.
  return Object.fromEntries(
    Object.entries(entries).filter(([key]) => typeof entries[entries[key] as string] !== "number"),
  );
}
