/** A key's values as one text: equal for equal keys of one table only. */
export function keyName(key: readonly unknown[]): string {
  let name = "";
  for (const value of key) {
    const text = keyText(value);
    name += `${text.length}:${text}`;
  }
  return name;
}

function keyText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return String(value.getTime());
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}
