import { type Clock, systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { type Link, linkOf, type RedisClient } from "../../patterns/redis/link.js";
import { serverClock } from "../../patterns/redis/server-clock.js";
import { type CallOptions, RedisStore, uniqueId } from "../../patterns/redis/store.js";
import { type LibraryFunction, libraryName } from "../../plan/redis/library.js";
import type { Call, ReadCall } from "../port/adapter.js";
import type { RedisSession } from "./session.js";

export interface RequestSettings {
  /** What keys begin with. */
  readonly prefix: string;
  /** A call's time when it names none. */
  readonly deadlineMs: number;
  readonly clock?: Clock;
}

/** One write's time and the mark by which it is known. */
export interface Ticket {
  /** Until here attempts are made; the rest of the call's time settles the outcome. */
  readonly attempts: Deadline;
  /** Key of the mark. */
  readonly mark: string;
  /** Microseconds of the server's clock after which the write is void. */
  readonly due: string;
  readonly version: number;
  /** An attempt may have been applied without an answer: its connection broke, or the driver sends again by itself. */
  lost: boolean;
}

/** Part of a write's time that is kept to settle its outcome. */
const SETTLE_SHARE = 0.15;
const SETTLE_MAX_MS = 2_000;

/** Sends commands to one prefix of a server: deadlines, which functions, which primary. */
export class Requests {
  readonly prefix: string;
  readonly library: string;
  readonly link: Link;
  readonly #store: RedisStore;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  #lastVersion = 0;
  readonly #connected: { count: number };
  #primary: { readonly connection: number; readonly runId: Promise<string> } | undefined;

  constructor(client: RedisClient, settings: RequestSettings) {
    refuseKeyPrefix(client);
    this.prefix = settings.prefix;
    this.library = libraryName(settings.prefix);
    this.#deadlineMs = settings.deadlineMs;
    this.#clock = settings.clock ?? systemClock;
    this.#store = new RedisStore(client, { deadlineMs: settings.deadlineMs });
    this.link = this.#store.link;
    this.#connected = connectionsOf(client, this.link);
  }

  /** The deadline of a call; the caller disposes it. */
  deadline(call: Call): Deadline {
    const deadlineMs =
      call.deadlineAt === undefined ? this.#deadlineMs : Math.max(1, call.deadlineAt - this.#clock.now());
    return new Deadline({ deadlineMs, signal: call.signal, clock: this.#clock });
  }

  /** A version that no other write of this process has: microseconds since 1970, never the same twice. */
  #nextVersion(): number {
    const now = Math.floor(this.#clock.now() * 1_000) + Math.floor(this.#clock.random() * 1_000);
    this.#lastVersion = Math.max(now, this.#lastVersion + 1);
    return this.#lastVersion;
  }

  /** Begins a write on a partition; the caller disposes `attempts`. */
  async ticket(base: string, whole: Deadline): Promise<Ticket> {
    const remaining = whole.remainingMs();
    const attempts = whole.part(remaining - Math.min(SETTLE_MAX_MS, remaining * SETTLE_SHARE));
    const now = await serverClock(this.#store).ready();
    return {
      attempts,
      mark: `${base}/~${uniqueId()}`,
      due: String(Math.ceil((now + attempts.remainingMs()) * 1_000)),
      version: this.#nextVersion(),
      lost: this.link.resends,
    };
  }

  /**
   * Calls a write's function with its mark in `keys`, within the write's own time. `late`: it came so late that an earlier
   * attempt's mark may have ended. Where no attempt was lost none can have been applied, and it is void; else it is unknown.
   */
  async attempt(
    ticket: Ticket,
    name: LibraryFunction,
    keys: readonly string[],
    args: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly unknown[]> {
    const lost = () => {
      ticket.lost = true;
    };
    const reply = (await this.write(name, keys, args, ticket.attempts, signal, lost)) as readonly unknown[];
    return reply[0] === "late" && !ticket.lost ? ["void"] : reply;
  }

  /** Learns the server's time anew, after a write that was void before its time. */
  async learnTime(deadline: Deadline): Promise<void> {
    await deadline.run(() => serverClock(this.#store).measure());
  }

  /** Sends a command. `key`: the first key that it touches. */
  async send(
    key: string | undefined,
    command: string,
    args: readonly string[],
    writes: boolean,
    deadline: Deadline,
    signal?: AbortSignal,
    lost?: () => void,
  ): Promise<unknown> {
    deadline.throwIfOver();
    try {
      return await this.#store.command(key, command, args, writes, {
        deadlineMs: Math.max(1, deadline.remainingMs()),
        signal,
        lost,
      });
    } catch (error) {
      throw explained(error, this.library);
    }
  }

  /** Calls a function of the library that changes something. `lost`: as in {@link CallOptions}. */
  write(
    name: LibraryFunction,
    keys: readonly string[],
    args: readonly string[],
    deadline: Deadline,
    signal?: AbortSignal,
    lost?: () => void,
  ): Promise<unknown> {
    return this.send(
      keys[0],
      "FCALL",
      [`${this.library}_${name}`, String(keys.length), ...keys, ...args],
      true,
      deadline,
      signal,
      lost,
    );
  }

  /**
   * Sends a read at the call's level. `session` is answered by a primary that is the session's own, before and after;
   * on a Cluster a read that replicas may answer is sent as one that they may not, where the level forbids it.
   */
  async read(
    base: string,
    command: string,
    args: readonly string[],
    key: string,
    call: ReadCall,
    deadline: Deadline,
  ): Promise<unknown> {
    const session = call.session as RedisSession | undefined;
    const anywhere = call.consistency === "eventual";
    const name = command === "FCALL_RO" && !anywhere && this.link.cluster ? "FCALL" : command;
    const send = () => this.send(key, name, args, false, deadline, call.signal);
    if (call.consistency !== "session" || session === undefined) return send();
    const place = this.link.cluster ? base : "";
    for (;;) {
      const connection = this.#connected.count;
      const seen = this.#primary;
      if (seen?.connection === connection && !this.link.cluster) {
        session.see(place, await seen.runId);
        const answer = await send();
        if (this.#connected.count === connection) return answer;
        // Connected anew while it was under way: whoever answered is asked who it is.
        continue;
      }
      const runId = this.#learnPrimary(key, connection, deadline);
      const answer = send();
      answer.catch(() => {});
      await this.#see(session, place, await runId, deadline);
      const value = await answer;
      if (this.#connected.count === connection) return value;
    }
  }

  /**
   * Notes on a session which primary answered. On a Cluster another one may have taken the slot over from one that still
   * is a primary: a slot that was moved, with all that was there, and no failover.
   */
  async #see(session: RedisSession, place: string, runId: string, deadline: Deadline): Promise<void> {
    const known = session.primaryOf(place);
    if (known !== undefined && known !== runId && this.link.cluster) {
      const all = await Promise.all(
        (await this.masters()).map((master) =>
          deadline.run(() => master.send(undefined, "INFO", ["server", "replication"], false)).catch(() => ""),
        ),
      );
      const still = all.some(
        (text) => infoField(String(text), "run_id") === known && infoField(String(text), "role") === "master",
      );
      if (still) session.moved(place, runId);
    }
    session.see(place, runId);
  }

  /** Notes on a session, before its first write, which primary takes it: a later read by another one is then told apart. */
  async noteWrite(base: string, call: Call, deadline: Deadline): Promise<void> {
    const session = call.session as RedisSession | undefined;
    const place = this.link.cluster ? base : "";
    if (session === undefined || session.knows(place)) return;
    const seen = this.#primary;
    const known = seen?.connection === this.#connected.count && place === "" ? seen.runId : undefined;
    session.see(place, await (known ?? this.#learnPrimary(`${base}:`, this.#connected.count, deadline)));
  }

  #learnPrimary(key: string, connection: number, deadline: Deadline): Promise<string> {
    const runId = (async () => {
      const info = this.link.cluster
        ? await this.send(key, "FCALL", [`${this.library}_node`, "1", key], false, deadline)
        : [
            await this.send(undefined, "INFO", ["server"], false, deadline),
            await this.send(undefined, "INFO", ["replication"], false, deadline),
          ].join("\n");
      const text = String(info);
      if (infoField(text, "role") === "slave") {
        throw new KeyfoldError("CONSISTENCY_UNAVAILABLE", "The client is connected to a replica.", {
          fix: 'Connect it to the primary, or read at "eventual".',
        });
      }
      return infoField(text, "run_id") ?? "";
    })();
    if (!this.link.cluster) {
      const learnt = { connection, runId };
      this.#primary = learnt;
      runId.catch(() => {
        if (this.#primary === learnt) this.#primary = undefined;
      });
    }
    return runId;
  }

  /** The masters of a Cluster, or the one server: what every one of them must be told. */
  async masters(): Promise<readonly Link[]> {
    const { client, kind } = this.link;
    if (kind === "ioredis-cluster") return (client["nodes"]("master") as RedisClient[]).map(linkOf);
    if (kind === "node-redis-cluster") {
      const nodes = (await Promise.all(
        (client["masters"] as object[]).map((node) => client["nodeClient"](node)),
      )) as RedisClient[];
      return nodes.map(linkOf);
    }
    return [this.link];
  }
}

/** ioredis puts its `keyPrefix` before the keys of some commands only: SCAN would find none of what functions wrote. */
function refuseKeyPrefix(client: RedisClient): void {
  const { keyPrefix } = ((client as { readonly options?: unknown } | null)?.options ?? {}) as { keyPrefix?: unknown };
  if (typeof keyPrefix !== "string" || keyPrefix === "") return;
  throw new KeyfoldError("INPUT_INVALID", "A model cannot be kept through an ioredis client with a keyPrefix.", {
    fix: `Give the adapter the prefix, and a client without one: redis(client, { prefix: ${JSON.stringify(keyPrefix.replace(/:$/, ""))} }).`,
    data: { keyPrefix },
  });
}

const connections = new WeakMap<object, { count: number }>();

/** Counts a client's connections, by one listener however many use it: another one may be to another primary. */
function connectionsOf(client: object, link: Link): { count: number } {
  let counted = connections.get(client);
  if (counted === undefined) {
    const made = { count: 0 };
    link.client.on("ready", () => {
      made.count++;
    });
    connections.set(client, made);
    counted = made;
  }
  return counted;
}

/** A line of INFO. */
export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}

/** Says of an absent library what to do. */
function explained(error: unknown, library: string): unknown {
  if (error instanceof KeyfoldError && /Function not found/.test(error.message)) {
    return new KeyfoldError("DESIGN_MISSING", `The server has no library ${library}.`, {
      cause: error,
      fix: "Run keyfold apply MODEL --to URL, which loads it.",
    });
  }
  return error;
}
