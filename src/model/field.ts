/**
 * keyfold's own description of a record's fields: plain data, made from the zod schema when a model is defined.
 * Everything behind the model (plans, codecs, adapters) reads this and never the zod schema.
 */

/** Facts that hold for a field of any type. */
export interface FieldFacts {
  /** The record may be without it (`.optional()`). A field with a default is not optional: a stored record has it. */
  readonly optional: boolean;
  /** It may be null. */
  readonly nullable: boolean;
}

/** Text. Ordered by Unicode code points. */
export interface StringField extends FieldFacts {
  readonly kind: "string";
  /** Longest length, where the schema bounds it. */
  readonly maxLength?: number;
}
/** One of a fixed set of strings. Ordered as text, not by position. */
export interface EnumField extends FieldFacts {
  readonly kind: "enum";
  readonly values: readonly string[];
}
/** A whole number within ±(2^53 − 1), a `number` in JavaScript. */
export interface IntField extends FieldFacts {
  readonly kind: "int";
}
/** A whole number within the signed 64-bit range, a `bigint` in JavaScript. */
export interface Int64Field extends FieldFacts {
  readonly kind: "int64";
}
/** A finite 64-bit floating point number. */
export interface DoubleField extends FieldFacts {
  readonly kind: "double";
}
/** An exact decimal with a fixed number of digits after the point, a string such as "2.550" in JavaScript. */
export interface DecimalField extends FieldFacts {
  readonly kind: "decimal";
  readonly scale: number;
}
export interface BooleanField extends FieldFacts {
  readonly kind: "boolean";
}
/** A moment in milliseconds, a `Date` in JavaScript. */
export interface DateField extends FieldFacts {
  readonly kind: "date";
}
/** A `Uint8Array`. */
export interface BytesField extends FieldFacts {
  readonly kind: "bytes";
}
/** A UUID, a lower-case string with hyphens in JavaScript; engines with a type of its own use that. */
export interface UuidField extends FieldFacts {
  readonly kind: "uuid";
}
/** Elements of one type. */
export interface ArrayField extends FieldFacts {
  readonly kind: "array";
  readonly element: Field;
  /** Most elements that the schema admits; undefined: unbounded. */
  readonly maxItems?: number;
  /** Set for `embed`: the elements are records of this entity. */
  readonly embeds?: EmbeddedEntity;
}
/** What an embedded array holds. */
export interface EmbeddedEntity {
  readonly entity: string;
  /** The child's key: unique within the array. */
  readonly key: readonly string[];
  /** Elements in a typical record, where stated. */
  readonly typical?: number;
}
/** An object with known fields. */
export interface ObjectField extends FieldFacts {
  readonly kind: "object";
  readonly fields: Fields;
}
/** An object with free keys whose values are of one type (`z.record`). */
export interface MapField extends FieldFacts {
  readonly kind: "map";
  readonly value: Field;
}
/** Any JSON value. */
export interface JsonField extends FieldFacts {
  readonly kind: "json";
}

/** The description of one field. */
export type Field =
  | StringField
  | EnumField
  | IntField
  | Int64Field
  | DoubleField
  | DecimalField
  | BooleanField
  | DateField
  | BytesField
  | UuidField
  | ArrayField
  | ObjectField
  | MapField
  | JsonField;

export type FieldKind = Field["kind"];

/** Fields by name, in the schema's order. */
export interface Fields {
  readonly [name: string]: Field;
}

/** The field at a path such as "address.city", with `optional` and `nullable` true when any step on the way is. */
export function fieldAt(fields: Fields, path: string): Field | undefined {
  let at: Fields | undefined = fields;
  let found: Field | undefined;
  let optional = false;
  let nullable = false;
  for (const step of path.split(".")) {
    if (at === undefined || !Object.hasOwn(at, step)) return undefined;
    found = at[step];
    if (found === undefined) return undefined;
    optional ||= found.optional;
    nullable ||= found.nullable;
    at = found.kind === "object" ? found.fields : undefined;
  }
  return found === undefined ? undefined : { ...found, optional, nullable };
}
