import { KeyfoldError } from "../../internal/errors.js";
import { type OwnConnection, openOwn } from "../redis/own-connection.js";
import type { RedisStore } from "../redis/store.js";
import { renewScript } from "./scripts.js";

/** Two commands that go over one connection, the second right after the first. */
type Pair = (first: [string, string[]], second: [string, string[]]) => Promise<[unknown, unknown]>;

/** What the lock's time is begun anew for. */
type Purpose = "take" | "renew";

/**
 * Asks replicas to acknowledge a lock before it counts as held. WAIT counts for the writes of its own connection, and
 * holds that up: so the lock's time is begun anew over a connection apart, and waited for there.
 *
 * @see https://redis.io/docs/latest/commands/wait/
 */
export class Replicas {
  readonly #store: RedisStore;
  readonly #least: number;
  #connection: Promise<OwnConnection> | undefined;

  /** `least`: replicas that must have the lock. */
  constructor(store: RedisStore, least: number) {
    if (store.link.cluster)
      throw new KeyfoldError("INPUT_INVALID", "minReplicas works over one server or Sentinels, not on a Cluster.", {
        fix: "Leave minReplicas out, or take locks on a majority of independent servers: lock([a, b, c], …).",
      });
    this.#store = store;
    this.#least = least;
  }

  /**
   * True when enough replicas have the lock, false when the token does not hold it any more.
   *
   * @throws KeyfoldError `UNAVAILABLE` when too few replicas acknowledged it within the deadline.
   */
  async confirm(keys: readonly string[], token: string, ttlMs: number, purpose: Purpose): Promise<boolean> {
    const { deadlineMs } = this.#store;
    const renew = [renewScript.lua, String(keys.length), ...keys, token, String(ttlMs)];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((done) => {
      timer = setTimeout(() => done(undefined), deadlineMs);
    });
    const asked = this.#pair(["EVAL", renew], ["WAIT", [String(this.#least), String(Math.ceil(deadlineMs))]]);
    asked.catch(() => {});
    const answer = await Promise.race([asked, late]).catch((cause: unknown) => this.#tooFew(purpose, 0, cause));
    clearTimeout(timer);
    if (answer === undefined) return this.#tooFew(purpose, 0);
    const [held, replicas] = answer as [number, number];
    if (held !== 1) return false;
    return replicas >= this.#least || this.#tooFew(purpose, replicas);
  }

  close(): void {
    this.#connection?.then(
      (connection) => connection.close(),
      () => {},
    );
  }

  readonly #pair: Pair = async (first, second) => {
    const { link } = this.#store;
    if (link.kind === "node-redis-sentinel") {
      const lease = await link.client["acquire"]();
      try {
        const send = ([name, args]: [string, string[]]) => lease.sendCommand(false, [name, ...args]);
        return await Promise.all([send(first), send(second)]);
      } finally {
        lease.release();
      }
    }
    this.#connection ??= this.#connect();
    const connection = await this.#connection;
    return Promise.all([connection.send(...first), connection.send(...second)]);
  };

  #connect(): Promise<OwnConnection> {
    const opening = openOwn(this.#store.link);
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    opening.then((connection) => connection.onEnd(forget), forget);
    return opening;
  }

  #tooFew(purpose: Purpose, replicas: number, cause?: unknown): never {
    const message = `${replicas} of ${this.#least} replicas acknowledged the lock within ${this.#store.deadlineMs} ms.`;
    const renewed = purpose === "renew";
    const now = renewed
      ? "the server may hold it anew, but a failover now may forget it"
      : "nothing holds the lock now";
    throw new KeyfoldError("UNAVAILABLE", message, {
      cause,
      fix: `See whether the replicas are connected (INFO replication); ${now}.`,
      data: { applied: renewed ? undefined : false, replicas },
    });
  }
}
