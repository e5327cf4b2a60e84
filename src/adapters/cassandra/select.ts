import type { Deadline } from "../../internal/deadline.js";
import { bucketOf, bucketStart } from "../../model/bucket.js";
import { type Qualify, selectText } from "../../plan/cassandra/statements.js";
import type { CqlRelation, CqlSelect, CqlSlot } from "../../plan/cassandra/types.js";
import type { Position, RecordData } from "../port/adapter.js";
import type { Row } from "./driver.js";
import type { Requests, Statement } from "./requests.js";
import { compileEncoder } from "./values.js";

/** What a call gives a SELECT. */
export interface Asked {
  readonly params: RecordData;
  readonly after: Position | undefined;
  readonly bucket: string | undefined;
  readonly shard: number;
}

/** A SELECT, bound to a call. */
export interface BoundSelect {
  readonly statement: Statement;
  readonly params: readonly unknown[];
}

/** A compiled SELECT of a plan: with a LIMIT as its last value where one is asked for. */
export type MakeSelect = (asked: Asked, limit: number | undefined) => BoundSelect;

/** Compiles a SELECT: a statement for each choice of its optional relations. */
export function compileSelect(select: CqlSelect, limited: boolean, qualify: Qualify, bigints: boolean): MakeSelect {
  const relations = select.where.map((relation) => ({
    relation,
    makes: relation.slots.map((slot) => compileSlot(slot, bigints)),
    param: relation.optional ? optionalParam(relation) : undefined,
  }));
  const statements = new Map<string, Statement>();
  const statementOf = (left: string): Statement => {
    let statement = statements.get(left);
    if (statement === undefined) {
      const wanted = (relation: CqlRelation): boolean => !left.includes(`/${optionalParam(relation)}/`);
      statement = {
        query: selectText(select, qualify, wanted, limited),
        operation: "SELECT",
        table: select.table,
      };
      statements.set(left, statement);
    }
    return statement;
  };
  return (asked, limit) => {
    const params: unknown[] = [];
    let left = "";
    for (const { makes, param } of relations) {
      if (param !== undefined && asked.params[param] === undefined) {
        left += `/${param}/`;
        continue;
      }
      for (const make of makes) params.push(make(asked));
    }
    if (limited) params.push(limit);
    return { statement: statementOf(left), params };
  };
}

function optionalParam({ slots }: CqlRelation): string {
  const [slot] = slots;
  return slot !== undefined && "param" in slot ? slot.param : "";
}

function compileSlot(slot: CqlSlot, bigints: boolean): (asked: Asked) => unknown {
  switch (slot.kind) {
    case "param": {
      const encode = compileEncoder(slot.type, bigints);
      return ({ params }) => encode(params[slot.param]);
    }
    case "bucketName":
      return ({ params }) => bucketOf(slot.unit, bucketStart(slot.unit, params[slot.param] as string));
    case "bucketStart":
      return ({ params }) => bucketStart(slot.unit, params[slot.param] as string);
    case "after": {
      const encode = compileEncoder(slot.type, bigints);
      return ({ after }) => encode(after?.[slot.position]);
    }
    case "shard":
      return ({ shard }) => shard;
    case "bucket":
      return ({ bucket }) => bucket;
    default:
      return slot satisfies never;
  }
}

/** Rows that a SELECT without a limit gives, page after page; an empty page is not the end. */
export async function eachRow(
  { statement, params }: BoundSelect,
  level: number,
  fetchSize: number,
  each: (row: Row) => void,
  requests: Requests,
  deadline: Deadline,
): Promise<void> {
  let pageState: string | undefined;
  do {
    const page = pageState === undefined ? { fetchSize } : { fetchSize, pageState };
    const result = await requests.read(statement, params, level, deadline, page);
    for (const row of result.rows ?? []) each(row);
    pageState = result.pageState ?? undefined;
  } while (pageState !== undefined);
}

/** Rows of a SELECT with a limit, all of them. */
export async function limitedRows(
  { statement, params }: BoundSelect,
  level: number,
  limit: number,
  requests: Requests,
  deadline: Deadline,
): Promise<readonly Row[]> {
  const first = await requests.read(statement, params, level, deadline, { fetchSize: limit });
  const rows = first.rows ?? [];
  if (rows.length >= limit || first.pageState === null || first.pageState === undefined) return rows;
  const all = [...rows];
  let pageState: string | undefined = first.pageState;
  while (pageState !== undefined && all.length < limit) {
    const result = await requests.read(statement, params, level, deadline, { fetchSize: limit, pageState });
    all.push(...(result.rows ?? []));
    pageState = result.pageState ?? undefined;
  }
  return all;
}
