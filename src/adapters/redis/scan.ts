import type { Deadline } from "../../internal/deadline.js";
import type { Link } from "../../patterns/redis/link.js";
import { tagText } from "../../plan/redis/encoding.js";
import type { StoredEntity } from "../../plan/redis/library.js";

/** Keys that one SCAN looks at: it does not hold the server up for long. */
const SCAN_COUNT = 1_000;

/** What all keys of an entity begin with, without the partition's part. */
export function headOf(prefix: string, entity: StoredEntity): string {
  return `${prefix}:{${tagText(entity.storedAs)}`;
}

/** A text as it stands, in a pattern of SCAN. */
export function glob(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}

/** Every key of the server that begins like this; a key may come twice. */
export async function* scan(link: Link, pattern: string, deadline: () => Deadline): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    using step = deadline();
    const reply = (await step.run(() =>
      link.send(undefined, "SCAN", [cursor, "MATCH", pattern, "COUNT", String(SCAN_COUNT)], false),
    )) as [unknown, string[]];
    cursor = String(reply[0]);
    yield reply[1];
  } while (cursor !== "0");
}
