import {
  type IndexDefinition,
  type StreamDefinition,
  streamArn,
  type TableDefinition,
  type Throughput,
  tableArn,
} from "../data/definition.js";
import type { Table } from "../data/table.js";
import type { KeySchema } from "../values/key-encoding.js";

/** Tables as DescribeTable shows them. */

function seconds(ms: number): number {
  return ms / 1000;
}

function keySchema({ partition, sort }: KeySchema): object[] {
  const out = [{ AttributeName: partition.name, KeyType: "HASH" }];
  if (sort !== undefined) out.push({ AttributeName: sort.name, KeyType: "RANGE" });
  return out;
}

function throughput(value: Throughput): object {
  return {
    ...(value.increasedMs === undefined ? {} : { LastIncreaseDateTime: seconds(value.increasedMs) }),
    ...(value.decreasedMs === undefined ? {} : { LastDecreaseDateTime: seconds(value.decreasedMs) }),
    NumberOfDecreasesToday: value.decreasesToday ?? 0,
    ReadCapacityUnits: value.read,
    WriteCapacityUnits: value.write,
  };
}

/** What a table can serve at once; on-demand tables begin with these. */
function warm(value: Throughput, paid: boolean): object {
  return {
    ReadUnitsPerSecond: paid ? 12_000 : value.read,
    WriteUnitsPerSecond: paid ? 4_000 : value.write,
    Status: "ACTIVE",
  };
}

function projection(index: IndexDefinition): object {
  return {
    ProjectionType: index.projection,
    ...(index.include.length > 0 ? { NonKeyAttributes: index.include } : {}),
  };
}

/** How the description of something that is being made or removed differs. */
export interface DescribeOptions {
  readonly status?: "CREATING" | "UPDATING" | "DELETING";
  /** States of indexes by name. */
  readonly indexStatus?: Readonly<Record<string, "CREATING" | "UPDATING" | "DELETING">>;
}

export function describeTable(table: Table, options: DescribeOptions = {}): object {
  const { definition } = table;
  const arn = tableArn(definition);
  const paid = definition.billing === "PAY_PER_REQUEST";
  const status = options.status ?? (definition.indexes.some((each) => each.backfilling) ? "UPDATING" : "ACTIVE");
  const locals = table.indexes.filter((each) => !each.definition.global);
  const globals = table.indexes.filter((each) => each.definition.global);
  const open = definition.streams.find((each) => each.disabledMs === undefined);
  const latest: StreamDefinition | undefined = open ?? definition.streams[definition.streams.length - 1];
  const gone = status === "DELETING";
  return {
    ...(gone
      ? {}
      : {
          AttributeDefinitions: definition.attributes.map(({ name, type }) => ({
            AttributeName: name,
            AttributeType: type,
          })),
        }),
    TableName: definition.name,
    ...(gone ? {} : { KeySchema: keySchema(definition.schema), CreationDateTime: seconds(definition.createdMs) }),
    TableStatus: status,
    ProvisionedThroughput: throughput(definition.throughput),
    TableSizeBytes: table.counter.bytes,
    ItemCount: table.counter.items,
    TableArn: arn,
    TableId: definition.id,
    ...billing(definition),
    ...(definition.onDemand === undefined ? {} : { OnDemandThroughput: definition.onDemand }),
    ...(locals.length === 0 || gone
      ? {}
      : {
          LocalSecondaryIndexes: locals.map(({ definition: index, counter }) => ({
            IndexName: index.name,
            KeySchema: keySchema(index.schema),
            Projection: projection(index),
            IndexSizeBytes: counter.bytes,
            ItemCount: counter.items,
            IndexArn: `${arn}/index/${index.name}`,
          })),
        }),
    ...(globals.length === 0 || gone
      ? {}
      : {
          GlobalSecondaryIndexes: globals.map(({ definition: index, counter }) => {
            const state =
              options.indexStatus?.[index.name] ?? (index.backfilling || status === "CREATING" ? "CREATING" : "ACTIVE");
            return {
              IndexName: index.name,
              KeySchema: keySchema(index.schema),
              Projection: projection(index),
              IndexStatus: state,
              ...(index.backfilling === undefined ? {} : { Backfilling: true }),
              ProvisionedThroughput: throughput(index.throughput),
              IndexSizeBytes: counter.bytes,
              ItemCount: counter.items,
              IndexArn: `${arn}/index/${index.name}`,
              ...(index.onDemand === undefined ? {} : { OnDemandThroughput: index.onDemand }),
              WarmThroughput: warm(index.throughput, paid),
            };
          }),
        }),
    ...(open === undefined ? {} : { StreamSpecification: { StreamEnabled: true, StreamViewType: open.view } }),
    ...(latest === undefined
      ? {}
      : { LatestStreamLabel: latest.label, LatestStreamArn: streamArn(definition, latest) }),
    ...(definition.encryption === undefined
      ? {}
      : {
          SSEDescription: {
            Status: "ENABLED",
            SSEType: "KMS",
            KMSMasterKeyArn:
              definition.encryption.key ?? `arn:aws:kms:${definition.region}:123456789012:key/aws-managed`,
          },
        }),
    ...(definition.tableClass === undefined ? {} : { TableClassSummary: { TableClass: definition.tableClass } }),
    DeletionProtectionEnabled: definition.deletionProtection,
    ...(gone ? {} : { WarmThroughput: warm(definition.throughput, paid) }),
  };
}

function billing(definition: TableDefinition): object {
  const { billing: mode, billingChangedMs } = definition;
  if (mode !== "PAY_PER_REQUEST" && billingChangedMs === undefined) return {};
  return {
    BillingModeSummary: {
      BillingMode: mode,
      ...(mode === "PAY_PER_REQUEST"
        ? { LastUpdateToPayPerRequestDateTime: seconds(billingChangedMs ?? definition.createdMs) }
        : {}),
    },
    TableThroughputModeSummary: {
      TableThroughputMode: mode,
      ...(mode === "PAY_PER_REQUEST"
        ? { LastUpdateToPayPerRequestDateTime: seconds(billingChangedMs ?? definition.createdMs) }
        : {}),
    },
  };
}
