/** Keeps what was parsed, up to a bound; programs send few different texts. What comes of a text is never changed. */
export function remembered<A extends readonly string[], T>(
  parse: (...texts: A) => T,
  most = 2_000,
): (...texts: A) => T {
  const kept = new Map<string, T>();
  return (...texts) => {
    const key = texts.length === 1 ? (texts[0] as string) : texts.join("\0");
    let result = kept.get(key);
    if (result === undefined) {
      result = parse(...texts);
      if (kept.size >= most) kept.clear();
      kept.set(key, result);
    }
    return result;
  };
}
