import { KeyfoldError } from "../../internal/errors.js";
import { type OwnConnection, openOwn } from "../redis/own-connection.js";
import type { RedisStore } from "../redis/store.js";

/** An entry of a stream: its place, and its fields where it was not deleted. */
export type Row = readonly [place: string, fields: readonly string[] | null];

/** Reads what is new to a group, over a connection of its own that may block. */
export class GroupReader {
  readonly #store: RedisStore;
  readonly #key: string;
  readonly #args: string[];
  readonly #blockMs: number;
  #connection: OwnConnection | undefined;
  #address: string | undefined;

  /** A read waits for up to `blockMs`. */
  constructor(store: RedisStore, key: string, group: string, consumer: string, count: number, blockMs: number) {
    this.#store = store;
    this.#key = key;
    this.#args = ["GROUP", group, consumer, "COUNT", String(count)];
    this.#blockMs = blockMs;
  }

  async read(): Promise<readonly Row[]> {
    const tail = ["STREAMS", this.#key, ">"];
    // The Sentinel client of node-redis shares its connection, which nothing may block.
    if (this.#store.link.kind === "node-redis-sentinel") {
      const rows = rowsOf(await this.#store.command(this.#key, "XREADGROUP", [...this.#args, ...tail], true));
      if (rows.length === 0) await new Promise((done) => setTimeout(done, 20));
      return rows;
    }
    const connection = await this.#own();
    // A server that is frozen or out of reach closes nothing.
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      const fail = () => reject(new KeyfoldError("UNAVAILABLE", "Redis is silent."));
      timer = setTimeout(fail, this.#blockMs + 2_000);
    });
    const args = [...this.#args, "BLOCK", String(this.#blockMs), ...tail];
    try {
      return rowsOf(await Promise.race([connection.send("XREADGROUP", args), silence]));
    } catch (error) {
      this.#address = /^MOVED \d+ (\S+)/.exec(error instanceof Error ? error.message : "")?.[1];
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The next read opens another connection. */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #own(): Promise<OwnConnection> {
    if (this.#connection === undefined) {
      const connection = await openOwn(this.#store.link, { address: this.#address, key: this.#key });
      connection.onEnd(() => {
        if (this.#connection === connection) this.close();
      });
      this.#connection = connection;
    }
    return this.#connection;
  }
}

/** RESP2 gives a list of streams, RESP3 a map; there is one stream. */
function rowsOf(reply: unknown): readonly Row[] {
  if (reply === null || reply === undefined) return [];
  if (Array.isArray(reply)) {
    const first: unknown = reply[0];
    // A driver may hand a map out as a flat list of names and values.
    return (Array.isArray(first) ? first[1] : reply[1]) as Row[];
  }
  const [rows] = reply instanceof Map ? reply.values() : Object.values(reply as Record<string, Row[]>);
  return (rows ?? []) as Row[];
}
