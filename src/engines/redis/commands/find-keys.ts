/* Keys that specifications cannot find: options that name a key may stand anywhere, and the last one counts. */

/** SORT key … STORE destination. */
export function sortKeys(args: readonly string[]): number[] {
  const out = [1];
  let store = 0;
  for (let i = 2; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    if (option === "LIMIT") i += 2;
    else if (option === "GET" || option === "BY") i++;
    else if (option === "STORE" && i + 1 < args.length) store = ++i;
  }
  if (store > 0) out.push(store);
  return out;
}

/** GEORADIUS key … STORE destination, and its kin. */
export function radiusKeys(args: readonly string[]): number[] {
  let store = 0;
  for (let i = 5; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    if ((option === "STORE" || option === "STOREDIST") && i + 1 < args.length) store = ++i;
  }
  return store > 0 ? [1, store] : [1];
}
