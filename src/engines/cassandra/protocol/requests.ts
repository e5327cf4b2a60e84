/** Requests with statements, as they are on the wire. */
import { CqlError, errorCode, invalid, protocolError } from "../errors.js";
import type { ExecuteOptions } from "../execute.js";
import type { Prepared, PreparedBatch } from "../prepare.js";
import type { PreparedModification } from "../query/modify.js";
import type { Bound } from "../query/run.js";
import type { ServerState } from "../server-state.js";
import type { Input } from "./input.js";

/** Values that a request binds, in order or by name. */
export interface Values {
  readonly list: readonly Bound[];
  readonly names: readonly string[] | undefined;
}

const noValues: Values = { list: [], names: undefined };

/** How a QUERY or EXECUTE wants to be run, and with which values. */
export interface QueryOptions extends ExecuteOptions {
  readonly values: Values;
  readonly skipMetadata: boolean;
}

/** What follows the statement of a QUERY or EXECUTE (section 4.1.4 of the specification). */
export function readOptions(input: Input, warnings: string[], keyspace: string | undefined): QueryOptions {
  const level = input.short();
  const flags = input.byte();
  let values = noValues;
  if ((flags & 0x01) !== 0) {
    const count = input.short();
    const list: Bound[] = [];
    const names: string[] | undefined = (flags & 0x40) !== 0 ? [] : undefined;
    for (let at = 0; at < count; at++) {
      names?.push(input.string());
      list.push(input.value());
    }
    values = { list, names };
  }
  const size = (flags & 0x04) !== 0 ? input.int() : -1;
  const state = (flags & 0x08) !== 0 ? (input.optionalBytes() ?? undefined) : undefined;
  const serialConsistency = (flags & 0x10) !== 0 ? input.short() : 8;
  const timestamp = (flags & 0x20) !== 0 ? input.long() : undefined;
  if (timestamp === -0x8000000000000000n)
    throw protocolError(
      `Out of bound timestamp, must be in [${-0x7fffffffffffffffn}, ${0x7fffffffffffffffn}] (got ${timestamp})`,
    );
  if (level > 10) throw protocolError(`Unknown code ${level} for a consistency level`);
  if (serialConsistency !== 8 && serialConsistency !== 9)
    throw invalid("Invalid consistency level for conditional update. Must be one of SERIAL or LOCAL_SERIAL");
  return {
    consistency: level,
    serialConsistency,
    page: { size, state },
    timestamp,
    keyspace,
    warnings,
    values,
    skipMetadata: (flags & 0x02) !== 0,
  };
}

/** A BATCH (section 4.1.7). */
export function readBatch(
  input: Input,
  warnings: string[],
  keyspace: string | undefined,
  state: ServerState,
): {
  readonly plan: PreparedBatch;
  readonly values: readonly (readonly Bound[])[];
  readonly options: ExecuteOptions;
  readonly prepared: PreparedModification["table"] | undefined;
} {
  const type = (["logged", "unlogged", "counter"] as const)[input.byte()];
  if (type === undefined) throw protocolError("Unknown batch type");
  const count = input.short();
  const statements: PreparedModification[] = [];
  const values: (readonly Bound[])[] = [];
  for (let at = 0; at < count; at++) {
    const kind = input.byte();
    let prepared: Prepared;
    if (kind === 0) prepared = state.statement(input.longString(), keyspace);
    else if (kind === 1) {
      const id = input.shortBytes();
      const found = state.prepared(id);
      if (found === undefined)
        throw new CqlError(errorCode.unprepared, `Prepared query with ID ${id.toString("hex")} not found`, {
          kind: "unprepared",
          id,
        });
      prepared = found.current;
    } else throw protocolError(`Invalid query kind in BATCH messages. Must be 0 or 1 but got ${kind}`);
    const bound = input.short();
    const list: Bound[] = [];
    for (let i = 0; i < bound; i++) list.push(input.value());
    const { plan } = prepared;
    if (plan.kind !== "modify")
      throw invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.");
    if (list.length !== prepared.markers.length)
      throw invalid(`There were ${prepared.markers.length} markers(?) in CQL but ${list.length} bound variables`);
    statements.push(plan.modification);
    values.push(list);
  }
  const level = input.short();
  const flags = input.byte();
  const serialConsistency = (flags & 0x10) !== 0 ? input.short() : 8;
  const timestamp = (flags & 0x20) !== 0 ? input.long() : undefined;
  if (level > 10) throw protocolError(`Unknown code ${level} for a consistency level`);
  return {
    plan: { kind: "batch", type, timestamp: undefined, statements },
    values,
    prepared: statements[0]?.table,
    options: {
      consistency: level,
      serialConsistency,
      page: { size: -1, state: undefined },
      timestamp,
      keyspace,
      warnings,
    },
  };
}

/** Bound values in the order of the markers. */
export function arrange({ list, names }: Values, prepared: Prepared): readonly Bound[] {
  const { markers } = prepared;
  if (names === undefined) {
    if (list.length !== markers.length)
      throw invalid(`Invalid amount of bind variables: expected ${markers.length} but got ${list.length}`);
    return list;
  }
  return markers.map((marker, at) => {
    const wanted = prepared.markerNames[at] ?? marker.name;
    const found = names.indexOf(wanted);
    if (found < 0) throw invalid(`Invalid amount of bind variables: no value for ${wanted}`);
    return list[found]!;
  });
}
