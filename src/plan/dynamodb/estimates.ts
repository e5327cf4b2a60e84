import type {
  EntityData,
  ListPattern,
  ModelData,
  PatternData,
  TogetherPattern,
  TopPattern,
} from "../../model/description.js";
import type { Cut } from "../partitions.js";
import { askedRows, distinctValues, pageRows, recordsPerGroup, requestsPerSecond } from "../workload.js";
import { readUnits, writeUnits } from "./load.js";
import { attributeOf } from "./names.js";
import type { Need } from "./needs.js";
import { attributesBytes, expiryBytes, homeOverhead, keyBytes, recordBytes, storageOverhead } from "./sizes.js";
import type {
  DynamoContribution,
  DynamoEntity,
  DynamoEntityEstimate,
  DynamoIndex,
  DynamoMoney,
  DynamoPatternEstimate,
  DynamoPatternPlan,
  DynamoPrices,
  DynamoTableEstimate,
  EstimatedEntity,
  KeyRecipe,
} from "./types.js";

/** Seconds in the month that prices are for: 730 hours. */
const monthSeconds = 730 * 3_600;
/** Buckets in a year: what an unbounded `top` is taken to read. */
export const bucketsPerYear = { hour: 8_760, day: 365, month: 12 } as const;

/** Bytes of an item that carries a record by a key of its own. */
function copyBytes(model: ModelData, entity: EntityData, key: Parameters<typeof keyBytes>[0], name: string): number {
  const expiry = entity.expires === undefined ? 0 : expiryBytes;
  return recordBytes(model, entity) + 4 + keyBytes(key) + 2 + entity.name.length + 2 + 9 + 2 + name.length + expiry;
}

/** Bytes of a contribution: its key, group and amount. */
function contributionBytes(key: Parameters<typeof keyBytes>[0]): number {
  return 4 + keyBytes(key) + 2 + 16 + 5;
}

export function itemBytesOf(model: ModelData, entity: EntityData, parts: DynamoEntity): number {
  return (
    recordBytes(model, entity) +
    homeOverhead(entity.name, parts.home, parts.indexed, parts.expires !== undefined, model.physical.dynamodb.key)
  );
}

/** Bytes of an index's entry that does not hold all of its item: the item's key, its own, and what it includes. */
export function entryBytes(
  model: ModelData,
  entity: EntityData,
  home: KeyRecipe,
  key: KeyRecipe,
  { partition, sort, includes = [] }: Pick<DynamoIndex, "partition" | "sort" | "includes">,
): number {
  const table = model.physical.dynamodb.key;
  const fields = Object.keys(entity.fields).filter((field) =>
    includes.includes(attributeOf(field, entity.fields, table)),
  );
  const keys =
    table.partition.length + table.sort.length + keyBytes(home) + partition.length + sort.length + keyBytes(key);
  return keys + (fields.length === 0 ? 0 : attributesBytes(model, entity, fields));
}

export function entityEstimate(
  model: ModelData,
  entity: EntityData,
  parts: DynamoEntity,
  indexes: readonly DynamoIndex[],
  prices: DynamoPrices | undefined,
): DynamoEntityEstimate {
  const workload = model.workload.entities[entity.name];
  const itemBytes = itemBytesOf(model, entity, parts);
  const beside = [
    ...parts.copies.map((copy) => copyBytes(model, entity, copy.key, copy.name)),
    ...parts.contributions.map((one) => contributionBytes(one.key)),
    ...parts.uniques.map((one) => 4 + keyBytes(one.key) + 2 + one.name.length + 40),
  ];
  const entries = parts.indexed.map((entry) => {
    const index = indexes.find(({ name }) => name === entry.index);
    return index === undefined || index.projection === "ALL"
      ? itemBytes
      : entryBytes(model, entity, parts.home, entry.key, index);
  });
  const own = [itemBytes, ...beside].reduce((sum, bytes) => sum + writeUnits(bytes), 0);
  const table = beside.length === 0 ? own : 2 * own;
  const inIndexes = entries.reduce((sum, bytes) => sum + writeUnits(bytes), 0);
  const records = workload?.records;
  const perRecord = [itemBytes, ...beside, ...entries].reduce((sum, bytes) => sum + bytes + storageOverhead, 0);
  const storageBytes = records === undefined ? undefined : records * perRecord;
  const writesPerSecond = workload?.writesPerSecond;
  return {
    itemBytes,
    records,
    items: 1 + beside.length,
    insertUnits: { table, indexes: inIndexes },
    storageBytes,
    writesPerSecond,
    money:
      prices &&
      money(prices, { writes: (writesPerSecond ?? 0) * (table + inIndexes), reads: 0, bytes: storageBytes ?? 0 }),
  };
}

function money(
  prices: DynamoPrices,
  use: { readonly reads: number; readonly writes: number; readonly bytes: number },
): DynamoMoney {
  return {
    reads: cents((use.reads * monthSeconds * prices.millionReadUnits) / 1e6),
    writes: cents((use.writes * monthSeconds * prices.millionWriteUnits) / 1e6),
    storage: cents((use.bytes / 1024 ** 3) * prices.gibMonth),
  };
}

/** Rounded to hundredths, so that the same plan has the same bytes everywhere. */
function cents(amount: number): number {
  return Math.round(amount * 100) / 100;
}

export function tableEstimate(
  entities: readonly EstimatedEntity[],
  patterns: readonly { readonly estimate: DynamoPatternEstimate }[],
  prices: DynamoPrices | undefined,
): DynamoTableEstimate {
  const known = entities.flatMap(({ estimate }) => estimate.storageBytes ?? []);
  const storageBytes = known.length === 0 ? undefined : sum(known);
  const writes = sum(
    entities.map(
      ({ estimate }) => (estimate.writesPerSecond ?? 0) * (estimate.insertUnits.table + estimate.insertUnits.indexes),
    ),
  );
  const reads = sum(patterns.map(({ estimate }) => (estimate.requestsPerSecond ?? 0) * (estimate.readUnits ?? 0)));
  return {
    storageBytes,
    writeUnitsPerSecond: entities.some(({ estimate }) => estimate.writesPerSecond !== undefined) ? writes : undefined,
    readUnitsPerSecond: patterns.some(({ estimate }) => estimate.requestsPerSecond !== undefined) ? reads : undefined,
    money: prices && money(prices, { reads, writes, bytes: storageBytes ?? 0 }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** A strong read takes whole units, an eventual one half of them. */
function share(pattern: PatternData): number {
  return pattern.consistency === "eventual" ? 0.5 : 1;
}

function withMoney(
  model: ModelData,
  pattern: PatternData,
  prices: DynamoPrices | undefined,
  facts: Pick<DynamoPatternEstimate, "rows" | "requests" | "readUnits" | "readUnitsFolded">,
): DynamoPatternEstimate {
  const rate = requestsPerSecond(model, pattern.name);
  const perMonth =
    prices === undefined || rate === undefined || facts.readUnits === undefined
      ? undefined
      : cents((rate * facts.readUnits * monthSeconds * prices.millionReadUnits) / 1e6);
  return { ...facts, requestsPerSecond: rate, moneyPerMonth: perMonth };
}

/** What one request of a pattern costs. */
export function patternEstimate(
  model: ModelData,
  plan: DynamoPatternPlan,
  entities: { readonly [entity: string]: EstimatedEntity },
  { indexes, needs }: { readonly indexes: readonly DynamoIndex[]; readonly needs: readonly Need[] },
  prices: DynamoPrices | undefined,
): DynamoPatternEstimate {
  const entity = model.entities[plan.entity] as EntityData;
  const stored = entities[plan.entity] as EstimatedEntity;
  const pattern = model.patterns[plan.pattern] as PatternData;
  const bytes = stored.estimate.itemBytes;
  switch (plan.kind) {
    case "get":
      return getEstimate(model, pattern, bytes, prices);
    case "list": {
      const { shards, filter } = plan.request;
      const need = needs.find(({ patterns }) => plan.reads.kind !== "table" && patterns.includes(plan.pattern));
      const index = indexes.find(({ name }) => name === plan.request.index);
      const narrow = index !== undefined && index.projection !== "ALL" && need !== undefined;
      const read = {
        bytes: narrow ? entryBytes(model, entity, stored.home, need.keys[entity.name] as KeyRecipe, index) : bytes,
        shards,
        filtered: filter !== undefined,
        cut: need?.cut,
      };
      return listEstimate(model, entity, pattern as ListPattern, read, prices);
    }
    case "together": {
      const members = plan.entities.map((name) => ({
        entity: model.entities[name] as EntityData,
        bytes: (entities[name] as EstimatedEntity).estimate.itemBytes,
      }));
      return togetherEstimate(model, pattern as TogetherPattern, members, plan.request.shards, prices);
    }
    case "top": {
      const made = stored.contributions.find((one) => one.pattern === plan.pattern) as DynamoContribution;
      const contribution = {
        bytes: contributionBytes(made.key),
        shards: made.shards,
        foldable: made.bucket !== undefined,
      };
      return topEstimate(model, entity, pattern as TopPattern, contribution, prices);
    }
    default:
      return plan satisfies never;
  }
}

function getEstimate(
  model: ModelData,
  pattern: PatternData,
  bytes: number,
  prices: DynamoPrices | undefined,
): DynamoPatternEstimate {
  return withMoney(model, pattern, prices, { rows: 1, requests: 1, readUnits: readUnits(bytes) * share(pattern) });
}

/** A page: each shard is asked for all its rows, since any of them may have them; buckets as far as rows are missing. */
function listEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
  read: {
    readonly bytes: number;
    readonly shards: number;
    readonly filtered: boolean;
    /** How the place is cut. */
    readonly cut: Cut | undefined;
  },
  prices: DynamoPrices | undefined,
): DynamoPatternEstimate {
  const { asked, group, rows } = pageRows(model, entity, pattern);
  const perShard = Math.min(asked, Math.ceil((group ?? asked * read.shards) / read.shards));
  const { cut } = read;
  if (cut?.unit === undefined || cut.rows === undefined) {
    const units = read.filtered ? undefined : read.shards * readUnits(perShard * read.bytes) * share(pattern);
    return withMoney(model, pattern, prices, { rows, requests: read.shards, readUnits: units });
  }
  // The newest bucket has whatever part of its rows: the estimate is of full ones. Their names are one small read.
  const buckets = Math.max(1, Math.ceil(rows / (cut.rows * read.shards)));
  const perBucket = Math.min(perShard, cut.rows);
  const units = (buckets * read.shards * readUnits(perBucket * read.bytes) + 1) * share(pattern);
  return withMoney(model, pattern, prices, {
    rows,
    requests: buckets * read.shards + 1,
    readUnits: read.filtered ? undefined : units,
  });
}

function togetherEstimate(
  model: ModelData,
  pattern: TogetherPattern,
  members: readonly { readonly entity: EntityData; readonly bytes: number }[],
  shards: number,
  prices: DynamoPrices | undefined,
): DynamoPatternEstimate {
  const fields = pattern.by.map((part) => part.field);
  const groups = members.map(({ entity }) => recordsPerGroup(entity, model.workload.entities[entity.name], fields));
  const wanted = askedRows(model, pattern.name);
  const known = groups.every((group) => group !== undefined);
  const rows = known ? Math.min(wanted, sum(groups)) : wanted;
  const all = known ? sum(groups) : wanted;
  const bytes = known
    ? sum(members.map((member, index) => member.bytes * (groups[index] as number))) * (rows / Math.max(1, all))
    : wanted * Math.max(...members.map((member) => member.bytes));
  return withMoney(model, pattern, prices, {
    rows,
    requests: shards,
    readUnits: shards * readUnits(bytes / shards) * share(pattern),
  });
}

/** All records' contributions before folding; a year's buckets of sums after it. */
function topEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: TopPattern,
  contribution: { readonly bytes: number; readonly shards: number; readonly foldable: boolean },
  prices: DynamoPrices | undefined,
): DynamoPatternEstimate {
  const workload = model.workload.entities[entity.name];
  const wanted = askedRows(model, pattern.name);
  const groups = distinctValues(entity, workload, pattern.by);
  const unit = pattern.range?.unit;
  const buckets = unit === undefined ? 1 : bucketsPerYear[unit];
  const records = workload?.records;
  const perPartition =
    records === undefined ? undefined : (records / (buckets * contribution.shards)) * contribution.bytes;
  const unfolded =
    perPartition === undefined ? undefined : buckets * contribution.shards * readUnits(perPartition) * share(pattern);
  const perBucket = Math.min(
    groups ?? Number.POSITIVE_INFINITY,
    records === undefined ? Number.POSITIVE_INFINITY : records / buckets,
  );
  const folded =
    contribution.foldable && Number.isFinite(perBucket)
      ? readUnits(buckets * (90 + perBucket * 30)) * share(pattern)
      : undefined;
  return withMoney(model, pattern, prices, {
    rows: Math.min(wanted, groups ?? wanted),
    requests: buckets * contribution.shards + (unit === undefined ? 0 : 1),
    readUnits: unfolded,
    ...(folded === undefined ? {} : { readUnitsFolded: folded }),
  });
}
