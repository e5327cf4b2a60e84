import type { Deadline } from "../../internal/deadline.js";
import { DESIGN_TABLE } from "../../plan/cassandra/own-tables.js";
import type { CqlPlan } from "../../plan/cassandra/types.js";
import { levelCodes } from "./levels.js";
import type { Requests, Statement } from "./requests.js";

/** A table that is made of records that lie elsewhere: it may be new beside records that are old. */
export interface Contents {
  readonly table: string;
  readonly entity: string;
  /** The home table of those records. */
  readonly home: string;
  /** The table of its buckets, where it is cut by time. */
  readonly buckets: string | undefined;
  /** Patterns that wait for it; none: it is a unique constraint, and everything does. */
  readonly patterns: readonly string[];
}

/** All such tables of a plan. */
export function contentsOf(plan: CqlPlan): readonly Contents[] {
  return Object.values(plan.entities).flatMap(({ entity, tables: [home, ...others] }) =>
    others.map(({ name, serves, bucketsTable }) => ({
      table: name,
      entity,
      home: home?.name ?? entity,
      buckets: bucketsTable,
      patterns: serves,
    })),
  );
}

/** How far a table is. */
export interface Filled {
  readonly whole: boolean;
  /** The last token that was filled, for each range of the ring; "" at its end. */
  readonly ranges: readonly string[];
}

/** A table that nobody keeps: whoever takes it up again makes its rows anew. */
const UNKEPT: Filled = { whole: false, ranges: [] };

/** Whether nothing of a table can be gone on with: no fill of it has begun. */
export function isUnbegun(filled: Filled | undefined): boolean {
  return filled === undefined || (!filled.whole && filled.ranges.length === 0);
}

/** A table that some model made: how far it is, and whose it is. */
export interface Known extends Filled {
  readonly home: string | undefined;
  readonly buckets: string | undefined;
}

/** What is kept of a table beside how far it is. */
type Kept = Pick<Contents, "table" | "buckets"> & Pick<Known, "home">;

const MODEL = "keyfold";

/** The rows that tell how far tables are. */
export class ContentsState {
  readonly #requests: Requests;
  readonly #read: Statement;
  readonly #write: Statement;
  readonly #forget: Statement;

  constructor(requests: Requests) {
    this.#requests = requests;
    const table = requests.qualify(DESIGN_TABLE);
    const statement = (operation: string, query: string): Statement => ({ query, operation, table: DESIGN_TABLE });
    this.#read = statement("SELECT", `SELECT name, whole, progress, home, buckets FROM ${table} WHERE model = ?`);
    this.#write = statement(
      "INSERT",
      `INSERT INTO ${table} (model, name, whole, progress, home, buckets) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#forget = statement("DELETE", `DELETE FROM ${table} WHERE model = ? AND name = ?`);
  }

  /** All tables of all models in the keyspace. */
  async read(deadline: Deadline): Promise<ReadonlyMap<string, Known>> {
    const level = levelCodes[this.#requests.levels.read];
    const { rows } = await this.#requests.read(this.#read, [MODEL], level, deadline, { fetchSize: 10_000 });
    return new Map(
      (rows ?? []).map((row) => [
        row["name"] as string,
        {
          whole: row["whole"] === true,
          ranges:
            row["progress"] === null || row["progress"] === undefined
              ? []
              : (JSON.parse(row["progress"] as string) as string[]),
          home: (row["home"] as string | null) ?? undefined,
          buckets: (row["buckets"] as string | null) ?? undefined,
        },
      ]),
    );
  }

  /** Says of a table that nobody keeps it, so that nobody reads it either until it was made anew. */
  async distrust(table: string, known: Known, deadline: Deadline): Promise<void> {
    if (known.whole || known.ranges.length > 0) await this.write({ table, ...known }, UNKEPT, deadline);
  }

  async write({ table, home, buckets }: Kept, { whole, ranges }: Filled, deadline: Deadline): Promise<void> {
    const progress = whole ? null : JSON.stringify(ranges);
    await this.#sent(this.#write, [MODEL, table, whole, progress, home ?? null, buckets ?? null], deadline);
  }

  async forget(table: string, deadline: Deadline): Promise<void> {
    await this.#sent(this.#forget, [MODEL, table], deadline);
  }

  async #sent(statement: Statement, params: readonly unknown[], deadline: Deadline): Promise<void> {
    const reply = await this.#requests.write(statement, params, this.#requests.nextVersion(), deadline);
    if (reply.kind === "failed") throw reply.error;
  }
}
