import { describe, expect, it } from "vitest";
import { z } from "zod";
import * as mini from "zod/mini";
import type { Issue } from "../internal/errors.js";
import { decimal } from "./decimal.js";
import { entity } from "./entity.js";
import type { Field } from "./field.js";
import { bytes, embed } from "./fields.js";
import { SchemaReader } from "./schema.js";

const flags = { optional: false, nullable: false };

function read(schema: unknown): { field: Field | undefined; plain: boolean | undefined; codes: string[] } {
  const issues: Issue[] = [];
  const found = new SchemaReader(issues).record(z.object({ f: schema as z.ZodType }), ["schema"]);
  return { field: found?.fields["f"], plain: found?.plain, codes: issues.map((issue) => issue.code) };
}

/** What TypeScript makes of `enum Numeric { A = 1, B = 2 }`. */
const Numeric = { A: 1, B: 2, 1: "A", 2: "B" } as const;

describe("a schema's fields", () => {
  it.each<[string, unknown, object, boolean]>([
    ["string", z.string(), { kind: "string" }, true],
    ["bounded string", z.string().min(1).max(9), { kind: "string", maxLength: 9 }, false],
    ["email", z.email(), { kind: "string" }, false],
    ["trimmed", z.string().trim(), { kind: "string" }, false],
    ["template", z.templateLiteral(["a-", z.int()]), { kind: "string" }, false],
    ["enum", z.enum(["a", "b"]), { kind: "enum", values: ["a", "b"] }, true],
    ["literals", z.literal(["a", "b"]), { kind: "enum", values: ["a", "b"] }, true],
    ["numeric enum", z.enum(Numeric), { kind: "int" }, false],
    ["int", z.int(), { kind: "int" }, true],
    ["number().int()", z.number().int(), { kind: "int" }, true],
    ["positive int", z.int().positive(), { kind: "int" }, false],
    ["int32", z.int32(), { kind: "int" }, false],
    ["number", z.number(), { kind: "double" }, true],
    ["bigint", z.bigint(), { kind: "int64" }, true],
    ["int64", z.int64(), { kind: "int64" }, true],
    ["decimal", decimal(3), { kind: "decimal", scale: 3 }, true],
    [
      "refined decimal",
      (decimal(3) as unknown as z.ZodString).refine((text) => text !== "0.000"),
      { kind: "decimal", scale: 3 },
      false,
    ],
    ["boolean", z.boolean(), { kind: "boolean" }, true],
    ["date", z.date(), { kind: "date" }, true],
    ["coerced date", z.coerce.date(), { kind: "date" }, false],
    ["bytes", bytes(), { kind: "bytes" }, true],
    ["uuid", z.uuid(), { kind: "uuid" }, true],
    ["string().uuid()", z.string().uuid(), { kind: "uuid" }, true],
    ["uuid of one version", z.uuidv7(), { kind: "uuid" }, false],
    ["array", z.array(z.int()), { kind: "array", element: { kind: "int", ...flags } }, true],
    [
      "bounded array",
      z.array(z.int()).max(4),
      { kind: "array", element: { kind: "int", ...flags }, maxItems: 4 },
      false,
    ],
    [
      "array of a length",
      z.array(z.int()).length(3),
      { kind: "array", element: { kind: "int", ...flags }, maxItems: 3 },
      false,
    ],
    ["object", z.object({ a: z.int() }), { kind: "object", fields: { a: { kind: "int", ...flags } } }, true],
    [
      "strict object",
      z.strictObject({ a: z.int() }),
      { kind: "object", fields: { a: { kind: "int", ...flags } } },
      false,
    ],
    ["map", z.record(z.string(), z.date()), { kind: "map", value: { kind: "date", ...flags } }, true],
    ["json", z.json(), { kind: "json", nullable: true }, false],
    ["unknown", z.unknown(), { kind: "json", nullable: true, optional: true }, true],
    ["optional", z.int().optional(), { kind: "int", optional: true }, true],
    ["nullable", z.int().nullable(), { kind: "int", nullable: true }, true],
    ["nullish decimal", decimal(2).nullish(), { kind: "decimal", scale: 2, optional: true, nullable: true }, true],
    ["default", z.int().default(3), { kind: "int" }, false],
    ["default of an optional", z.int().optional().default(3), { kind: "int" }, false],
    ["readonly", z.array(z.int()).readonly(), { kind: "array", element: { kind: "int", ...flags } }, true],
    ["transform with a pipe", z.string().transform(Number).pipe(z.number()), { kind: "double" }, false],
    ["stringbool", z.stringbool(), { kind: "boolean" }, false],
    ["int or null", z.union([z.int(), z.null()]), { kind: "int", nullable: true }, true],
    ["text or number", z.union([z.string(), z.number()]), { kind: "json" }, false],
    ["zod/mini", mini.optional(mini.int()), { kind: "int", optional: true }, true],
    [
      "discriminated union",
      z.discriminatedUnion("k", [
        z.object({ k: z.literal("a"), x: z.int() }),
        z.object({ k: z.literal("b"), y: z.date() }),
      ]),
      {
        kind: "object",
        fields: {
          k: { kind: "enum", values: ["a", "b"], ...flags },
          x: { kind: "int", ...flags, optional: true },
          y: { kind: "date", ...flags, optional: true },
        },
      },
      false,
    ],
    [
      "intersection",
      z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() })),
      { kind: "object", fields: { a: { kind: "int", ...flags }, b: { kind: "int", ...flags } } },
      false,
    ],
  ])("%s", (_, schema, expected, plain) => {
    expect(read(schema)).toEqual({ field: { ...flags, ...expected }, plain, codes: [] });
  });

  it("embed a child with its key and bounds", () => {
    const item = entity("item", { schema: z.object({ sku: z.string() }), key: ["sku"] });
    expect(read(embed(item, { max: 9, typical: 2 })).field).toEqual({
      kind: "array",
      element: { kind: "object", fields: { sku: { kind: "string", ...flags } }, ...flags },
      maxItems: 9,
      embeds: { entity: "item", key: ["sku"], typical: 2 },
      ...flags,
    });
    const twice = embed(item, { max: 9 }).safeParse([{ sku: "a" }, { sku: "b" }, { sku: "a" }]);
    expect(twice.error?.issues).toMatchObject([{ path: [2], message: 'another item of this array has the key ["a"]' }]);
    expect(embed(item, { max: 1 }).safeParse([{ sku: "a" }, { sku: "b" }]).success).toBe(false);
  });

  it.each<[string, unknown, string]>([
    ["transform", z.string().transform((text) => text.length), "field-type-unsupported"],
    ["map", z.map(z.string(), z.int()), "field-type-unsupported"],
    ["set", z.set(z.string()), "field-type-unsupported"],
    ["tuple", z.tuple([z.int()]), "field-type-unsupported"],
    ["custom", z.custom<string>(() => true), "field-type-unsupported"],
    ["uint64", z.uint64(), "field-type-unsupported"],
    ["date or text", z.union([z.date(), z.string()]), "field-type-unsupported"],
    ["loose object", z.looseObject({ a: z.int() }), "object-open"],
    ["array of undefined", z.array(z.int().optional()), "array-of-optional"],
    ["scale", decimal(19), "decimal-scale"],
    ["dotted name", z.object({ "a.b": z.int() }), "field-name"],
    ["dollar name", z.object({ $a: z.int() }), "field-name"],
  ])("refuse %s", (_, schema, code) => {
    expect(read(schema).codes).toEqual([code]);
  });

  it("refuse recursion that JSON cannot hold, and take recursion that it can", () => {
    interface Tree {
      readonly children: Tree[];
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }));
    expect(read(tree)).toMatchObject({ field: { kind: "json" }, codes: [] });
    const dated: z.ZodType = z.lazy(() => z.object({ at: z.date(), next: dated.optional() }));
    expect(read(dated).codes).toEqual(["field-type-unsupported"]);
    const node = z.object({
      get next() {
        return node.optional();
      },
    });
    expect(read(node).codes).toEqual(["field-type-unsupported"]);
  });
});
