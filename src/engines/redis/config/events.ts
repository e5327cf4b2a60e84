import * as db from "../data/database.js";

/** The letters of notify-keyspace-events, in the order in which Redis prints them. */
const letters: readonly (readonly [string, number])[] = [
  ["g", db.NOTIFY_GENERIC],
  ["$", db.NOTIFY_STRING],
  ["l", db.NOTIFY_LIST],
  ["s", db.NOTIFY_SET],
  ["h", db.NOTIFY_HASH],
  ["z", db.NOTIFY_ZSET],
  ["x", db.NOTIFY_EXPIRED],
  ["e", db.NOTIFY_EVICTED],
  ["t", db.NOTIFY_STREAM],
  ["d", db.NOTIFY_MODULE],
];

const all = letters.reduce((sum, [, bit]) => sum | bit, 0);

/** The bits of a value such as `KEA`, or undefined when a letter is unknown. */
export function parseEvents(text: string): number | undefined {
  let flags = 0;
  for (const letter of text) {
    if (letter === "A") flags |= all;
    else if (letter === "K") flags |= db.NOTIFY_KEYSPACE;
    else if (letter === "E") flags |= db.NOTIFY_KEYEVENT;
    else if (letter === "m") flags |= db.NOTIFY_MISS;
    else if (letter === "n") flags |= db.NOTIFY_NEW;
    else {
      const bit = letters.find(([name]) => name === letter)?.[1];
      if (bit === undefined) return undefined;
      flags |= bit;
    }
  }
  return flags;
}

/** The value as CONFIG GET prints it. */
export function formatEvents(flags: number): string {
  let out = "";
  if ((flags & all) === all) out = "A";
  else {
    for (const [name, bit] of letters) if (flags & bit) out += name;
    if (flags & db.NOTIFY_NEW) out += "n";
  }
  if (flags & db.NOTIFY_KEYSPACE) out += "K";
  if (flags & db.NOTIFY_KEYEVENT) out += "E";
  if (flags & db.NOTIFY_MISS) out += "m";
  return out;
}
