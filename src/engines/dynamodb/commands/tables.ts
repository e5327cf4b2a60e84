import { fillIndex } from "../data/backfill.js";
import type { IndexDefinition, TableDefinition } from "../data/definition.js";
import type { Table } from "../data/table.js";
import { DynamoError, invalidValue, resourceInUse, resourceNotFound, tableNotFound, validation } from "../errors.js";
import { describeTable } from "./describe.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
import { findTable, namePattern } from "./parameters.js";
import {
  attributesOf,
  checkAllUsed,
  checkIndexes,
  checkStream,
  globalIndex,
  type IndexInput,
  newStream,
  newTable,
  type StreamInput,
  type ThroughputInput,
  throughputOf,
} from "./table-definition.js";
import { createTableMembers, updateTableMembers } from "./table-shapes.js";

/** Tables that one account may have in a region. */
const mostTables = 2_500;

function createTable(call: Call): Reply | Promise<Reply> {
  const { engine, input, region } = call;
  const { catalog, clock } = engine;
  if (input["TableName"] === undefined) {
    throw validation("The parameter 'TableName' is required but was not present in the request");
  }
  const { indexes, streamView, ...rest } = newTable(input, region, clock.now());
  if (catalog.table(rest.name) !== undefined) throw resourceInUse(`Table already exists: ${rest.name}`);
  if (catalog.names().length >= mostTables) {
    throw new DynamoError(
      "LimitExceededException",
      `Subscriber limit exceeded: There is a limit of ${mostTables} tables per subscriber`,
    );
  }
  const created = catalog.write(() => {
    // Looked at again: on disk, a request that came before may be committed only now.
    if (catalog.table(rest.name) !== undefined) throw resourceInUse(`Table already exists: ${rest.name}`);
    return catalog.create({
      ...rest,
      indexes: indexes.map((index) => ({ ...index, tree: catalog.newTree() })),
      streams: streamView === undefined ? [] : [newStream(streamView, catalog.newTree(), clock.now())],
    });
  });
  return andThen(created, (table) => ({ TableDescription: describeTable(table, { status: "CREATING" }) }));
}

/** The table that a request about tables names. */
export function namedTable({ engine, input }: Call): Table {
  const name = input["TableName"] as string;
  const table = findTable(engine, name);
  if (table === undefined) throw tableNotFound(name);
  return table;
}

function deleteTable(call: Call): Reply | Promise<Reply> {
  const { catalog } = call.engine;
  const table = namedTable(call);
  if (table.definition.deletionProtection) {
    throw validation(
      `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`,
    );
  }
  const description = describeTable(table, { status: "DELETING" });
  return andThen(
    catalog.write(() => {
      if (table.dropped) throw tableNotFound(table.name);
      catalog.remove(table);
    }),
    () => ({ TableDescription: description }),
  );
}

function listTables({ engine, input }: Call): Reply {
  const limit = (input["Limit"] as number | undefined) ?? 100;
  const start = input["ExclusiveStartTableName"] as string | undefined;
  const names = engine.catalog.names().filter((name) => start === undefined || name > start);
  const page = names.slice(0, limit);
  return {
    TableNames: page,
    ...(names.length > page.length ? { LastEvaluatedTableName: page[page.length - 1] } : {}),
  };
}

interface IndexUpdate {
  readonly Create?: IndexInput;
  readonly Update?: { readonly IndexName: string; readonly ProvisionedThroughput?: ThroughputInput };
  readonly Delete?: { readonly IndexName: string };
}

function checkUpdate(input: Readonly<Record<string, unknown>>, updates: readonly IndexUpdate[]): void {
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

function updateTable(call: Call): Reply | Promise<Reply> {
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
  const changes: { -readonly [K in keyof TableDefinition]?: TableDefinition[K] } = {};
  const status: Record<string, "CREATING" | "UPDATING" | "DELETING"> = {};
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
  if (throughput !== undefined) {
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
  }
  let { indexes } = definition;
  if (billing === "PAY_PER_REQUEST" && billing !== definition.billing) {
    indexes = indexes.map((each) => ({ ...each, throughput: { read: 0, write: 0 } }));
  }
  const attributes = mergedAttributes(definition, input["AttributeDefinitions"]);
  let created: string | undefined;
  let needsTree: Omit<IndexDefinition, "tree"> | undefined;
  for (const { Create, Update, Delete } of updates) {
    if (Create !== undefined) {
      if (indexes.some((each) => each.name === Create.IndexName)) {
        throw validation(`Attempting to create an index which already exists: ${Create.IndexName}`);
      }
      if (indexes.filter((each) => each.global).length >= 20) {
        throw new DynamoError(
          "LimitExceededException",
          "Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit of 20",
        );
      }
      needsTree = globalIndex(Create, attributes, billing);
      checkIndexes([...indexes, needsTree]);
      created = Create.IndexName;
      status[Create.IndexName] = "CREATING";
    } else if (Delete !== undefined) {
      globalNamed(indexes, Delete.IndexName);
      indexes = indexes.filter((each) => each.name !== Delete.IndexName);
    } else if (Update !== undefined) {
      const index = globalNamed(indexes, Update.IndexName);
      const next = throughputOf(Update.ProvisionedThroughput);
      if (Update.ProvisionedThroughput !== undefined) {
        if (billing === "PAY_PER_REQUEST") {
          throw invalidValue(
            `ProvisionedThroughput should not be specified for index: ${Update.IndexName} when BillingMode is PAY_PER_REQUEST`,
          );
        }
        if (next.read === index.throughput.read && next.write === index.throughput.write) {
          throw validation(
            `The provisioned throughput for the index ${index.name} will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the index: ${next.read}. Requested ReadCapacityUnits: ${next.read}. Current WriteCapacityUnits provisioned for the index: ${next.write}. Requested WriteCapacityUnits: ${next.write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.`,
          );
        }
        indexes = indexes.map((each) =>
          each === index ? { ...each, throughput: { ...each.throughput, ...next, increasedMs: nowMs } } : each,
        );
      }
      status[Update.IndexName] = "UPDATING";
    }
  }
  if (billing === "PROVISIONED" && definition.billing !== "PROVISIONED") {
    const without = indexes.filter((each) => each.global && each.throughput.read === 0).map(({ name }) => name);
    if (without.length > 0) {
      throw invalidValue(`ProvisionedThroughput must be specified for index: ${without.join(",")}`);
    }
  }
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
    if (needsTree !== undefined) {
      indexes = [...indexes, { ...needsTree, tree: catalog.newTree(), backfilling: true }];
    }
    if (view !== undefined) {
      changes.streams = [...definition.streams, newStream(view, catalog.newTree(), nowMs)];
    } else if (stream !== undefined) {
      changes.streams = definition.streams.map((each) => (each === open ? { ...each, disabledMs: nowMs } : each));
    }
    changes.indexes = indexes;
    // Attributes that only a removed index was made of go with it.
    const used = new Set(
      [definition.schema, ...indexes.map((each) => each.schema)].flatMap(({ partition, sort }) => [
        partition.name,
        sort?.name,
      ]),
    );
    changes.attributes = attributes.filter(({ name }) => used.has(name));
    if (needsTree !== undefined) checkAllUsed(attributes, [definition.schema, ...indexes.map((each) => each.schema)]);
    catalog.change(table, changes);
  });
  return andThen(done, () => {
    const description = before ?? describeTable(table, { status: "UPDATING", indexStatus: status });
    if (created !== undefined) fillIndex(catalog, table, created);
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

const tableNameOrArn = { kind: "string", required: true, min: 1, max: 1024 } as const;

export const tableOperations: readonly Operation[] = [
  {
    name: "CreateTable",
    summary: "makes a table with its indexes and stream; it can be used at once",
    supported: true,
    members: createTableMembers,
    run: createTable,
  },
  {
    name: "DescribeTable",
    summary: "tells what a table is like, with exact counts of items and bytes",
    supported: true,
    members: { TableName: tableNameOrArn },
    run: (call) => ({ Table: describeTable(namedTable(call)) }),
  },
  {
    name: "UpdateTable",
    summary: "changes billing, throughput, stream, class and protection; adds an index and fills it, or removes one",
    supported: true,
    members: updateTableMembers,
    run: updateTable,
  },
  {
    name: "DeleteTable",
    summary: "removes a table and all that is in it",
    supported: true,
    members: { TableName: tableNameOrArn },
    run: deleteTable,
  },
  {
    name: "ListTables",
    summary: "lists tables by name",
    supported: true,
    members: {
      ExclusiveStartTableName: { kind: "string", min: 3, max: 255, pattern: namePattern },
      Limit: { kind: "integer", min: 1, max: 100 },
    },
    run: listTables,
  },
];
