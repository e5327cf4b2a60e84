import type { EntityData, EntityWorkload, ListPattern, ModelData, TopPattern } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import { askedRows, distinctValues, recordsPerGroup, requestsPerSecond, typicalItems } from "../workload.js";
import type { ListAccess } from "./indexes.js";
import type { RedisEntityEstimate, RedisListIndex, RedisPatternEstimate, RedisTopIndex, RedisUnique } from "./types.js";

/**
 * Sizes follow what MEMORY USAGE reports on Redis 7 and 8 with jemalloc, rounded: a key with a string value takes about
 * 80 bytes beside both texts; a sorted set keeps 128 members in one packed list, and above that a node and a table entry
 * for each. Text whose length is not known counts 16 bytes.
 */
const typicalText = 16;
const keyOverhead = 80;
const packedMember = 11;
const treeMember = 90;
const packedMembers = 128;
/** `{"_v":…,"_x":1,` and the line ends. */
const recordOverhead = 32;

/** Bytes of a typical value as JSON. */
export function jsonBytes(field: Field): number {
  switch (field.kind) {
    case "string":
      return 2 + Math.min(typicalText, field.maxLength ?? typicalText);
    case "enum":
      return 2 + Math.round(field.values.reduce((sum, one) => sum + one.length, 0) / Math.max(1, field.values.length));
    case "int":
      return 6;
    case "int64":
      return 12;
    case "double":
      return 12;
    case "decimal":
      return 8 + field.scale;
    case "boolean":
      return 5;
    case "date":
      return 13;
    case "uuid":
      return 38;
    case "bytes":
      return 90;
    case "json":
      return 64;
    case "map":
      return 2 + 4 * (12 + jsonBytes(field.value));
    case "array":
      return 2 + Math.round(typicalItems(field) * (1 + jsonBytes(field.element)));
    case "object":
      return 2 + Object.entries(field.fields).reduce((sum, [name, one]) => sum + name.length + 4 + jsonBytes(one), 0);
    default:
      return field satisfies never;
  }
}

/** Bytes of a value in a key or a member. */
export function textBytes(field: Field | undefined): number {
  if (field === undefined) return 1;
  switch (field.kind) {
    case "date":
      return 14;
    case "double":
      return 16;
    case "boolean":
      return 1;
    case "decimal":
      return 8;
    case "int":
      return 7;
    case "int64":
      return 13;
    default:
      return jsonBytes(field) - 2;
  }
}

export function recordBytes(entity: EntityData, workload: EntityWorkload | undefined): number {
  const fields = Object.entries(entity.fields).reduce((sum, [name, one]) => sum + name.length + 5 + jsonBytes(one), 0);
  return (workload?.bytes ?? fields) + recordOverhead;
}

function nameBytes(entity: EntityData, fields: readonly string[]): number {
  return fields.reduce((sum, field) => sum + 1 + textBytes(fieldAt(entity.fields, field)), 0);
}

/** What a list's sorted sets take. `group` fields may be buckets, whose number is not known. */
export function listIndexEstimate(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  pattern: Pick<ListPattern, "by">,
  access: ListAccess,
): RedisListIndex["estimate"] {
  const member =
    access.terms.reduce((sum, { field }) => sum + 1 + textBytes(fieldAt(entity.fields, field)), 0) +
    nameBytes(entity, entity.key);
  const group = groupSize(entity, workload, pattern);
  const packed = group !== undefined && group <= packedMembers && member <= 64;
  const perGroup = keyOverhead + entity.storedAs.length + access.index.name.length + typicalText;
  const entryBytes =
    member + (packed ? packedMember : treeMember) + (group === undefined ? 0 : Math.round(perGroup / group));
  return { entryBytes, bytes: workload?.records === undefined ? undefined : workload.records * entryBytes };
}

/** Members of a typical group, where the workload tells. */
export function groupSize(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  pattern: Pick<ListPattern, "by">,
): number | undefined {
  const fields = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  return fields.length === pattern.by.length ? recordsPerGroup(entity, workload, fields) : undefined;
}

/** What a sum's hashes take: a field per group in each bucket of each level, of which only "all" can be told. */
export function topIndexEstimate(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  pattern: TopPattern,
): RedisTopIndex["estimate"] {
  const groups = distinctValues(entity, workload, pattern.by);
  if (groups === undefined) return { bytes: undefined };
  return { bytes: groups * (packedMember + textBytes(fieldAt(entity.fields, pattern.by)) + typicalText) };
}

export function entityEstimate(
  entity: EntityData,
  workload: EntityWorkload | undefined,
  lists: readonly RedisListIndex[],
  tops: readonly RedisTopIndex[],
  uniques: readonly RedisUnique[],
): RedisEntityEstimate {
  const bytes = recordBytes(entity, workload);
  const records = workload?.records;
  const keyBytes = keyOverhead + entity.storedAs.length + nameBytes(entity, entity.key);
  const perUnique = uniques.reduce(
    (sum, { fields }) => sum + keyOverhead + nameBytes(entity, fields) + nameBytes(entity, entity.key),
    0,
  );
  const perEnd = entity.expires === undefined ? 0 : treeMember + nameBytes(entity, entity.key);
  const indexes = lists.reduce((sum, index) => sum + index.estimate.entryBytes, perUnique + perEnd);
  const sums = tops.reduce((sum, index) => sum + (index.estimate.bytes ?? 0), 0);
  return {
    recordBytes: bytes + keyBytes,
    records,
    dataBytes: records === undefined ? undefined : records * (bytes + keyBytes),
    indexBytes: records === undefined ? undefined : records * indexes + sums,
  };
}

export function getEstimate(model: ModelData, entity: EntityData, pattern: string): RedisPatternEstimate {
  return {
    rows: 1,
    entriesRead: 1,
    bytesReturned: recordBytes(entity, model.workload.entities[entity.name]),
    requestsPerSecond: requestsPerSecond(model, pattern),
  };
}

export function listEstimate(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
  access: ListAccess,
): RedisPatternEstimate {
  const workload = model.workload.entities[entity.name];
  const wanted = askedRows(model, pattern.name);
  const group = groupSize(entity, workload, pattern);
  const rows = group === undefined ? wanted : Math.min(wanted, group);
  return {
    rows,
    entriesRead: access.range.kind === "filter" ? undefined : rows + 1,
    bytesReturned: rows * recordBytes(entity, workload),
    requestsPerSecond: requestsPerSecond(model, pattern.name),
  };
}

export function topEstimate(model: ModelData, entity: EntityData, pattern: TopPattern): RedisPatternEstimate {
  const groups = distinctValues(entity, model.workload.entities[entity.name], pattern.by);
  const wanted = askedRows(model, pattern.name);
  return {
    rows: groups === undefined ? wanted : Math.min(wanted, groups),
    entriesRead: groups,
    bytesReturned: groups === undefined ? undefined : groups * (typicalText + 24),
    requestsPerSecond: requestsPerSecond(model, pattern.name),
  };
}
