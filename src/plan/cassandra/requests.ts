import type { ListPattern, TopPattern } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import { DEAD, DONE, VERSION } from "./names.js";
import type { EntityTables } from "./tables.js";
import type {
  ClusteringColumn,
  CqlEntity,
  CqlListPlan,
  CqlRelation,
  CqlSelect,
  CqlSlot,
  CqlTable,
  KeyColumn,
  KeySource,
} from "./types.js";

/** The field behind a column of an order. */
function fieldOf(source: KeySource): Field {
  if (source.kind !== "field") throw new TypeError("an order is one of fields");
  return source.type;
}

/** The partition's key in terms of a question's parameters. */
function partitionRelations(partition: readonly KeyColumn[]): readonly CqlRelation[] {
  return partition.map(({ name, cql, source }): CqlRelation => {
    const slot = ((): CqlSlot => {
      switch (source.kind) {
        case "field":
          return { kind: "param", param: source.field, type: source.type, cql };
        case "bucket":
          return source.asked ? { kind: "bucketName", param: source.unit, unit: source.unit } : { kind: "bucket" };
        case "shard":
          return { kind: "shard" };
        default:
          return source satisfies never;
      }
    })();
    return { columns: [name], operator: "=", slots: [slot], optional: false };
  });
}

/** One record, by all columns of its home's key. */
export function getRequest(table: CqlTable, columns: readonly string[]): CqlSelect {
  return {
    table: table.name,
    columns,
    where: partitionRelations([...table.partition, ...table.clustering]),
    order: [],
  };
}

/**
 * Requests of a list. All relations of an order are of tuples, since CQL mixes none with single columns: behind a cursor
 * the first columns are equal and the next one is beyond, for as many of them as turn the same way at once.
 */
export function listRequests(
  pattern: ListPattern,
  table: CqlTable,
  entity: Pick<CqlEntity, "columns">,
  made: Pick<EntityTables, "served">,
  fields: readonly string[] | undefined,
): Pick<CqlListPlan, "request" | "next" | "shards" | "buckets" | "filter" | "position" | "reads"> {
  // A list by more of the key than names a partition begins within it.
  const fixed = table.clustering.slice(0, table.clustering.length - pattern.order.length);
  const ordered = table.clustering.slice(fixed.length);
  const reversed = ordered[0] !== undefined && ordered[0].direction !== pattern.order[0]?.direction;
  const { range } = pattern;
  const inOrder = range !== undefined && range.field === pattern.order[0]?.field;
  const partition = partitionRelations(table.partition);
  const fixedColumns = fixed.map(({ name }) => name);
  const fixedSlots = fixed.map(
    // By its own name: a question names its fields in any order.
    ({ source, cql }): CqlSlot => ({
      kind: "param",
      param: source.kind === "field" ? source.field : "",
      type: fieldOf(source),
      cql,
    }),
  );
  const prefix: readonly CqlRelation[] =
    fixed.length === 0 ? [] : [{ columns: fixedColumns, operator: "=", slots: fixedSlots, optional: false }];
  const first = ordered[0];
  const bound = (param: "from" | "to", operator: ">=" | "<"): readonly CqlRelation[] => {
    if (!inOrder || range === undefined || first === undefined || first.source.kind !== "field") return [];
    const slot: CqlSlot =
      range.unit === undefined
        ? { kind: "param", param, type: first.source.type, cql: first.cql }
        : { kind: "bucketStart", param, unit: range.unit };
    return [{ columns: [first.name], operator, slots: [slot], optional: true }];
  };
  // What tells a record that somebody else wrote from a row that is empty are all of its columns.
  const reads = keepsDead(table) ? undefined : fields;
  const columns = listColumns(table, entity, reads);
  const order = reversed
    ? table.clustering.map(({ name, direction }) => ({
        column: name,
        direction: direction === "asc" ? ("desc" as const) : ("asc" as const),
      }))
    : [];
  const base = { table: table.name, columns, order };
  const [from, to] = [bound("from", ">="), bound("to", "<")];
  const request: CqlSelect = { ...base, where: [...partition, ...prefix, ...from, ...to] };
  const cut = made.served.get(pattern.name)?.cut;
  const bucketKey = table.partition.filter(
    ({ source }) => source.kind === "field" || (source.kind === "bucket" && source.asked),
  );
  return {
    request,
    ...(reads === undefined ? {} : { reads }),
    next: afterRequests(pattern, ordered, { base, partition, prefix, from, to }),
    shards: cut?.shards ?? 1,
    buckets:
      table.bucketsTable === undefined || cut?.unit === undefined || first?.source.kind !== "field"
        ? undefined
        : {
            unit: cut.unit,
            field: first.source.field,
            direction: pattern.order[0]?.direction ?? "asc",
            request: {
              table: table.bucketsTable,
              columns: ["kf_bucket"],
              where: partitionRelations(bucketKey),
              order: reversed ? [{ column: "kf_bucket", direction: first.direction === "asc" ? "desc" : "asc" }] : [],
            },
          },
    filter: range !== undefined && !inOrder ? range : undefined,
    position: pattern.order.map(({ field, direction }, at) => {
      return { field, type: fieldOf((ordered[at] as ClusteringColumn).source), direction };
    }),
  };
}

/** A record's columns; of a home that keeps rows of deleted records for a while also what tells them, and their keys. */
function listColumns(
  table: CqlTable,
  entity: Pick<CqlEntity, "columns">,
  reads: readonly string[] | undefined,
): readonly string[] {
  const columns = entity.columns.filter(({ field }) => reads?.includes(field) ?? true).map(({ name }) => name);
  if (!keepsDead(table)) return columns;
  const keys = [...table.partition, ...table.clustering].map(({ name }) => name);
  return [...new Set([...columns, ...keys, VERSION, DONE, DEAD])];
}

/** Whether a table has rows of deleted records. */
export function keepsDead({ role, columns }: CqlTable): boolean {
  return role === "home" && columns.some(({ name }) => name === DEAD);
}

interface Pieces {
  readonly base: Omit<CqlSelect, "where">;
  readonly partition: readonly CqlRelation[];
  readonly prefix: readonly CqlRelation[];
  readonly from: readonly CqlRelation[];
  readonly to: readonly CqlRelation[];
}

/** What lies behind a cursor, nearest first. */
function afterRequests(
  pattern: ListPattern,
  ordered: readonly ClusteringColumn[],
  pieces: Pieces,
): readonly CqlSelect[] {
  const { base, partition, prefix, from, to } = pieces;
  const directions = pattern.order.map(({ direction }) => direction);
  // Runs of columns that turn the same way: one tuple each.
  const starts = directions.flatMap((direction, at) => (at === 0 || direction !== directions[at - 1] ? [at] : []));
  const requests: CqlSelect[] = [];
  for (const [run, start] of [...starts.entries()].reverse()) {
    const end = starts[run + 1] ?? ordered.length;
    const slots = (begin: number, until: number): CqlSlot[] =>
      ordered.slice(begin, until).map(({ source, cql }, at) => ({
        kind: "after",
        position: begin + at,
        type: fieldOf(source),
        cql,
      }));
    const names = (begin: number, until: number): string[] => ordered.slice(begin, until).map(({ name }) => name);
    const equal: readonly CqlRelation[] =
      start === 0 ? [] : [{ columns: names(0, start), operator: "=", slots: slots(0, start), optional: false }];
    const beyond: CqlRelation = {
      columns: names(start, end),
      operator: directions[start] === "desc" ? "<" : ">",
      slots: slots(start, end),
      optional: false,
    };
    // The cursor is within the bounds: only the far one can cut what is behind it, and only where the first column moves.
    const far = start > 0 ? [] : directions[0] === "desc" ? from : to;
    requests.push({ ...base, where: [...partition, ...prefix, ...equal, beyond, ...far] });
  }
  return requests;
}

/** The contributions of one bucket and shard; a range without buckets is one of their order. */
export function topRequest(table: CqlTable, range: TopPattern["range"]): CqlSelect {
  const relations = table.partition.map(
    ({ name, source }): CqlRelation => ({
      columns: [name],
      operator: "=",
      slots: [source.kind === "shard" ? { kind: "shard" } : { kind: "bucket" }],
      optional: false,
    }),
  );
  const [first] = table.clustering;
  const bound = (param: "from" | "to", operator: ">=" | "<"): readonly CqlRelation[] => {
    if (range === undefined || range.unit !== undefined || first?.source.kind !== "field") return [];
    const slot: CqlSlot = { kind: "param", param, type: first.source.type, cql: first.cql };
    return [{ columns: [first.name], operator, slots: [slot], optional: true }];
  };
  return {
    table: table.name,
    columns: table.columns.map(({ name }) => name),
    where: [...relations, ...bound("from", ">="), ...bound("to", "<")],
    order: [],
  };
}
