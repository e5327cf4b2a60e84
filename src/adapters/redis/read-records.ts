import type { Deadline } from "../../internal/deadline.js";
import type { ReadCall, RecordData, Versioned } from "../port/adapter.js";
import type { StoredEntity } from "./write.js";

/** Keys of one request. */
const KEYS_PER_READ = 1_000;

/**
 * Records by key, one answer per key, in order: by one request, or one for each partition, all under way at once. Of an
 * entity whose records end it is a function of the library, which knows the server's time; else MGET.
 */
export async function readMany(
  keys: readonly RecordData[],
  { requests, entity, codec, keys: names }: StoredEntity,
  call: ReadCall,
  deadline: Deadline,
): Promise<readonly (Versioned | undefined)[]> {
  const found: (Versioned | undefined)[] = new Array(keys.length);
  const read = async (base: string, positions: readonly number[]): Promise<void> => {
    const asked = positions.map((position) => names.record(keys[position]!));
    const [command, args] =
      entity.expires === undefined
        ? ["MGET", asked]
        : ["FCALL_RO", [`${requests.library}_read`, String(asked.length), ...asked, entity.entity]];
    const texts = (await requests.read(base, command, args, asked[0]!, call, deadline)) as (string | null)[];
    // Decoded for each caller: two of them must not share one object.
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i]!;
      found[positions[i]!] = text === null ? undefined : codec.decode(text);
    }
  };
  const places = new Map<string, number[]>();
  for (const [position, key] of keys.entries()) {
    const base = names.base(key);
    const place = places.get(requests.link.cluster ? base : "");
    if (place === undefined) places.set(requests.link.cluster ? base : "", [position]);
    else place.push(position);
  }
  const reads: Promise<void>[] = [];
  for (const [base, positions] of places) {
    for (let from = 0; from < positions.length; from += KEYS_PER_READ)
      reads.push(read(base, positions.slice(from, from + KEYS_PER_READ)));
  }
  await Promise.all(reads);
  return found;
}
