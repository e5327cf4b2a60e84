import { KeyfoldError } from "../../internal/errors.js";
import { serverCode, unknownOutcome } from "./errors.js";
import { luaOnce } from "./script.js";
import { serverClock } from "./server-clock.js";
import { type RedisStore, uniqueId } from "./store.js";

/** The last two arguments of a script that begins with `luaOnce`: a write's id and when it becomes void. */
export type Mark = readonly [id: string, until: string];

/** What names a write that is done once. */
export interface OnceOptions {
  readonly writeId?: string | undefined;
  readonly deadlineMs?: number | undefined;
}

/**
 * Sends a write by a script that begins with `luaOnce`. A client that sends by itself again needs the mark; on others it
 * is empty, unless the caller names the write. `key` lies where the write goes. A server that says EXPIRED although there
 * is time left has another clock than was thought (a failover, a step): it is asked for its time, and the write is sent
 * anew, with `leftMs`, where no attempt before can have been applied.
 *
 * @throws KeyfoldError `DEADLINE_EXCEEDED` when the write came too late and was not applied.
 */
export function sendOnce<T>(
  store: RedisStore,
  key: string,
  { writeId, deadlineMs = store.deadlineMs }: OnceOptions,
  send: (mark: Mark, leftMs?: number) => Promise<T>,
): Promise<T> {
  const { link } = store;
  if (writeId === undefined && !link.resends) return send(["", "0"]);
  const id = writeId ?? uniqueId();
  const mark = (now: number, ms: number): Mark => [id, String(Math.ceil((now + ms) * 1000))];
  const clock = serverClock(store, key);
  const began = performance.now();
  const cuts = link.cuts();
  const now = clock.now();
  const first =
    now === undefined ? clock.ready().then((at) => send(mark(at, deadlineMs))) : send(mark(now, deadlineMs));
  return first.catch(async (error: unknown) => {
    if (!(error instanceof KeyfoldError && error.code === "DEADLINE_EXCEEDED") || serverCode(error.cause) !== "EXPIRED")
      throw error;
    const measured = clock.measure();
    measured.catch(() => {});
    // The client may have sent it twice, and the first may have been applied on a server that forgot its mark.
    if (link.resends && (cuts === undefined || link.cuts() !== cuts)) throw unknownOutcome(error.message, error.cause);
    await measured.catch(() => Promise.reject(error));
    const leftMs = deadlineMs - (performance.now() - began);
    if (leftMs < 1) throw error;
    return send(mark(clock.now()!, leftMs), leftMs);
  });
}

/** How a batch of writes is done once: its script begins with `lua`, and is sent by `send`. */
export interface DoneOnce {
  readonly lua: string;
  readonly send: typeof sendOnce;
}

/** The one way of it; a value, so that only patterns that need it bring it along. */
export const doneOnce: DoneOnce = { lua: luaOnce, send: sendOnce };
