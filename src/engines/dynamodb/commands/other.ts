import { DynamoError, validation } from "../errors.js";
import { string } from "../protocol/shapes.js";
import type { Call, Operation, Reply } from "./operation.js";
import { findTable } from "./parameters.js";

/** Operations about the account, and those that have no meaning on one node, which are answered with an error. */

function describeLimits(): Reply {
  return {
    AccountMaxReadCapacityUnits: 80_000,
    AccountMaxWriteCapacityUnits: 80_000,
    TableMaxReadCapacityUnits: 40_000,
    TableMaxWriteCapacityUnits: 40_000,
  };
}

function describeEndpoints({ engine }: Call): Reply {
  return { Endpoints: [{ Address: engine.address(), CachePeriodInMinutes: 1440 }] };
}

const tableName = { kind: "string", required: true, min: 1, max: 1024 } as const;

function describeContinuousBackups(call: Call): Reply {
  const name = call.input["TableName"] as string;
  if (findTable(call.engine, name) === undefined) {
    throw new DynamoError("TableNotFoundException", `Table not found: ${name}`);
  }
  return {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: "DISABLED",
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "DISABLED" },
    },
  };
}

function refused(name: string, summary: string, error: (call: Call) => Error): Operation {
  return {
    name,
    summary,
    supported: false,
    members: { TableName: string },
    run: (call) => {
      throw error(call);
    },
  };
}

/** The error of a resource that such an operation names, and that is not there. */
function notFound(kind: string, member: string): (call: Call) => Error {
  return ({ input }) => {
    const value = input[member];
    if (typeof value !== "string") {
      return validation(
        `1 validation error detected: Value null at '${member.charAt(0).toLowerCase()}${member.slice(1)}' failed to satisfy constraint: Member must not be null`,
      );
    }
    return new DynamoError(`${kind}NotFoundException`, `${kind} not found: ${value}`);
  };
}

function notHere(what: string): () => Error {
  return () => new DynamoError("UnknownOperationException", `${what} is not supported by this endpoint`);
}

export const otherOperations: readonly Operation[] = [
  {
    name: "DescribeLimits",
    summary: "tells the account's quotas, those that a new account has",
    supported: true,
    members: {},
    run: describeLimits,
  },
  {
    name: "DescribeEndpoints",
    summary: "tells the engine's own address",
    supported: true,
    members: {},
    run: describeEndpoints,
  },
  {
    name: "DescribeContinuousBackups",
    summary: "tells that a table cannot be brought back to a time",
    supported: true,
    members: { TableName: tableName },
    run: describeContinuousBackups,
  },
  {
    name: "ListBackups",
    summary: "lists backups: none",
    supported: true,
    members: {},
    run: () => ({ BackupSummaries: [] }),
  },
  {
    name: "ListExports",
    summary: "lists exports: none",
    supported: true,
    members: {},
    run: () => ({ ExportSummaries: [] }),
  },
  {
    name: "ListImports",
    summary: "lists imports: none",
    supported: true,
    members: {},
    run: () => ({ ImportSummaryList: [] }),
  },
  {
    name: "ListGlobalTables",
    summary: "lists global tables: none",
    supported: true,
    members: {},
    run: () => ({ GlobalTables: [] }),
  },
  refused("CreateBackup", "backups", notHere("CreateBackup")),
  refused("DescribeBackup", "backups", notFound("Backup", "BackupArn")),
  refused("DeleteBackup", "backups", notFound("Backup", "BackupArn")),
  refused("RestoreTableFromBackup", "backups", notFound("Backup", "BackupArn")),
  refused(
    "RestoreTableToPointInTime",
    "bringing a table back to a time",
    () => new DynamoError("PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table"),
  ),
  refused(
    "UpdateContinuousBackups",
    "bringing a table back to a time",
    () => new DynamoError("ContinuousBackupsUnavailableException", "Backups are not available for this table"),
  ),
  refused(
    "ExportTableToPointInTime",
    "exports to S3",
    () => new DynamoError("PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table"),
  ),
  refused("DescribeExport", "exports to S3", notFound("Export", "ExportArn")),
  refused("ImportTable", "imports from S3", notHere("ImportTable")),
  refused("DescribeImport", "imports from S3", notFound("Import", "ImportArn")),
  refused("CreateGlobalTable", "replicas in other regions", notHere("CreateGlobalTable")),
  refused("UpdateGlobalTable", "replicas in other regions", notFound("GlobalTable", "GlobalTableName")),
  refused("DescribeGlobalTable", "replicas in other regions", notFound("GlobalTable", "GlobalTableName")),
  refused("DescribeGlobalTableSettings", "replicas in other regions", notFound("GlobalTable", "GlobalTableName")),
  refused("UpdateGlobalTableSettings", "replicas in other regions", notFound("GlobalTable", "GlobalTableName")),
  refused("DescribeTableReplicaAutoScaling", "replicas in other regions", notHere("DescribeTableReplicaAutoScaling")),
  refused("UpdateTableReplicaAutoScaling", "replicas in other regions", notHere("UpdateTableReplicaAutoScaling")),
  refused(
    "EnableKinesisStreamingDestination",
    "copies of changes to Kinesis",
    notHere("EnableKinesisStreamingDestination"),
  ),
  refused(
    "DisableKinesisStreamingDestination",
    "copies of changes to Kinesis",
    notHere("DisableKinesisStreamingDestination"),
  ),
  refused(
    "DescribeKinesisStreamingDestination",
    "copies of changes to Kinesis",
    notHere("DescribeKinesisStreamingDestination"),
  ),
  refused(
    "UpdateKinesisStreamingDestination",
    "copies of changes to Kinesis",
    notHere("UpdateKinesisStreamingDestination"),
  ),
  refused("DescribeContributorInsights", "CloudWatch's insights", notHere("DescribeContributorInsights")),
  refused("UpdateContributorInsights", "CloudWatch's insights", notHere("UpdateContributorInsights")),
  refused("ListContributorInsights", "CloudWatch's insights", notHere("ListContributorInsights")),
  refused("PutResourcePolicy", "policies of IAM", notHere("PutResourcePolicy")),
  refused(
    "GetResourcePolicy",
    "policies of IAM",
    () => new DynamoError("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn"),
  ),
  refused("DeleteResourcePolicy", "policies of IAM", notHere("DeleteResourcePolicy")),
];
