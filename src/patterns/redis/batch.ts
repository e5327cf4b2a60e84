import { KeyfoldError } from "../../internal/errors.js";
import { failureOf, serverCode } from "./errors.js";
import { slotOf } from "./keys.js";
import type { DoneOnce } from "./once.js";
import { type Script, script } from "./script.js";
import { soon } from "./soon.js";
import type { CallOptions, RedisStore } from "./store.js";

/** So many calls travel in one command. */
const MAX_BATCH = 128;

/** A script that answers many calls. */
export interface BatchScript extends Script {
  /** Its writes are done once, also when they are sent again. */
  readonly once: DoneOnce | undefined;
  /** The store may send it again when its connection broke. */
  readonly repeatable: boolean;
  readonly oneSubject: boolean;
}

/** What a {@link batchScript} is made of, beside the answer to one call. */
export interface BatchScriptOptions {
  /** Keys of one call, which the body knows as K1, K2 … */
  readonly keys: number;
  /** Arguments of one call, which the body knows as A1, A2 … */
  readonly args: number;
  /** Only calls with the same keys travel together, and their keys once. Default false. */
  readonly oneSubject?: boolean;
  /** Lua that is run once for all calls. */
  readonly head?: string;
  readonly writes?: boolean;
  /** A write that is not harmless when repeated: a client that sends again by itself sends an id with it. */
  readonly once?: DoneOnce;
  /** May be sent again when its connection broke. Default true. */
  readonly repeatable?: boolean;
}

const listed = (count: number, each: (i: number) => string) => Array.from({ length: count }, (_, i) => each(i)).join();

/**
 * A script whose `body` answers one call, run for as many calls as were made at a time. One that fails has an error in
 * its own place, and the others their answers; where the server takes no writes at all, it says so once.
 */
export function batchScript(
  { keys, args, oneSubject = false, head = "", writes = true, once, repeatable = true }: BatchScriptOptions,
  body: string,
): BatchScript {
  const lua = `${once?.lua ?? ""}local call=redis.call
${head}
local function one(${listed(keys, (i) => `K${i + 1}`)},${listed(args, (i) => `A${i + 1}`)})
${body}
end
local out,k,a={},1,1
for n=1,${once ? "(#ARGV-2)" : "#ARGV"}/${args} do
local ok,r=pcall(one,${listed(keys, (i) => `KEYS[k+${i}]`)},${listed(args, (i) => `ARGV[a+${i}]`)})
if not ok then
r=type(r)=='table' and r or {err='ERR '..r}
if string.find(r.err,'^READONLY') or string.find(r.err,'^NOREPLICAS') then return r end
end
out[n]=r or false
${oneSubject ? "" : `k=k+${keys} `}a=a+${args}
end
return ${once ? "once(out)" : "out"}`;
  return { ...script(lua, { writes }), once, repeatable, oneSubject };
}

interface Waiting {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One call's wishes. */
export interface BatchOptions extends CallOptions {
  /** Names a write that is done once, so that the caller can repeat it. */
  readonly writeId?: string;
}

/**
 * Calls of one turn of the event loop, sent as one command: in the order in which they were made, neighbours with the
 * same script together, and a question that is asked twice once. On a Cluster only what lies in one slot travels together;
 * calls with wishes of their own go alone.
 */
export class Batches {
  readonly #store: RedisStore;
  #bySlot: boolean;
  #script: BatchScript | undefined;
  #waiting: Waiting[] = [];
  /** Questions of the present batch by their arguments: the same one is asked once. */
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(store: RedisStore) {
    this.#store = store;
    this.#bySlot = store.link.cluster;
  }

  /** Answers one call of a script. */
  run(script: BatchScript, keys: readonly string[], args: readonly string[], options?: BatchOptions): Promise<unknown> {
    const alone =
      options !== undefined &&
      (options.signal !== undefined || options.deadlineMs !== undefined || options.writeId !== undefined);
    const other = script !== this.#script || (script.oneSubject && keys[0] !== this.#waiting[0]!.keys[0]);
    if (other || alone) this.#flush();
    if (alone) return new Promise((resolve, reject) => this.#send(script, [{ keys, args, resolve, reject }], options));
    if (script.writes || !script.oneSubject) return this.#wait(script, keys, args);
    const question = args.join("\n");
    let answer = this.#asked.get(question);
    if (answer === undefined) {
      answer = this.#wait(script, keys, args);
      if (this.#script !== undefined) this.#asked.set(question, answer);
    }
    return answer;
  }

  #wait(script: BatchScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#script === undefined) soon(() => this.#flush());
      this.#script = script;
      this.#waiting.push({ keys, args, resolve, reject });
      if (this.#waiting.length >= MAX_BATCH) this.#flush();
    });
  }

  #flush(): void {
    const script = this.#script;
    if (script === undefined) return;
    const all = this.#waiting;
    this.#script = undefined;
    this.#waiting = [];
    this.#asked.clear();
    if (this.#bySlot && all.length > 1 && !script.oneSubject) this.#sendBySlot(script, all);
    else this.#send(script, all);
  }

  #sendBySlot(script: BatchScript, all: readonly Waiting[]): void {
    const slots = new Map<number, Waiting[]>();
    for (const waiting of all) {
      const slot = slotOf(waiting.keys[0]!);
      const known = slots.get(slot);
      if (known === undefined) slots.set(slot, [waiting]);
      else known.push(waiting);
    }
    for (const each of slots.values()) this.#send(script, each);
  }

  #send(script: BatchScript, all: readonly Waiting[], options?: BatchOptions): void {
    const one = all.length === 1 ? all[0]! : undefined;
    const keys = one !== undefined || script.oneSubject ? all[0]!.keys : all.flatMap((waiting) => waiting.keys);
    const args = one?.args ?? all.flatMap((waiting) => waiting.args);
    this.#ask(script, keys, args, options).then(
      (reply) => {
        for (let i = 0; i < all.length; i++) {
          const value = (reply as unknown[])[i];
          if (value instanceof Error) all[i]!.reject(failureOf(value, script.writes).error);
          else all[i]!.resolve(value);
        }
      },
      (error) => {
        // A single server that is run as a Cluster: nothing was done, and what lies in one slot may go together.
        if (one === undefined && error instanceof KeyfoldError && serverCode(error.cause) === "CROSSSLOT") {
          this.#bySlot = true;
          this.#sendBySlot(script, all);
        } else for (const { reject } of all) reject(error);
      },
    );
  }

  #ask(script: BatchScript, keys: readonly string[], args: readonly string[], options?: BatchOptions) {
    if (script.once === undefined)
      return this.#store.run(script, keys, args, { ...options, repeatable: script.repeatable });
    return script.once.send(this.#store, keys[0]!, options ?? {}, ([id, until], leftMs) =>
      // Without an id nobody may send it twice: a broken connection is an unknown outcome.
      id === ""
        ? this.#store.run(script, keys, [...args, id, until], { ...options, repeatable: false })
        : this.#store.run(
            script,
            [...keys, `${keys[0]}:${id}`],
            [...args, id, until],
            leftMs === undefined ? options : { ...options, deadlineMs: leftMs },
          ),
    );
  }
}
