import { KeyfoldError } from "../../internal/errors.js";
import type { Field, Fields } from "../../model/field.js";
import type { RecordData } from "../port/adapter.js";
import type { BsonValues, DecimalValue } from "./bson-values.js";
import { encodeDecimal } from "./decimal128.js";
import type { Doc } from "./driver.js";

/** Turns a value of a record into what the driver serializes. Adds an upper bound of its bytes to `size.bytes`. */
export type Encode = (value: unknown) => unknown;

/** Bytes that the encoders of the current document have asked for, at most. One document is encoded at a time. */
export const size = { bytes: 0 };

/** Compiles the encoder of a field's type. */
export function compileEncoder(field: Field, values: BsonValues): Encode {
  const encode = compileValue(field, values);
  if (!field.nullable) return encode;
  return (value) => {
    if (value !== null) return encode(value);
    size.bytes += 1;
    return null;
  };
}

function compileValue(field: Field, values: BsonValues): Encode {
  switch (field.kind) {
    case "string":
    case "enum":
      return (value) => {
        // Three bytes are the most that one UTF-16 unit takes in UTF-8.
        size.bytes += 5 + 3 * (value as string).length;
        return value;
      };
    case "int":
      return (value) => {
        size.bytes += 8;
        const number = value as number;
        return (number | 0) === number ? number | 0 : values.longOfNumber(number);
      };
    case "int64":
      return (value) => {
        size.bytes += 8;
        return values.longOfBigInt(value as bigint);
      };
    case "double":
      return (value) => {
        size.bytes += 8;
        // The driver would store a whole number as an int32.
        return Number.isInteger(value) ? values.double(value as number) : value;
      };
    case "decimal":
      return compileDecimal(field.scale, values);
    case "boolean":
      return (value) => {
        size.bytes += 1;
        return value;
      };
    case "date":
      return (value) => {
        size.bytes += 8;
        return value;
      };
    case "bytes":
      return (value) => {
        size.bytes += 5 + (value as Uint8Array).length;
        return values.binary(value as Uint8Array);
      };
    case "uuid":
      return (value) => {
        size.bytes += 21;
        return values.uuid(Buffer.from((value as string).replaceAll("-", ""), "hex"));
      };
    case "array": {
      const element = compileEncoder(field.element, values);
      return (value) => {
        const items = value as readonly unknown[];
        size.bytes += 5 + 12 * items.length;
        return items.map(element);
      };
    }
    case "object":
      return compileFields(field.fields, values);
    case "map": {
      const inner = compileEncoder(field.value, values);
      return (value) => {
        const doc: Doc = Object.create(null);
        size.bytes += 5;
        for (const [name, item] of Object.entries(value as object)) {
          if (item === undefined) continue;
          doc[checkName(name)] = inner(item);
          size.bytes += 2 + 3 * name.length;
        }
        return doc;
      };
    }
    case "json":
      return encodeJson;
    default:
      return field satisfies never;
  }
}

function compileDecimal(scale: number, values: BsonValues): Encode {
  // Prices and amounts repeat; the values are immutable and may be shared.
  const recent = new Map<string, DecimalValue>();
  return (value) => {
    size.bytes += 16;
    const text = value as string;
    const known = recent.get(text);
    if (known !== undefined) return known;
    const bytes = encodeDecimal(text, scale);
    if (bytes === undefined) {
      throw new KeyfoldError(
        "OUT_OF_RANGE",
        `${JSON.stringify(text)} does not fit a decimal with ${scale} digits after the point and 34 digits in all.`,
        {
          fix: "Round the amount, or give the field a larger scale.",
        },
      );
    }
    const decimal = values.decimal(bytes);
    if (recent.size >= 2_048) recent.clear();
    recent.set(text, decimal);
    return decimal;
  };
}

function compileFields(fields: Fields, values: BsonValues): Encode {
  const names = Object.keys(fields);
  const encoders = names.map((name) => compileEncoder(fields[name]!, values));
  const bytes = names.reduce((sum, name) => sum + 2 + 3 * name.length, 5);
  return (value) => {
    const record = value as RecordData;
    const doc: Doc = {};
    size.bytes += bytes;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const item = record[name];
      if (item !== undefined) doc[name] = encoders[i]!(item);
    }
    return doc;
  };
}

function encodeJson(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      size.bytes += 5 + 3 * value.length;
      return value;
    case "object": {
      if (value === null) return null;
      if (Array.isArray(value)) {
        size.bytes += 5 + 12 * value.length;
        return value.map(encodeJson);
      }
      const doc: Doc = Object.create(null);
      size.bytes += 5;
      for (const [name, item] of Object.entries(value)) {
        if (item === undefined) continue;
        doc[checkName(name)] = encodeJson(item);
        size.bytes += 2 + 3 * name.length;
      }
      return doc;
    }
    default:
      size.bytes += 8;
      return value;
  }
}

function checkName(name: string): string {
  if (name.includes("\0")) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      `The name ${JSON.stringify(name)} holds a NUL character, which BSON cannot store in names.`,
    );
  }
  return name;
}
