import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { ReadCall, RecordData, Versioned } from "../port/adapter.js";
import type { StoredDocument } from "./codec.js";
import { firstBatch, isOpen } from "./reply.js";
import type { StoredEntity } from "./write.js";

/** Keys of one find command. */
export const KEYS_PER_READ = 1_000;

/** Records by key: one answer per key, in order. */
export async function readMany(
  keys: readonly RecordData[],
  entity: StoredEntity,
  call: ReadCall,
  deadline: Deadline,
): Promise<readonly (Versioned | undefined)[]> {
  if (keys.length === 1) return [await readOne(keys[0]!, entity, call, deadline)];
  if (call.consistency === "strong") {
    // A linearizable read names one document.
    return await Promise.all(keys.map((key) => readOne(key, entity, call, deadline)));
  }
  const { codec } = entity;
  const texts = keys.map((key) => codec.keyText(key));
  const wanted = new Map<string, RecordData>();
  for (let i = 0; i < keys.length; i++) wanted.set(texts[i]!, keys[i]!);
  const distinct = [...wanted.values()];
  const found = new Map<string, Uint8Array>();
  for (let from = 0; from < distinct.length; from += KEYS_PER_READ) {
    await readChunk(distinct.slice(from, from + KEYS_PER_READ), entity, call, deadline, found);
  }
  return texts.map((text) => {
    const bytes = found.get(text);
    // Decoded for each caller: two of them must not share one object.
    return bytes === undefined ? undefined : codec.decodeStored(bytes);
  });
}

/** What is stored under one key. */
export async function readOne(
  key: RecordData,
  { requests, collection: { name }, codec, ends }: Pick<StoredEntity, "requests" | "collection" | "codec" | "ends">,
  call: ReadCall,
  deadline: Deadline,
): Promise<StoredDocument | undefined> {
  const id = { _id: codec.encodeId(key) };
  const reply = await requests.read(
    { find: name, filter: ends === undefined ? id : { ...id, ...ends.no }, limit: 1, singleBatch: true },
    name,
    call,
    deadline,
  );
  const bytes = firstBatch(reply)[0];
  return bytes === undefined ? undefined : codec.decodeStored(bytes);
}

/** Adds to `found`, by the key's text, the documents of at most {@link KEYS_PER_READ} keys. */
export async function readChunk(
  keys: readonly RecordData[],
  entity: StoredEntity,
  call: ReadCall,
  deadline: Deadline,
  found: Map<string, Uint8Array>,
): Promise<void> {
  const { codec } = entity;
  const { name } = entity.collection;
  const filter = { _id: { $in: keys.map((key) => codec.encodeId(key)) }, ...entity.ends?.no };
  const reply = await entity.requests.read({ find: name, filter, batchSize: keys.length + 1 }, name, call, deadline);
  for (const bytes of firstBatch(reply)) found.set(codec.keyText(codec.decodeStored(bytes).record), bytes);
  const cursor = reply["cursor"] as { readonly id?: unknown };
  if (isOpen(cursor.id)) {
    // The batch ended at 16 MB: ask again for what did not fit.
    await entity.requests.plain({ killCursors: name, cursors: [cursor.id] }, name, deadline).catch(() => {});
    const left = keys.filter((key) => !found.has(codec.keyText(key)));
    if (left.length === keys.length)
      throw new KeyfoldError("DRIVER_ERROR", "MongoDB sent an empty batch of an open cursor.");
    const half = Math.ceil(left.length / 2);
    if (left.length > 0) await readChunk(left.slice(0, half), entity, call, deadline, found);
    if (left.length > half) await readChunk(left.slice(half), entity, call, deadline, found);
  }
}
