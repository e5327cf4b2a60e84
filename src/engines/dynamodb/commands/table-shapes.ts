import { boolean, type Members, type Shape, string } from "../protocol/shapes.js";
import { indexNameShape, namePattern } from "./parameters.js";

/** Shapes of what tables and indexes are made of. */

const throughputShape: Shape = {
  kind: "structure",
  name: "ProvisionedThroughput",
  members: {
    WriteCapacityUnits: { kind: "long", required: true, min: 1 },
    ReadCapacityUnits: { kind: "long", required: true, min: 1 },
  },
};

const onDemandShape: Shape = {
  kind: "structure",
  name: "OnDemandThroughput",
  members: { MaxReadRequestUnits: { kind: "long" }, MaxWriteRequestUnits: { kind: "long" } },
};

const warmShape: Shape = {
  kind: "structure",
  name: "WarmThroughput",
  members: { ReadUnitsPerSecond: { kind: "long", min: 1 }, WriteUnitsPerSecond: { kind: "long", min: 1 } },
};

const keySchemaShape: Shape = {
  kind: "list",
  required: true,
  min: 1,
  max: 2,
  of: {
    kind: "structure",
    name: "KeySchemaElement",
    members: {
      AttributeName: { kind: "string", required: true, min: 1, max: 255 },
      KeyType: { kind: "string", required: true, values: ["HASH", "RANGE"] },
    },
  },
};

const projectionShape: Shape = {
  kind: "structure",
  name: "Projection",
  required: true,
  members: {
    ProjectionType: { kind: "string", values: ["ALL", "INCLUDE", "KEYS_ONLY"] },
    NonKeyAttributes: { kind: "list", of: { kind: "string", min: 1, max: 255 }, min: 1, max: 20 },
  },
};

const requiredIndexName: Shape = { ...indexNameShape, required: true };

const indexMembers: Members = { IndexName: requiredIndexName, KeySchema: keySchemaShape, Projection: projectionShape };

const globalMembers: Members = {
  ...indexMembers,
  ProvisionedThroughput: throughputShape,
  OnDemandThroughput: onDemandShape,
  WarmThroughput: warmShape,
};

const attributesShape: Shape = {
  kind: "list",
  of: {
    kind: "structure",
    name: "AttributeDefinition",
    members: {
      AttributeName: { kind: "string", required: true, min: 1, max: 255 },
      AttributeType: { kind: "string", required: true, values: ["B", "N", "S"] },
    },
  },
};

const billingShape: Shape = { kind: "string", values: ["PROVISIONED", "PAY_PER_REQUEST"] };
const classShape: Shape = { kind: "string", values: ["STANDARD", "STANDARD_INFREQUENT_ACCESS"] };

const streamShape: Shape = {
  kind: "structure",
  name: "StreamSpecification",
  members: {
    StreamEnabled: { kind: "boolean", required: true },
    StreamViewType: { kind: "string", values: ["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"] },
  },
};

const encryptionShape: Shape = {
  kind: "structure",
  name: "SSESpecification",
  members: { Enabled: boolean, SSEType: { kind: "string", values: ["AES256", "KMS"] }, KMSMasterKeyId: string },
};

export const tagsShape: Shape = {
  kind: "list",
  of: {
    kind: "structure",
    name: "Tag",
    members: {
      Key: { kind: "string", required: true, min: 1, max: 128 },
      Value: { kind: "string", required: true, max: 256 },
    },
  },
};

/** A table's name where no ARN is taken. */
export const plainTableName: Shape = { kind: "string", min: 3, max: 255, pattern: namePattern };

export const createTableMembers: Members = {
  AttributeDefinitions: { ...attributesShape, required: true },
  TableName: plainTableName,
  BillingMode: billingShape,
  ProvisionedThroughput: throughputShape,
  OnDemandThroughput: onDemandShape,
  WarmThroughput: warmShape,
  KeySchema: keySchemaShape,
  LocalSecondaryIndexes: {
    kind: "list",
    of: { kind: "structure", name: "LocalSecondaryIndex", members: indexMembers },
  },
  GlobalSecondaryIndexes: {
    kind: "list",
    of: { kind: "structure", name: "GlobalSecondaryIndex", members: globalMembers },
  },
  StreamSpecification: streamShape,
  SSESpecification: encryptionShape,
  TableClass: classShape,
  DeletionProtectionEnabled: boolean,
  Tags: tagsShape,
  ResourcePolicy: string,
};

export const updateTableMembers: Members = {
  TableName: { kind: "string", required: true, min: 1, max: 1024 },
  AttributeDefinitions: attributesShape,
  BillingMode: billingShape,
  ProvisionedThroughput: throughputShape,
  OnDemandThroughput: onDemandShape,
  WarmThroughput: warmShape,
  GlobalSecondaryIndexUpdates: {
    kind: "list",
    of: {
      kind: "structure",
      name: "GlobalSecondaryIndexUpdate",
      members: {
        Create: { kind: "structure", name: "CreateGlobalSecondaryIndexAction", members: globalMembers },
        Update: {
          kind: "structure",
          name: "UpdateGlobalSecondaryIndexAction",
          members: {
            IndexName: requiredIndexName,
            ProvisionedThroughput: throughputShape,
            OnDemandThroughput: onDemandShape,
            WarmThroughput: warmShape,
          },
        },
        Delete: {
          kind: "structure",
          name: "DeleteGlobalSecondaryIndexAction",
          members: { IndexName: requiredIndexName },
        },
      },
    },
  },
  StreamSpecification: streamShape,
  SSESpecification: encryptionShape,
  TableClass: classShape,
  DeletionProtectionEnabled: boolean,
  ReplicaUpdates: { kind: "list", of: { kind: "structure", name: "ReplicationGroupUpdate", members: {} } },
};
