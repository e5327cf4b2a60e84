import { KeyfoldError } from "../../internal/errors.js";
import type { ItemForm } from "../dynamodb/batches.js";
import type { Item } from "../dynamodb/driver.js";
import { itemSize, numberBytes, textBytes } from "../dynamodb/item-size.js";

/** An item or a key as a document client has it. */
export type NativeItem = Readonly<Record<string, unknown>>;

/** Items as attribute values: what a plain client takes. */
export function attributeForm(key: readonly string[]): ItemForm<Item> {
  return {
    size: itemSize,
    key: (item) =>
      keyText(key, item, (value) => {
        if (value?.S !== undefined) return value.S;
        if (value?.N !== undefined) return canonicalNumber(value.N);
        return value?.B === undefined ? undefined : Buffer.from(value.B).toString("base64");
      }),
  };
}

/** Items as plain values: what a document client takes. */
export function nativeForm(key: readonly string[]): ItemForm<NativeItem> {
  return {
    size: nativeSize,
    key: (item) =>
      keyText(key, item, (value) => {
        if (typeof value === "string") return value;
        const number = numberText(value);
        if (number !== undefined) return canonicalNumber(number);
        return ArrayBuffer.isView(value)
          ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
          : undefined;
      }),
  };
}

/** An attribute of a key has one type in all of a table, so that its text alone tells values apart. */
function keyText<Value>(
  key: readonly string[],
  item: { readonly [attribute: string]: Value },
  textOf: (value: Value | undefined) => string | undefined,
): string {
  const texts = key.map((name) => {
    const text = textOf(item[name]);
    if (text !== undefined && text !== "") return text;
    throw new KeyfoldError("INPUT_INVALID", `The item has no usable ${name}, which is part of its table's key.`, {
      fix: "A key is a text, a number or bytes, and never empty.",
      data: { attribute: name },
    });
  });
  return JSON.stringify(texts);
}

/** Equal for equal numbers, however they are spelled: "1e2" and "100.0" are "100". */
export function canonicalNumber(text: string): string {
  const match = /^([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = "", power = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  const trimmed = digits.replace(/0+$/, "");
  if (trimmed === "") return "0";
  // The number is 0.trimmed × 10^point.
  const point = digits.length - fraction.length + Number(power);
  const minus = sign === "-" ? "-" : "";
  if (point <= 0) return `${minus}0.${"0".repeat(Math.min(-point, 130))}${trimmed}`;
  if (point >= trimmed.length) return minus + trimmed + "0".repeat(Math.min(point - trimmed.length, 130));
  return `${minus}${trimmed.slice(0, point)}.${trimmed.slice(point)}`;
}

/** A number of any of the SDK's kinds as text; undefined: it is none. */
function numberText(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  // NumberValue of the SDK, of whatever copy.
  const inner = (value as { readonly value?: unknown } | null | undefined)?.value;
  return typeof inner === "string" && "toAttributeValue" in (value as object) ? inner : undefined;
}

/** Bytes of an item, as DynamoDB counts what the SDK makes of it. */
function nativeSize(item: object): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item))
    if (value !== undefined) bytes += textBytes(name) + nativeValueSize(value);
  return bytes;
}

function nativeValueSize(value: unknown): number {
  if (typeof value === "string") return textBytes(value);
  const number = numberText(value);
  if (number !== undefined) return numberBytes(number);
  if (typeof value !== "object" || value === null) return 1;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (value instanceof Blob) return value.size;
  if (value instanceof Set) return [...value].reduce<number>((sum, one) => sum + nativeValueSize(one), 0);
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + 1 + nativeValueSize(one), 3);
  const members = value instanceof Map ? Object.fromEntries(value) : value;
  return nativeSize(members) + 3 + Object.keys(members).length;
}
