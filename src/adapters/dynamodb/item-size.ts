import { KeyfoldError } from "../../internal/errors.js";
import type { AttributeValue, Item } from "./driver.js";

/** Bytes that an item may have: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const MAX_ITEM_BYTES = 400 * 1024;

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
  return 1;
}

function textBytes(text: string): number {
  return Buffer.byteLength(text);
}

/** A byte for two significant digits, one more, and one for a sign. */
function numberBytes(text: string): number {
  const digits = text
    .replace(/[eE].*$/, "")
    .replace(/[^0-9]/g, "")
    .replace(/^0+|0+$/g, "");
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith("-") ? 1 : 0);
}

/** Refuses an item that DynamoDB would refuse, before it is sent; gives its size. */
export function checkSize(item: Item, entity: string): number {
  const bytes = itemSize(item);
  if (bytes > MAX_ITEM_BYTES) {
    throw new KeyfoldError(
      "TOO_LARGE",
      `This ${entity} takes ${Math.ceil(bytes / 1024)} KiB; an item of DynamoDB holds 400 KiB.`,
      { fix: "Keep large values elsewhere and store where they are, or make what grows an entity of its own." },
    );
  }
  return bytes;
}
