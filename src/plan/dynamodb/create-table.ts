import type { DynamoIndex, DynamoTable } from "./types.js";

/** The table as CreateTable and CloudFormation take it. */
export interface TableDefinition {
  readonly AttributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: "S" }[];
  readonly KeySchema: readonly KeyElement[];
  readonly BillingMode: "PAY_PER_REQUEST";
  readonly GlobalSecondaryIndexes?: readonly IndexDefinition[];
  readonly LocalSecondaryIndexes?: readonly IndexDefinition[];
}
export interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: "HASH" | "RANGE";
}
export interface IndexDefinition {
  readonly IndexName: string;
  readonly KeySchema: readonly KeyElement[];
  readonly Projection: {
    readonly ProjectionType: DynamoIndex["projection"];
    readonly NonKeyAttributes?: readonly string[];
  };
}

function keySchema(partition: string, sort: string): readonly KeyElement[] {
  return [
    { AttributeName: partition, KeyType: "HASH" },
    { AttributeName: sort, KeyType: "RANGE" },
  ];
}

export function indexDefinition(index: DynamoIndex): IndexDefinition {
  return {
    IndexName: index.name,
    KeySchema: keySchema(index.partition, index.sort),
    Projection: {
      ProjectionType: index.projection,
      ...(index.includes === undefined ? {} : { NonKeyAttributes: index.includes }),
    },
  };
}

/** The definition with these of the table's indexes. */
export function tableDefinition(
  table: DynamoTable,
  indexes: readonly DynamoIndex[] = table.indexes,
  locals: readonly DynamoIndex[] = table.localIndexes,
): TableDefinition {
  const names = [
    table.partition,
    table.sort,
    ...indexes.flatMap((index) => [index.partition, index.sort]),
    ...locals.map(({ sort }) => sort),
  ];
  return {
    AttributeDefinitions: names.map((name) => ({ AttributeName: name, AttributeType: "S" })),
    KeySchema: keySchema(table.partition, table.sort),
    BillingMode: "PAY_PER_REQUEST",
    // An empty list is refused.
    ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes.map(indexDefinition) }),
    ...(locals.length === 0 ? {} : { LocalSecondaryIndexes: locals.map(indexDefinition) }),
  };
}

/** A CloudFormation template (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html); the table outlives its stack. */
export function renderCloudFormation(table: DynamoTable, name: string): string {
  const template = {
    AWSTemplateFormatVersion: "2010-09-09",
    Resources: {
      Table: {
        Type: "AWS::DynamoDB::Table",
        DeletionPolicy: "Retain",
        UpdateReplacePolicy: "Retain",
        Properties: {
          TableName: name,
          ...tableDefinition(table),
          ...(table.expires === undefined
            ? {}
            : { TimeToLiveSpecification: { AttributeName: table.expires, Enabled: true } }),
        },
      },
    },
  };
  return `${JSON.stringify(template, undefined, 2)}\n`;
}
