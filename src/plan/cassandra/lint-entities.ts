import type { EntityData } from "../../model/description.js";
import type { Field, Fields } from "../../model/field.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import { workloadMissing } from "../lint-workload.js";
import { mostShards } from "../partitions.js";
import { isNative } from "./columns.js";
import { engineName, limitsOf } from "./limits.js";
import type { DesignView } from "./lint.js";
import type { CqlEntity, CqlTable } from "./types.js";

/** Lightweight transactions a second that one entity should not need: each is four rounds between replicas. */
const manyTransactions = 500;

/** Findings about what one entity's records become. */
export function lintEntity(view: DesignView, entity: EntityData): readonly Finding[] {
  const stored = view.entities[entity.name] as CqlEntity;
  return [
    ...stored.tables.flatMap((table) => partitions(view, entity, table)),
    ...collections(view, entity),
    ...textColumns(entity),
    ...transactions(view, entity, stored),
    ...batches(view, entity, stored),
    ...tombstones(entity, stored),
    ...workloadMissing(
      view.model,
      entity,
      "Sizes of partitions cannot be estimated, so that none is cut by time or into shards.",
      "records: …, writesPerSecond: …",
    ),
  ];
}

function partitions({ engine }: DesignView, entity: EntityData, table: CqlTable): readonly Finding[] {
  const { partitionRows, partitionBytes, rowBytes, arithmetic } = table.estimate;
  const limits = limitsOf(engine);
  const subject = table.name;
  const bucket = table.partition.find(({ source }) => source.kind === "bucket");
  const shard = table.partition.find(({ source }) => source.kind === "shard");
  const shards = shard?.source.kind === "shard" ? shard.source.count : 1;
  if (partitionRows !== undefined && partitionBytes !== undefined) {
    if (partitionRows > limits.partitionRows || partitionRows * rowBytes > limits.partitionBytes) {
      return [
        {
          code: "large-partition",
          severity: "warning",
          subject,
          evidence: `the largest partition has ${formatNumber(partitionRows)} rows, ${formatBytes(partitionBytes)}: ${arithmetic}`,
          cause: `Above ${limits.sources} a partition is slow to read, to compact and to repair, and can stop a node${shards >= mostShards ? `; ${mostShards} shards are the most that one question asks at once` : ""}.`,
          fix: "Ask by a further field, or by a bucket of time such as day(…).",
        },
      ];
    }
    if (shards > 1) {
      return [
        {
          code: "write-sharded",
          severity: "info",
          subject,
          evidence: `${arithmetic}`,
          cause: `One partition should stay within ${limits.sources}; a list asks all shards at once and merges them in order.`,
          fix: "Nothing; state a truer hottestKeyShare, records or writesPerSecond if these are guesses.",
        },
      ];
    }
  }
  if (table.role !== "query" || bucket !== undefined || partitionRows === undefined) return [];
  const rate = table.estimate.rows;
  if (rate === undefined || entity.expires !== undefined || partitionRows * 4 < limits.partitionRows) return [];
  return [
    {
      code: "growing-partition",
      severity: "info",
      subject,
      evidence: `the largest partition has ${formatNumber(partitionRows)} rows at the size that is planned for, and nothing bounds it`,
      cause: `It reaches ${limits.sources} when the entity has grown ${formatNumber(Math.floor((limits.partitionRows / partitionRows) * 10) / 10)} times.`,
      fix: "Plan for the records of the coming years: the plan cuts the table by time when it must.",
    },
  ];
}

function collections({ engine }: DesignView, entity: EntityData): readonly Finding[] {
  const most = limitsOf(engine).collectionItems;
  const found: Finding[] = [];
  const visit = (field: Field, path: string): void => {
    if (field.kind === "array" || field.kind === "map") {
      const items = field.kind === "array" ? field.maxItems : undefined;
      if (items === undefined || items > most) {
        found.push({
          code: "growing-collection",
          severity: "warning",
          subject: path,
          evidence:
            items === undefined ? "nothing in the schema bounds it" : `it may hold ${formatNumber(items)} elements`,
          cause: `A frozen collection is read and written as a whole; ${engineName(engine)} is slow above ${formatNumber(most)} elements.`,
          fix: "Bound it with .max(n), or make its elements an entity of their own whose key begins with this one's.",
        });
      }
      visit(field.kind === "array" ? field.element : field.value, path);
    } else if (field.kind === "object") visitAll(field.fields, path);
  };
  const visitAll = (fields: Fields, path: string): void => {
    for (const [name, field] of Object.entries(fields)) visit(field, `${path}.${name}`);
  };
  visitAll(entity.fields, entity.name);
  return found;
}

function textColumns(entity: EntityData): readonly Finding[] {
  const names = Object.keys(entity.fields).filter((name) => !isNative(entity.fields[name] as Field));
  if (names.length === 0) return [];
  return [
    {
      code: "stored-as-text",
      severity: "info",
      subject: entity.name,
      evidence: `${names.join(", ")} ${names.length === 1 ? "is" : "are"} stored as JSON in text`,
      cause: "A cell has one null, and a collection has none: CQL cannot keep a null apart from what is not there.",
      fix: "Make such fields .optional() or .nullable(), not both, if other programs should read them as CQL types.",
    },
  ];
}

function transactions({ model, engine }: DesignView, entity: EntityData, stored: CqlEntity): readonly Finding[] {
  const rate = model.workload.entities[entity.name]?.writesPerSecond;
  if (stored.writes === "plain" || rate === undefined || rate < manyTransactions) return [];
  return [
    {
      code: "lightweight-transactions",
      severity: "warning",
      subject: entity.name,
      evidence: `${formatNumber(rate)} writes a second, each a lightweight transaction on its record's home row`,
      cause: `${engineName(engine)} takes four rounds between replicas for one, where a plain write takes one.`,
      fix: "Declare the entity appendOnly: true, if its records are inserted once and never changed.",
    },
  ];
}

function batches({ engine }: DesignView, entity: EntityData, stored: CqlEntity): readonly Finding[] {
  const { batchBytes } = limitsOf(engine);
  const bytes = stored.tables
    .filter(({ role }) => role === "home" || role === "query")
    .reduce((sum, table) => sum + table.estimate.rowBytes, 0);
  if (stored.tables.length < 2 || bytes <= batchBytes) return [];
  return [
    {
      code: "large-batch",
      severity: "warning",
      subject: entity.name,
      evidence: `a record and its copies are ${formatBytes(bytes)}, and a batch may have ${formatBytes(batchBytes)}`,
      cause:
        "What does not fit a batch is written statement by statement: a crash in between leaves tables that differ until the record is written again, or keyfold apply --sweep finishes it.",
      fix: "Keep large values in an entity of their own that is read by its key alone.",
    },
  ];
}

function tombstones(entity: EntityData, stored: CqlEntity): readonly Finding[] {
  if (entity.expires === undefined) return [];
  const reads = stored.tables.filter(({ role, clustering }) => role === "query" && clustering[0]?.direction === "asc");
  return reads
    .filter(({ clustering }) => clustering[0]?.source.kind === "field" && clustering[0].source.type.kind === "date")
    .map(
      (table): Finding => ({
        code: "tombstones-first",
        severity: "warning",
        subject: table.serves.join(", "),
        evidence: `"${entity.name}" expires, and ${table.name} is read from its oldest row on`,
        cause:
          "Expired rows are tombstones until they are compacted away, and a read from the old end passes all of them first; above 100,000 it is refused.",
        fix: 'Order it "desc", or give the question a range or a bucket of time.',
      }),
    );
}
