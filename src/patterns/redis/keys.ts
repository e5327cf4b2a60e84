import { KeyfoldError } from "../../internal/errors.js";

/**
 * Part of a key between braces, so that all keys of one subject share a slot of a Cluster. Braces within it are
 * escaped: Redis takes the first `}` for the end, and hashes the whole key when nothing stands between.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTag(subject: string): string {
  if (typeof subject !== "string")
    throw new KeyfoldError("INPUT_INVALID", `A key is a string, not ${subject === null ? "null" : typeof subject}.`);
  return `{${/[%}]/.test(subject) || subject === "" ? `%${encodeURIComponent(subject)}` : subject}}`;
}

/** The subject of a key, from the text between its braces. */
export function subjectOf(key: string): string {
  const tag = key.slice(key.indexOf("{") + 1, key.lastIndexOf("}"));
  return tag.startsWith("%") ? decodeURIComponent(tag.slice(1)) : tag;
}

/** Checks the name that all keys of a pattern begin with. */
export function checkPrefix(prefix: string, option = "prefix"): string {
  if (typeof prefix === "string" && prefix !== "" && !/[{}]/.test(prefix)) return prefix;
  throw new KeyfoldError("INPUT_INVALID", `${option} is a text without braces, not ${JSON.stringify(prefix)}.`, {
    fix: "Braces are how Redis Cluster marks what a key is placed by; keyfold sets them itself.",
  });
}

/** Checks a number of an option: whole, and at least `min`. */
export function checkWhole(value: number, name: string, min = 1): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new KeyfoldError("INPUT_INVALID", `${name} is a whole number of at least ${min}, not ${String(value)}.`);
}
const crcTable = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a Cluster that a key lies in: CRC16 (XMODEM) of its hash tag, modulo 16,384. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const end = open < 0 ? -1 : key.indexOf("}", open);
  let crc = 0;
  for (const byte of Buffer.from(end > open + 1 ? key.slice(open + 1, end) : key))
    crc = ((crc << 8) & 0xffff) ^ crcTable[((crc >> 8) ^ byte) & 0xff]!;
  return crc & 16_383;
}
