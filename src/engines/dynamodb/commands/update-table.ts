import { fillIndex } from "../data/backfill.js";
import type { IndexDefinition, TableDefinition } from "../data/definition.js";
import type { Table } from "../data/table.js";
import { DynamoError, invalidValue, resourceInUse, resourceNotFound, tableNotFound, validation } from "../errors.js";
import { describeTable } from "./describe.js";
import { andThen, type Call, type Reply } from "./operation.js";
import { namedTable } from "./parameters.js";
import {
  attributesOf,
  checkAllUsed,
  checkIndexes,
  checkStream,
  globalIndex,
  type IndexInput,
  newStream,
  type StreamInput,
  type ThroughputInput,
  throughputOf,
} from "./table-definition.js";

type Input = Readonly<Record<string, unknown>>;
type Changes = { -readonly [K in keyof TableDefinition]?: TableDefinition[K] };

/** Global secondary indexes that a table may have. */
const mostIndexes = 20;

interface IndexUpdate {
  readonly Create?: IndexInput;
  readonly Update?: { readonly IndexName: string; readonly ProvisionedThroughput?: ThroughputInput };
  readonly Delete?: { readonly IndexName: string };
}

function checkUpdate(input: Input, updates: readonly IndexUpdate[]): void {
  const changes = [
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "SSESpecification",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
    "ReplicaUpdates",
  ];
  if (updates.length === 0 && changes.every((name) => input[name] === undefined)) {
    throw validation(
      "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
    );
  }
  if (input["ReplicaUpdates"] !== undefined) {
    throw validation("One or more parameter values were invalid: Replicas are not supported in this region");
  }
  if (input["BillingMode"] === "PROVISIONED" && input["ProvisionedThroughput"] === undefined) {
    throw invalidValue("ProvisionedThroughput must be specified when BillingMode is PROVISIONED");
  }
  const names = new Set<string>();
  for (const { Create, Update, Delete } of updates) {
    const name = (Update ?? Create ?? Delete)?.IndexName;
    if (name === undefined) {
      throw invalidValue(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null",
      );
    }
    if (names.has(name)) {
      throw invalidValue(`Only one global secondary index update per index is allowed simultaneously. Index: ${name}`);
    }
    names.add(name);
  }
  if (updates.filter(({ Create, Delete }) => Create !== undefined || Delete !== undefined).length > 1) {
    throw new DynamoError(
      "LimitExceededException",
      "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    );
  }
}

function beingUpdated({ name }: Table): Error {
  return resourceInUse(`Attempt to change a resource which is still in use: Table is being updated: ${name}`);
}

/** Changes of billing and of the table's own throughput. */
function capacityChanges(definition: TableDefinition, input: Input, nowMs: number): Changes {
  const changes: Changes = {};
  const billing = (input["BillingMode"] as TableDefinition["billing"] | undefined) ?? definition.billing;
  const throughput = input["ProvisionedThroughput"] as ThroughputInput | undefined;
  if (billing === "PAY_PER_REQUEST" && throughput !== undefined) {
    throw invalidValue(
      "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    );
  }
  if (billing !== definition.billing) {
    changes.billing = billing;
    changes.billingChangedMs = nowMs;
    if (billing === "PAY_PER_REQUEST") changes.throughput = { read: 0, write: 0 };
  }
  if (throughput === undefined) return changes;
  const next = throughputOf(throughput);
  const { throughput: before } = definition;
  if (next.read === before.read && next.write === before.write && billing === definition.billing) {
    throw validation(
      `The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: ${before.read}. Requested ReadCapacityUnits: ${next.read}. Current WriteCapacityUnits provisioned for the table: ${before.write}. Requested WriteCapacityUnits: ${next.write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.`,
    );
  }
  const fewer = next.read < before.read || next.write < before.write;
  changes.throughput = {
    ...before,
    ...next,
    ...(next.read > before.read || next.write > before.write ? { increasedMs: nowMs } : {}),
    ...(fewer ? { decreasedMs: nowMs, decreasesToday: (before.decreasesToday ?? 0) + 1 } : {}),
  };
  return changes;
}

/** The indexes that a table will have. */
interface ChangedIndexes {
  /** Without the one that is made. */
  readonly indexes: readonly IndexDefinition[];
  /** The one that is made; its tree comes with the change. */
  readonly added: Omit<IndexDefinition, "tree"> | undefined;
  readonly status: { readonly [index: string]: "CREATING" | "UPDATING" };
}

function changedIndexes(
  definition: TableDefinition,
  updates: readonly IndexUpdate[],
  attributes: TableDefinition["attributes"],
  billing: TableDefinition["billing"],
  nowMs: number,
): ChangedIndexes {
  let { indexes } = definition;
  if (billing === "PAY_PER_REQUEST" && billing !== definition.billing) {
    indexes = indexes.map((each) => ({ ...each, throughput: { read: 0, write: 0 } }));
  }
  const status: Record<string, "CREATING" | "UPDATING"> = {};
  let added: ChangedIndexes["added"];
  for (const { Create, Update, Delete } of updates) {
    if (Create !== undefined) {
      if (indexes.some((each) => each.name === Create.IndexName)) {
        throw validation(`Attempting to create an index which already exists: ${Create.IndexName}`);
      }
      if (indexes.filter((each) => each.global).length >= mostIndexes) {
        throw new DynamoError(
          "LimitExceededException",
          `Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit of ${mostIndexes}`,
        );
      }
      added = globalIndex(Create, attributes, billing);
      checkIndexes([...indexes, added]);
      status[Create.IndexName] = "CREATING";
    } else if (Delete !== undefined) {
      globalNamed(indexes, Delete.IndexName);
      indexes = indexes.filter((each) => each.name !== Delete.IndexName);
    } else if (Update !== undefined) {
      const index = globalNamed(indexes, Update.IndexName);
      const throughput = indexThroughput(index, Update.ProvisionedThroughput, billing, nowMs);
      indexes = indexes.map((each) => (each === index ? { ...each, throughput } : each));
      status[Update.IndexName] = "UPDATING";
    }
  }
  if (billing === "PROVISIONED" && definition.billing !== "PROVISIONED") {
    const without = indexes.filter((each) => each.global && each.throughput.read === 0).map(({ name }) => name);
    if (without.length > 0) {
      throw invalidValue(`ProvisionedThroughput must be specified for index: ${without.join(",")}`);
    }
  }
  return { indexes, added, status };
}

/** The throughput that an index will have. */
function indexThroughput(
  { name, throughput }: IndexDefinition,
  asked: ThroughputInput | undefined,
  billing: TableDefinition["billing"],
  nowMs: number,
): IndexDefinition["throughput"] {
  const next = throughputOf(asked);
  if (asked === undefined) return throughput;
  if (billing === "PAY_PER_REQUEST") {
    throw invalidValue(
      `ProvisionedThroughput should not be specified for index: ${name} when BillingMode is PAY_PER_REQUEST`,
    );
  }
  if (next.read === throughput.read && next.write === throughput.write) {
    throw validation(
      `The provisioned throughput for the index ${name} will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the index: ${next.read}. Requested ReadCapacityUnits: ${next.read}. Current WriteCapacityUnits provisioned for the index: ${next.write}. Requested WriteCapacityUnits: ${next.write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.`,
    );
  }
  return { ...throughput, ...next, increasedMs: nowMs };
}

/** Changes a table; an index that is added is filled afterwards. */
export function updateTable(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const { catalog, clock } = engine;
  const updates = (input["GlobalSecondaryIndexUpdates"] as IndexUpdate[] | undefined) ?? [];
  checkUpdate(input, updates);
  const table = namedTable(call);
  const { definition } = table;
  if (definition.indexes.some((each) => each.backfilling)) {
    throw beingUpdated(table);
  }
  const nowMs = clock.now();
  const changes = capacityChanges(definition, input, nowMs);
  const billing = changes.billing ?? definition.billing;
  const attributes = mergedAttributes(definition, input["AttributeDefinitions"]);
  const { indexes, added, status } = changedIndexes(definition, updates, attributes, billing, nowMs);
  const stream = input["StreamSpecification"] as StreamInput | undefined;
  const view = checkStream(stream);
  const open = definition.streams.find((each) => each.disabledMs === undefined);
  if (view !== undefined && open !== undefined) {
    throw validation(`Table already has an enabled stream: TableName: ${table.name}`);
  }
  if (stream?.StreamEnabled === false && open === undefined) {
    throw validation(`Table has no stream to disable: TableName: ${table.name}`);
  }
  if (input["DeletionProtectionEnabled"] !== undefined) {
    changes.deletionProtection = input["DeletionProtectionEnabled"] as boolean;
  }
  if (input["TableClass"] !== undefined) changes.tableClass = input["TableClass"] as string;
  if (input["OnDemandThroughput"] !== undefined) {
    changes.onDemand = input["OnDemandThroughput"] as NonNullable<TableDefinition["onDemand"]>;
  }
  const deleted = table.indexes.find((each) => !indexes.some(({ name }) => name === each.definition.name));
  const before =
    deleted === undefined
      ? undefined
      : describeTable(table, { status: "UPDATING", indexStatus: { [deleted.definition.name]: "DELETING" } });
  const done = catalog.write(() => {
    if (table.dropped) throw tableNotFound(table.name);
    if (table.definition !== definition) throw beingUpdated(table);
    changes.indexes =
      added === undefined ? indexes : [...indexes, { ...added, tree: catalog.newTree(), backfilling: true }];
    if (view !== undefined) {
      changes.streams = [...definition.streams, newStream(view, catalog.newTree(), nowMs)];
    } else if (stream !== undefined) {
      changes.streams = definition.streams.map((each) => (each === open ? { ...each, disabledMs: nowMs } : each));
    }
    // Attributes that only a removed index was made of go with it.
    const schemas = [definition.schema, ...changes.indexes.map((each) => each.schema)];
    const used = new Set(schemas.flatMap(({ partition, sort }) => [partition.name, sort?.name]));
    changes.attributes = attributes.filter(({ name }) => used.has(name));
    if (added !== undefined) checkAllUsed(attributes, schemas);
    catalog.change(table, changes);
  });
  return andThen(done, () => {
    const description = before ?? describeTable(table, { status: "UPDATING", indexStatus: status });
    if (added !== undefined) fillIndex(catalog, table, added.name);
    return { TableDescription: description };
  });
}

function globalNamed(indexes: readonly IndexDefinition[], name: string): IndexDefinition {
  const index = indexes.find((each) => each.global && each.name === name);
  if (index === undefined) {
    throw resourceNotFound(`Requested resource not found`);
  }
  return index;
}

/** The attributes of a table with those that an update defines. */
function mergedAttributes(definition: TableDefinition, input: unknown): TableDefinition["attributes"] {
  if (input === undefined) return definition.attributes;
  const added = attributesOf(input as Parameters<typeof attributesOf>[0]);
  for (const { name, type } of added) {
    const before = definition.attributes.find((each) => each.name === name);
    if (before !== undefined && before.type !== type) {
      throw invalidValue(
        `Attempting to redefine an attribute with a different type: ${name}. Existing type: ${before.type}, new type: ${type}`,
      );
    }
  }
  return [
    ...definition.attributes,
    ...added.filter(({ name }) => !definition.attributes.some((each) => each.name === name)),
  ];
}
