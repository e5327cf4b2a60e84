import type { Deadline } from "../../internal/deadline.js";
import { identifierList } from "../../plan/cassandra/statements.js";
import type { CqlTable } from "../../plan/cassandra/types.js";
import type { Row } from "./driver.js";
import { levelCodes } from "./levels.js";
import type { Requests, Statement } from "./requests.js";

/** Pieces of the ring that are walked at once. */
export const RANGES = 8;
/** Rows of one page. */
const PAGE_ROWS = 500;
const RING = 2n ** 64n;
const LEAST = -(2n ** 63n);

/** Where each range begins: a walk that goes on has the tokens before which all was seen in their place, "" at an end. */
export function wholeRing(): string[] {
  return Array.from({ length: RANGES }, (_, at) => String(LEAST + (RING / BigInt(RANGES)) * BigInt(at)));
}

/** What a walk does with the rows of a page, before `ranges` say that they were seen. */
export interface Walker {
  page(rows: readonly Row[]): Promise<void>;
  /** Told after each page; `ranges` are how far the walk is. */
  seen?(): Promise<void>;
}

/**
 * Walks all rows of a table by ranges of the ring's tokens, several at once, each page by page. Where it is stands in
 * `ranges`, from which another walk goes on. One range that fails ends the others, and the error is thrown when nothing is
 * under way any more.
 */
export async function walkTable(
  table: CqlTable,
  ranges: string[],
  walker: Walker,
  requests: Requests,
  deadline: Deadline,
): Promise<void> {
  const statement = walkStatement(table, requests);
  const level = levelCodes[requests.levels.read];
  const whole = (value: bigint): unknown => (requests.bigints ? value : String(value));
  let broken = false;
  const walkRange = async (from: string, range: number): Promise<void> => {
    if (from === "") return;
    // The ring's last token belongs to the last range.
    const end = range === RANGES - 1 ? -(LEAST + 1n) : LEAST + (RING / BigInt(RANGES)) * BigInt(range + 1);
    const params = [whole(BigInt(from)), whole(end)];
    let pageState: string | undefined;
    do {
      const page = pageState === undefined ? { fetchSize: PAGE_ROWS } : { fetchSize: PAGE_ROWS, pageState };
      const result = await requests.read(statement, params, level, deadline, page);
      const rows = result.rows ?? [];
      await walker.page(rows);
      pageState = result.pageState ?? undefined;
      const last = rows.at(-1);
      // The partition of the last row may go on: who begins here walks it again.
      if (pageState === undefined) ranges[range] = "";
      else if (last !== undefined) ranges[range] = String(BigInt(String(last["kf_token"])) - 1n);
      await walker.seen?.();
    } while (pageState !== undefined && !broken);
  };
  const walked = await Promise.allSettled(
    ranges.map((from, range) =>
      walkRange(from, range).catch((error: unknown) => {
        broken = true;
        throw error;
      }),
    ),
  );
  for (const range of walked) if (range.status === "rejected") throw range.reason;
}

function walkStatement({ name, partition, clustering, columns }: CqlTable, { qualify }: Requests): Statement {
  const all = identifierList([...partition, ...clustering, ...columns].map((column) => column.name));
  const token = `token(${identifierList(partition.map((column) => column.name))})`;
  return {
    query: `SELECT ${all}, ${token} AS kf_token FROM ${qualify(name)} WHERE ${token} > ? AND ${token} <= ?`,
    operation: "SELECT",
    table: name,
  };
}
