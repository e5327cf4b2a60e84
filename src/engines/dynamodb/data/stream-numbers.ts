/** Numbers of a stream's records: as keys of its tree, and as the texts that clients see. */

const numberBytes = 7;

/** The key of the record with this number; that of 0 comes before all records. */
export function recordKey(number: number): string {
  let key = "";
  for (let at = numberBytes - 1; at >= 0; at--) key += String.fromCharCode(Math.floor(number / 256 ** at) % 256);
  return key;
}

export function recordNumber(key: string): number {
  let number = 0;
  for (let at = 0; at < numberBytes; at++) number = number * 256 + key.charCodeAt(at);
  return number;
}

/** Numbers of records as a stream tells them: texts of one length, so that they are in the order of texts too. */
export function sequenceText(number: number): string {
  return `1${String(number).padStart(20, "0")}`;
}

/** The number in such a text; undefined for another text. */
export function sequenceNumber(text: string): number | undefined {
  return /^1[0-9]{20}$/.test(text) ? Number(text.slice(1)) : undefined;
}
