import { luaOnce } from "./script.js";
import { serverClock } from "./server-clock.js";
import { type RedisStore, uniqueId } from "./store.js";

/**
 * The last two arguments of a script that begins with `luaOnce`: a write's id and when it becomes void. A client that
 * sends by itself again needs them; on others they are empty, unless the caller names the write.
 */
export function once(
  store: RedisStore,
  writeId?: string,
  deadlineMs = store.deadlineMs,
): [string, string] | Promise<[string, string]> {
  if (writeId === undefined && !store.link.resends) return ["", "0"];
  const until = (now: number) => String(Math.ceil((now + deadlineMs) * 1000));
  const id = writeId ?? uniqueId();
  const clock = serverClock(store);
  const now = clock.now();
  return now === undefined ? clock.ready().then((at) => [id, until(at)]) : [id, until(now)];
}

/** How a batch of writes is done once: its script begins with `lua`, and ends with the arguments that `name` gives. */
export interface DoneOnce {
  readonly lua: string;
  readonly name: typeof once;
}

/** The one way of it; a value, so that only patterns that need it bring it along. */
export const doneOnce: DoneOnce = { lua: luaOnce, name: once };
