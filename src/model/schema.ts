import type { Issue } from "../internal/errors.js";
import type { Field, Fields } from "./field.js";
import { isJson, mergeAlternatives } from "./merge-fields.js";
import {
  type CheckDefinition,
  checksOf,
  type Definition,
  enumEntries,
  isNode,
  isPlain,
  type OwnKind,
  ownKind,
  smallest,
  type ZodNode,
} from "./zod-node.js";

/** A field's description, and whether the schema says no more than it (see EntityData.validation). */
interface Read {
  readonly field: Field;
  readonly plain: boolean;
}

type Path = readonly (string | number)[];

/** Reads zod schemas into field descriptions; mistakes are collected in `issues`. */
export class SchemaReader {
  readonly #issues: Issue[];
  /** Schemas on the way down to the present one, to see recursion; lazy ones note whether they recurred. */
  readonly #open = new Map<unknown, { recurred: boolean; lazy: boolean }>();

  constructor(issues: Issue[]) {
    this.#issues = issues;
  }

  /** The fields of an entity's schema; undefined when it is not one of an object. */
  record(schema: unknown, path: Path): { readonly fields: Fields; readonly plain: boolean } | undefined {
    if (!isNode(schema)) {
      this.#issue(
        "schema-not-zod",
        path,
        "the schema is not a zod 4 schema",
        "Give a schema made with zod 4, such as z.object({ … }).",
      );
      return undefined;
    }
    const before = this.#issues.length;
    const { field, plain } = this.#read(schema, path);
    if (field.kind === "object" && !field.optional && !field.nullable) return { fields: field.fields, plain };
    if (this.#issues.length === before) {
      this.#issue(
        "schema-not-object",
        path,
        "a record's schema must be one of an object",
        "Use z.object({ … }), or a union of objects.",
      );
    }
    return undefined;
  }

  #issue(code: string, path: Path, message: string, fix: string): void {
    this.#issues.push({ code, path, message, fix });
  }

  #unsupported(what: string, path: Path, fix: string): Read {
    this.#issue("field-type-unsupported", path, `${what} cannot be stored alike on every engine`, fix);
    // A stand-in, so that the other mistakes are found in the same run.
    return { field: { kind: "json", optional: false, nullable: false }, plain: false };
  }

  #read(schema: ZodNode, path: Path): Read {
    const entered = this.#open.get(schema);
    if (entered !== undefined) {
      entered.recurred = true;
      if (entered.lazy) return { field: json, plain: false };
      return this.#unsupported(
        "a recursive object",
        path,
        "Use z.json() for free-form data, or an entity of its own with a list pattern.",
      );
    }
    const state = { recurred: false, lazy: schema._zod.def.type === "lazy" };
    this.#open.set(schema, state);
    try {
      const read = this.#describe(schema, path);
      if (!state.lazy || !state.recurred) return read;
      if (!isJson(read.field)) {
        return this.#unsupported(
          "a recursive schema with values that JSON does not have",
          path,
          "Use z.json(), with dates and bytes as text.",
        );
      }
      return { field: { ...json, nullable: read.field.nullable, optional: read.field.optional }, plain: false };
    } finally {
      this.#open.delete(schema);
    }
  }

  #describe(schema: ZodNode, path: Path): Read {
    const def = schema._zod.def;
    const own = ownKind(schema);
    if (own?.kind === "decimal") {
      const scale = own.scale;
      if (!Number.isInteger(scale) || scale < 0 || scale > 18) {
        this.#issue(
          "decimal-scale",
          path,
          `a decimal cannot have ${scale} digits after the point`,
          "Give a whole number from 0 to 18.",
        );
      }
      // Refinements behind decimal(…) come as further checks; decimal itself has two.
      return { field: { kind: "decimal", scale, ...required }, plain: checksOf(def).length <= 2 };
    }
    if (own?.kind === "bytes") return { field: { kind: "bytes", ...required }, plain: checksOf(def).length === 0 };

    switch (def.type) {
      case "string":
      case "template_literal":
        return this.#string(def);
      case "number":
        return this.#number(def, path);
      case "bigint":
        return this.#bigint(def, path);
      case "boolean":
        return { field: { kind: "boolean", ...required }, plain: isPlain(def) };
      case "date":
        return { field: { kind: "date", ...required }, plain: isPlain(def) };
      case "any":
      case "unknown":
        return { field: { ...json, nullable: true, optional: true }, plain: isPlain(def) };
      case "enum":
        return this.#values(Object.values(enumEntries(def)), def, path);
      case "literal":
        return this.#values(def["values"] as unknown[], def, path);
      case "array":
        return this.#array(def, own, path);
      case "object":
        return this.#object(def, path);
      case "record":
        return this.#map(def, path);
      case "union":
        return this.#union(def, path);
      case "intersection":
        return this.#intersection(def, path);
      case "lazy":
        return this.#read((def["getter"] as () => ZodNode)(), path);
      case "pipe":
        return { ...this.#read(def["out"] as ZodNode, path), plain: false };
      case "transform":
        return this.#unsupported(
          "the result of a transform, whose type is not known,",
          path,
          "Say what it gives: .transform(…).pipe(z.string()).",
        );
      case "optional":
        return flagged(this.#inner(def, path), { optional: true });
      case "nullable":
        return flagged(this.#inner(def, path), { nullable: true });
      case "nonoptional":
        return { ...flagged(this.#inner(def, path), { optional: false }), plain: false };
      case "default":
      case "prefault":
        return { ...flagged(this.#inner(def, path), { optional: false }), plain: false };
      case "catch":
        return { ...this.#inner(def, path), plain: false };
      case "readonly":
        return this.#inner(def, path);
      case "custom":
        return this.#unsupported(
          "a custom type",
          path,
          "Use bytes() for a Uint8Array, decimal(scale) for an exact number, or a zod type.",
        );
      default:
        return this.#unsupported(
          `z.${def.type}()`,
          path,
          "Use a string, number, bigint, boolean, date, decimal, bytes, uuid, array, object, record or JSON field.",
        );
    }
  }

  #inner(def: Definition, path: Path): Read {
    return this.#read(def["innerType"] as ZodNode, path);
  }

  #string(def: Definition): Read {
    const formats = [def as CheckDefinition, ...checksOf(def)].map((check) => check.format);
    if (formats.includes("uuid") || formats.includes("guid")) {
      // Versions are narrower than what a codec checks, and so are further checks.
      const plain =
        formats.length === (def["format"] === undefined ? 2 : 1) &&
        def["version"] === undefined &&
        def["coerce"] !== true;
      return { field: { kind: "uuid", ...required }, plain };
    }
    const maxLength = smallest(checksOf(def));
    return {
      field: { kind: "string", ...required, ...(maxLength === undefined ? {} : { maxLength }) },
      plain: def.type === "string" && def["format"] === undefined && isPlain(def),
    };
  }

  #number(def: Definition, path: Path): Read {
    const formats = [def as CheckDefinition, ...checksOf(def)].flatMap((check) => check.format ?? []);
    const others = checksOf(def).filter((check) => check.format === undefined).length;
    const coerced = def["coerce"] === true;
    if (formats.some((format) => format === "safeint" || format === "int32" || format === "uint32")) {
      return {
        field: { kind: "int", ...required },
        plain: !coerced && others === 0 && formats.every((format) => format === "safeint"),
      };
    }
    if (formats.every((format) => format === "float32" || format === "float64")) {
      return {
        field: { kind: "double", ...required },
        plain: !coerced && others === 0 && !formats.includes("float32"),
      };
    }
    return this.#unsupported(`a number of format ${formats.join(", ")}`, path, "Use z.int() or z.number().");
  }

  #bigint(def: Definition, path: Path): Read {
    const formats = [def as CheckDefinition, ...checksOf(def)].flatMap((check) => check.format ?? []);
    if (formats.includes("uint64"))
      return this.#unsupported("an unsigned 64-bit number", path, "Use z.int64(), or decimal(0).");
    const others = checksOf(def).filter((check) => check.format === undefined).length;
    return { field: { kind: "int64", ...required }, plain: def["coerce"] !== true && others === 0 };
  }

  #values(values: readonly unknown[], def: Definition, path: Path): Read {
    const nullable = values.includes(null);
    const optional = values.includes(undefined);
    const rest = values.filter((value) => value !== null && value !== undefined);
    const flags = { optional, nullable };
    if (rest.length > 0 && rest.every((value) => typeof value === "string")) {
      return { field: { kind: "enum", values: rest as string[], ...flags }, plain: isPlain(def) };
    }
    if (rest.length > 0 && rest.every((value) => Number.isSafeInteger(value)))
      return { field: { kind: "int", ...flags }, plain: false };
    if (rest.length > 0 && rest.every((value) => typeof value === "number"))
      return { field: { kind: "double", ...flags }, plain: false };
    if (rest.length > 0 && rest.every((value) => typeof value === "boolean"))
      return { field: { kind: "boolean", ...flags }, plain: false };
    if (rest.length > 0 && rest.every((value) => typeof value === "bigint"))
      return { field: { kind: "int64", ...flags }, plain: false };
    if (rest.every((value) => typeof value !== "bigint")) return { field: { ...json, ...flags }, plain: false };
    return this.#unsupported("a choice of values of several types", path, "Use values of one type.");
  }

  #array(def: Definition, own: OwnKind | undefined, path: Path): Read {
    const element = this.#read(def["element"] as ZodNode, [...path, 0]);
    if (element.field.optional) {
      this.#issue(
        "array-of-optional",
        path,
        "an array's element cannot be undefined",
        "Make the element .nullable() instead of .optional().",
      );
    }
    const embed = own?.kind === "embed" ? own : undefined;
    const maxItems = smallest(checksOf(def));
    if (embed !== undefined && !(Number.isInteger(embed.max) && embed.max > 0)) {
      this.#issue(
        "embed-max",
        path,
        `embed cannot hold at most ${embed.max} children`,
        "Give a whole number of at least 1 as max.",
      );
    }
    if (embed?.typical !== undefined && !(embed.typical >= 0 && embed.typical <= embed.max)) {
      this.#issue(
        "embed-typical",
        path,
        `typical (${embed.typical}) does not lie between 0 and max (${embed.max})`,
        "Give the number of children of a typical parent.",
      );
    }
    return {
      field: {
        kind: "array",
        element: element.field,
        ...required,
        ...(maxItems === undefined ? {} : { maxItems }),
        ...(embed === undefined
          ? {}
          : {
              embeds: {
                entity: embed.entity,
                key: embed.key,
                ...(embed.typical === undefined ? {} : { typical: embed.typical }),
              },
            }),
      },
      plain: element.plain && isPlain(def),
    };
  }

  #object(def: Definition, path: Path): Read {
    const fields: Record<string, Field> = {};
    let plain = isPlain(def) && def["catchall"] === undefined;
    for (const [name, schema] of Object.entries(def["shape"] as Record<string, ZodNode>)) {
      const at = [...path, name];
      if (name === "" || name.includes(".") || name.startsWith("$") || name.includes("\0") || name === "__proto__") {
        this.#issue(
          "field-name",
          at,
          `${JSON.stringify(name)} cannot be a field's name on every engine`,
          "Use a name without a dot, a leading $ or a zero byte.",
        );
      }
      const read = this.#read(schema, at);
      fields[name] = read.field;
      plain &&= read.plain;
    }
    const catchall = def["catchall"] as ZodNode | undefined;
    if (catchall !== undefined && catchall._zod.def.type !== "never") {
      this.#issue(
        "object-open",
        path,
        "fields that the schema does not name cannot be kept",
        "Name them, or put them in a field of z.record(z.string(), …) or z.json().",
      );
    }
    return { field: { kind: "object", fields, ...required }, plain };
  }

  #map(def: Definition, path: Path): Read {
    const keys = (def["keyType"] as ZodNode)._zod.def;
    if (keys.type !== "string" && keys.type !== "enum" && keys.type !== "literal") {
      return this.#unsupported("a record whose keys are not text", path, "Use z.record(z.string(), …).");
    }
    const value = this.#read(def["valueType"] as ZodNode, path);
    const freeKeys = keys.type === "string" && keys["format"] === undefined && isPlain(keys);
    return {
      field: { kind: "map", value: flagged(value, { optional: false }).field, ...required },
      plain: value.plain && freeKeys && isPlain(def),
    };
  }

  #union(def: Definition, path: Path): Read {
    const reads = (def["options"] as ZodNode[])
      .filter((option) => option._zod.def.type !== "null" && option._zod.def.type !== "undefined")
      .map((option) => this.#read(option, path));
    const types = (def["options"] as ZodNode[]).map((option) => option._zod.def.type);
    const flags = {
      nullable: types.includes("null") || reads.some((read) => read.field.nullable),
      optional: types.includes("undefined") || reads.some((read) => read.field.optional),
    };
    const [first, ...others] = reads;
    if (first === undefined) return this.#unsupported("a field that is always null", path, "Leave the field out.");
    const merged = others.reduce<Field | undefined>(
      (field, read) => field && mergeAlternatives(field, read.field),
      first.field,
    );
    if (merged !== undefined)
      return { field: { ...merged, ...flags }, plain: others.length === 0 && first.plain && isPlain(def) };
    if (reads.every((read) => isJson(read.field))) return { field: { ...json, ...flags }, plain: false };
    return this.#unsupported("a union of types that share no storage form", path, "Use one type, or a field for each.");
  }

  #intersection(def: Definition, path: Path): Read {
    const left = this.#read(def["left"] as ZodNode, path);
    const right = this.#read(def["right"] as ZodNode, path);
    if (left.field.kind === "object" && right.field.kind === "object") {
      return {
        field: { kind: "object", fields: { ...left.field.fields, ...right.field.fields }, ...required },
        plain: false,
      };
    }
    return this.#unsupported("an intersection of other types than objects", path, "Use one type.");
  }
}

const required = { optional: false, nullable: false } as const;
const json: Field = { kind: "json", ...required };

function flagged(read: Read, flags: { optional?: boolean; nullable?: boolean }): Read {
  return { ...read, field: { ...read.field, ...flags } };
}
