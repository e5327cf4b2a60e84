import type { EntityData } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import { workloadMissing } from "../lint-workload.js";
import { recordsPerGroup } from "../workload.js";
import type { DesignView } from "./lint.js";
import { hottestWriteUnits, partitionWriteUnits } from "./load.js";
import { collectionLimit, fieldsSize } from "./sizes.js";
import type { EstimatedEntity } from "./types.js";

/** Limits of DynamoDB (manual: "Quotas in Amazon DynamoDB"). */
const itemLimit = 400 * 1024;
/** Above this an item is dear to read and to change: each write takes units for all of it. */
const heavyItem = 50 * 1024;

/** Findings about what one entity's records become. */
export function lintEntity(view: DesignView, entity: EntityData): readonly Finding[] {
  const stored = view.entities[entity.name] as EstimatedEntity;
  return [
    ...itemSize(entity, stored),
    ...homeCollection(view, entity, stored),
    ...hotHome(view, entity, stored),
    ...movingKeys(entity, stored),
    ...neverDeleted(view, entity),
    ...workloadMissing(view.model, entity, "Storage, units of reads, hot and large partitions cannot be estimated."),
    ...noTableOfItsOwn(entity),
  ];
}

function itemSize(entity: EntityData, stored: EstimatedEntity): readonly Finding[] {
  const typical = stored.estimate.itemBytes;
  const full = fieldsSize(entity.fields).full;
  if (typical <= heavyItem && full <= itemLimit) return [];
  return [
    {
      code: "large-item",
      severity: typical > itemLimit ? "error" : typical > heavyItem ? "warning" : "info",
      subject: entity.name,
      evidence: `a typical item has ${formatBytes(typical)}, one with every bounded array and text full ${formatBytes(full)}`,
      cause: "An item is limited to 400 KiB, and each write of it takes a write unit for every KiB of it.",
      fix: "Make what grows an entity of its own with the same first field of the key, and read both with together; keep large values elsewhere and store where they are.",
    },
  ];
}

function homeCollection({ model, homes }: DesignView, entity: EntityData, stored: EstimatedEntity): readonly Finding[] {
  const home = homes.get(entity.name);
  if (home === undefined || home.sortFields.length === 0) return [];
  const group = recordsPerGroup(entity, model.workload.entities[entity.name], home.partitionFields);
  const bytes = group === undefined ? undefined : group * stored.estimate.itemBytes;
  if (bytes === undefined || bytes < collectionLimit) return [];
  return [
    {
      code: "unbounded-collection",
      severity: "warning",
      subject: entity.name,
      evidence: `one ${home.partitionFields.join(", ")} has about ${formatNumber(group ?? 0)} items, ${formatBytes(bytes)}`,
      cause: "A partition holds 10 GB; a larger collection is spread, and can never have a local index.",
      fix: "Begin the key with a further field or a time bucket, so that a collection stays bounded.",
    },
  ];
}

function hotHome({ model, homes }: DesignView, entity: EntityData, stored: EstimatedEntity): readonly Finding[] {
  const home = homes.get(entity.name);
  if (home === undefined || home.sortFields.length === 0) return [];
  const by = home.partitionFields.map((field) => ({ kind: "field", field, param: field }) as const);
  const units = hottestWriteUnits(model, entity, by, "home");
  if (units <= partitionWriteUnits) return [];
  const shard = stored.home.partition.find((part) => part.kind === "shard");
  return [hotWrites(entity.name, units, shard?.count)];
}

/** Too many writes for one partition key: spread by the plan, or not. */
export function hotWrites(subject: string, units: number, shards: number | undefined): Finding {
  const evidence = `the hottest partition key would take about ${formatNumber(Math.round(units))} write units a second`;
  const cause = "One partition key takes 1,000 write units a second, whatever the table has.";
  return shards === undefined
    ? {
        code: "hot-key",
        severity: "warning",
        subject,
        evidence,
        cause,
        fix: "Begin the key with a field that spreads writes.",
      }
    : {
        code: "write-sharded",
        severity: "info",
        subject,
        evidence: `${evidence}: it is spread over ${shards} shards`,
        cause: `${cause} A list asks all shards at once and merges them in order.`,
        fix: "Nothing; state a truer hottestKeyShare or writesPerSecond if these are guesses.",
      };
}

function movingKeys(entity: EntityData, stored: EstimatedEntity): readonly Finding[] {
  if (entity.appendOnly) return [];
  const places = [...stored.indexed, ...stored.copies];
  const fields = new Set(
    places.flatMap(({ key }) =>
      [...key.partition, ...key.sort].flatMap((part) =>
        part.kind === "field" || part.kind === "bucket" ? [part.field] : [],
      ),
    ),
  );
  const changing = [...fields].filter((field) => !entity.key.includes(field));
  if (changing.length === 0) return [];
  const copied = stored.copies.length > 0;
  return [
    {
      code: "key-attribute-changes",
      severity: "info",
      subject: entity.name,
      evidence: `${changing.join(", ")} ${changing.length === 1 ? "is" : "are"} in the keys of ${places.map(({ name }) => name).join(", ")}`,
      cause: copied
        ? "An update of such a field reads the record and moves its copies, all in one transaction: twice the units of the items that it touches."
        : "An update of such a field reads the record first, and its entry in the index is deleted and written anew.",
      fix: "Nothing, where they seldom change.",
    },
  ];
}

/** A year of writes against the records that are planned for. */
const yearSeconds = 365 * 86_400;

function neverDeleted({ model }: DesignView, entity: EntityData): readonly Finding[] {
  const workload = model.workload.entities[entity.name];
  const { records, writesPerSecond } = workload ?? {};
  if (entity.expires !== undefined) return [];
  if (records === undefined || writesPerSecond === undefined || writesPerSecond * yearSeconds < 2 * records) return [];
  return [
    {
      code: "ttl-missing",
      severity: "info",
      subject: entity.name,
      evidence: `${formatNumber(writesPerSecond)} writes a second are ${formatNumber(Math.round(writesPerSecond * yearSeconds))} in a year, and ${formatNumber(records)} records are planned for`,
      cause: "If those writes are inserts, records pile up: nothing deletes them.",
      fix: 'Say when they end with expires: "field" (a date), or plan for more; nothing, if most writes change records that are there.',
    },
  ];
}

function noTableOfItsOwn(entity: EntityData): readonly Finding[] {
  if (entity.storedAs === entity.name) return [];
  return [
    {
      code: "stored-as-unused",
      severity: "warning",
      subject: entity.name,
      evidence: `"${entity.name}" says storedAs: ${JSON.stringify(entity.storedAs)}`,
      cause:
        "On DynamoDB all entities of a model share one table, and the adapter is told its name: storedAs names nothing.",
      fix: "Name the table where the adapter is made, and leave storedAs to engines with a table or collection for each entity.",
    },
  ];
}
