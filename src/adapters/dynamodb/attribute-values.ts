import { KeyfoldError } from "../../internal/errors.js";
import type { Field, Fields } from "../../model/field.js";
import type { AttributeValue } from "../../patterns/dynamodb/driver.js";

/** Values of fields ↔ attribute values. Numbers are exact: what DynamoDB cannot hold is refused, never rounded. */
export type Encode = (value: unknown) => AttributeValue;
export type Decode = (value: AttributeValue) => unknown;

const NULL: AttributeValue = { NULL: true };
const TRUE: AttributeValue = { BOOL: true };
const FALSE: AttributeValue = { BOOL: false };
/** Largest and smallest magnitudes of DynamoDB's numbers (manual: "Supported data types, number"). */
const LARGEST = 9.999_999_999_999_999e125;
const SMALLEST = 1e-130;

/** Compiles the encoder of a field. */
export function compileEncoder(field: Field): Encode {
  const encode = compileValue(field);
  return field.nullable ? (value) => (value === null ? NULL : encode(value)) : encode;
}

function compileValue(field: Field): Encode {
  switch (field.kind) {
    case "string":
    case "enum":
      return (value) => ({ S: value as string });
    case "uuid":
      return (value) => ({ S: (value as string).toLowerCase() });
    case "int":
    case "int64":
      return (value) => ({ N: String(value === 0 ? 0 : value) });
    case "double":
      return (value) => ({ N: doubleText(value as number) });
    case "decimal":
      return (value) => ({ N: value as string });
    case "boolean":
      return (value) => (value === true ? TRUE : FALSE);
    case "date":
      return (value) => ({ S: (value as Date).toISOString() });
    case "bytes":
      return (value) => ({ B: value as Uint8Array });
    case "array": {
      const element = compileEncoder(field.element);
      return (value) => ({ L: (value as readonly unknown[]).map(element) });
    }
    case "map": {
      const member = compileEncoder(field.value);
      return (value) => ({ M: mapMembers(value as object, member) });
    }
    case "object":
      return compileObject(field.fields);
    case "json":
      return encodeJson;
    default:
      return field satisfies never;
  }
}

function compileObject(fields: Fields): Encode {
  const members = Object.entries(fields).map(([name, field]) => [name, compileEncoder(field)] as const);
  return (value) => {
    const object: Record<string, AttributeValue> = {};
    for (const [name, encode] of members) {
      const member = (value as Record<string, unknown>)[name];
      if (member !== undefined) object[name] = encode(member);
    }
    return { M: object };
  };
}

function mapMembers(value: object, encode: Encode): Record<string, AttributeValue> {
  const members: Record<string, AttributeValue> = {};
  for (const [name, member] of Object.entries(value)) if (member !== undefined) members[name] = encode(member);
  return members;
}

function doubleText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size > LARGEST || size < SMALLEST)) {
    throw new KeyfoldError("OUT_OF_RANGE", `${value} is beyond DynamoDB's numbers, which end at 1e-130 and 9.99e125.`);
  }
  return value === 0 ? "0" : String(value);
}

function encodeJson(value: unknown): AttributeValue {
  switch (typeof value) {
    case "string":
      return { S: value };
    case "number":
      return { N: doubleText(value) };
    case "boolean":
      return value ? TRUE : FALSE;
    default:
      if (value === null || value === undefined) return NULL;
      return Array.isArray(value) ? { L: value.map(encodeJson) } : { M: mapMembers(value, encodeJson) };
  }
}

/** A stored value that is not of its field's type, and where it is. */
export class Misfit extends Error {
  readonly path: (string | number)[] = [];
}

/** Runs a decoder of a part, and notes which part it was where it does not fit. */
function inside<T>(step: string | number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof Misfit) error.path.unshift(step);
    throw error;
  }
}

/** Compiles the decoder of a field. */
export function compileDecoder(field: Field): Decode {
  const decode = compileStored(field);
  return field.nullable ? (value) => (value.NULL === true ? null : decode(value)) : decode;
}

function compileStored(field: Field): Decode {
  switch (field.kind) {
    case "string":
    case "enum":
    case "uuid":
      return (value) => value.S ?? misfit(field.kind, value);
    case "int":
    case "double":
      return (value) => (value.N === undefined ? misfit(field.kind, value) : Number(value.N));
    case "int64":
      return (value) => (value.N === undefined ? misfit(field.kind, value) : BigInt(plainNumber(value.N)));
    case "decimal":
      return (value) =>
        value.N === undefined ? misfit(field.kind, value) : scaledText(plainNumber(value.N), field.scale);
    case "boolean":
      return (value) => value.BOOL ?? misfit(field.kind, value);
    case "date":
      return (value) => {
        const date = new Date(value.S ?? misfit(field.kind, value));
        return Number.isNaN(date.getTime()) ? misfit(field.kind, value) : date;
      };
    case "bytes":
      return (value) => value.B ?? misfit(field.kind, value);
    case "array": {
      const element = compileDecoder(field.element);
      return (value) => (value.L ?? misfit(field.kind, value)).map((one, index) => inside(index, () => element(one)));
    }
    case "map": {
      const member = compileDecoder(field.value);
      return (value) =>
        Object.fromEntries(
          Object.entries(value.M ?? misfit(field.kind, value)).map(([name, one]) => [
            name,
            inside(name, () => member(one)),
          ]),
        );
    }
    case "object": {
      const members = Object.entries(field.fields).map(
        ([name, inner]) => [name, inner, compileDecoder(inner)] as const,
      );
      return (value) => {
        const stored = value.M ?? misfit(field.kind, value);
        const object: Record<string, unknown> = {};
        for (const [name, inner, decode] of members) {
          const member = stored[name];
          if (member !== undefined) object[name] = inside(name, () => decode(member));
          else if (!inner.optional) inside(name, () => misfit(inner.kind, undefined));
        }
        return object;
      };
    }
    case "json":
      return decodeJson;
    default:
      return field satisfies never;
  }
}

function decodeJson(value: AttributeValue): unknown {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.L !== undefined) return value.L.map(decodeJson);
  if (value.M !== undefined)
    return Object.fromEntries(Object.entries(value.M).map(([name, one]) => [name, decodeJson(one)]));
  return null;
}

const typeNames: { readonly [tag: string]: string } = {
  S: "a string",
  N: "a number",
  B: "bytes",
  BOOL: "a boolean",
  NULL: "null",
  L: "a list",
  M: "a map",
  SS: "a set of strings",
  NS: "a set of numbers",
  BS: "a set of bytes",
};

/** Refuses a stored value; undefined: there is none. */
export function misfit(kind: string, value: AttributeValue | undefined): never {
  const found = value === undefined ? "nothing" : (typeNames[Object.keys(value)[0] ?? ""] ?? "something else");
  throw new Misfit(`expected a value of type ${kind}, found ${found}`);
}

/** DynamoDB's answer to a number, without an exponent: "1.5E+3" is "1500". */
export function plainNumber(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = "", power = "0"] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(power);
  if (point >= digits.length) return sign + digits.padEnd(point, "0");
  const padded = point <= 0 ? digits.padStart(digits.length - point + 1, "0") : digits;
  const at = point <= 0 ? 1 : point;
  return `${sign}${padded.slice(0, at)}.${padded.slice(at)}`;
}

/** A decimal with exactly `scale` digits after the point. */
function scaledText(text: string, scale: number): string {
  const [whole = "0", fraction = ""] = text.split(".");
  const kept = fraction.replace(/0+$/, "");
  if (kept.length > scale) throw new Misfit(`${text} has more than ${scale} digits after the point`);
  return scale === 0 ? whole : `${whole}.${kept.padEnd(scale, "0")}`;
}
