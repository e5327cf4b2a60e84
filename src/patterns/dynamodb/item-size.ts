import { KeyfoldError } from "../../internal/errors.js";
import type { AttributeValue } from "./driver.js";

/** Bytes that an item may have: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
export const MAX_ITEM_BYTES = 400 * 1024;

/** Bytes of an item as DynamoDB counts them (manual: "DynamoDB item sizes and formats"). */
export function itemSize(item: { readonly [name: string]: AttributeValue }): number {
  let bytes = 0;
  for (const name in item) bytes += textBytes(name) + valueSize(item[name]!);
  return bytes;
}

function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return textBytes(value.S);
  if (value.N !== undefined) return numberBytes(value.N);
  if (value.B !== undefined) return value.B.byteLength;
  if (value.L !== undefined) return value.L.reduce((sum, one) => sum + 1 + valueSize(one), 3);
  if (value.M !== undefined) return itemSize(value.M) + 3 + Object.keys(value.M).length;
  if (value.SS !== undefined) return value.SS.reduce((sum, one) => sum + textBytes(one), 0);
  if (value.NS !== undefined) return value.NS.reduce((sum, one) => sum + numberBytes(one), 0);
  if (value.BS !== undefined) return value.BS.reduce((sum, one) => sum + one.byteLength, 0);
  return 1;
}

/** Bytes of a text in UTF-8. */
export function textBytes(text: string): number {
  return Buffer.byteLength(text);
}

/** Bytes of a number: one for two significant digits, one more, and one for a sign. */
export function numberBytes(text: string): number {
  const digits = text
    .replace(/[eE].*$/, "")
    .replace(/[^0-9]/g, "")
    .replace(/^0+|0+$/g, "");
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith("-") ? 1 : 0);
}

/** Refuses an item that DynamoDB would refuse, before it is sent; gives its size. `what` is its name in the message. */
export function checkSize(bytes: number, what: string): number {
  if (bytes <= MAX_ITEM_BYTES) return bytes;
  throw new KeyfoldError(
    "TOO_LARGE",
    `This ${what} takes ${Math.ceil(bytes / 1024)} KiB; an item of DynamoDB holds 400 KiB.`,
    { fix: "Keep large values elsewhere and store where they are, or make what grows an item of its own." },
  );
}
