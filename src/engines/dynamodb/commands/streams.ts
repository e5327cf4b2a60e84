import { type StreamDefinition, streamArn } from "../data/definition.js";
import { type StoredRecord, type StreamLog, sequenceNumber, sequenceText } from "../data/stream-log.js";
import type { Table } from "../data/table.js";
import { DynamoError, resourceNotFound, validation } from "../errors.js";
import { type Shape, string } from "../protocol/shapes.js";
import type { Call, Engine, Operation, Reply } from "./operation.js";
import { findTable } from "./parameters.js";

/** How long an iterator can be used. */
const iteratorMs = 15 * 60 * 1000;
const mostRecords = 1000;
/** Bytes of records that one answer has. */
const largestAnswer = 1024 * 1024;

const arnShape: Shape = { kind: "string", required: true, min: 37, max: 1024 };

const arnPattern = /^arn:[^:]+:dynamodb:[^:]*:[^:]*:table\/([^/]+)\/stream\/(.+)$/;

interface Found {
  readonly table: Table;
  readonly log: StreamLog;
  readonly arn: string;
}

function findStream(engine: Engine, arn: string): Found | undefined {
  const match = arnPattern.exec(arn);
  if (match === null) throw validation(`Invalid StreamArn: ${arn}`);
  const table = engine.catalog.table(match[1]!);
  const log = table?.streamLog(match[2]!);
  return table === undefined || log === undefined ? undefined : { table, log, arn };
}

function streamOf(call: Call): Found {
  const arn = call.input["StreamArn"] as string;
  const found = findStream(call.engine, arn);
  if (found === undefined) throw resourceNotFound(`Requested resource not found: Stream: ${arn} not found`);
  return found;
}

function listStreams({ engine, input }: Call): Reply {
  const name = input["TableName"] as string | undefined;
  const limit = (input["Limit"] as number | undefined) ?? 100;
  const start = input["ExclusiveStartStreamArn"] as string | undefined;
  if (start !== undefined && !arnPattern.test(start)) throw validation(`Invalid StreamArn: ${start}`);
  const tables = name === undefined ? [...engine.catalog.tables()] : [findTable(engine, name)];
  const all = tables
    .flatMap((table) =>
      table === undefined
        ? []
        : table.definition.streams.map((stream) => ({
            StreamArn: streamArn(table.definition, stream),
            TableName: table.name,
            StreamLabel: stream.label,
          })),
    )
    .sort((a, b) => (a.StreamArn < b.StreamArn ? -1 : 1))
    .filter(({ StreamArn }) => start === undefined || StreamArn > start);
  const page = all.slice(0, limit);
  return {
    Streams: page,
    ...(all.length > page.length ? { LastEvaluatedStreamArn: page[page.length - 1]!.StreamArn } : {}),
  };
}

function keySchema({ schema }: Table): object[] {
  return [
    { AttributeName: schema.partition.name, KeyType: "HASH" },
    ...(schema.sort === undefined ? [] : [{ AttributeName: schema.sort.name, KeyType: "RANGE" }]),
  ];
}

function status(stream: StreamDefinition): string {
  return stream.disabledMs === undefined ? "ENABLED" : "DISABLED";
}

function describeStream(call: Call): Reply {
  const { table, log, arn } = streamOf(call);
  const { definition } = log;
  const start = call.input["ExclusiveStartShardId"] as string | undefined;
  const shards =
    start !== undefined && start >= log.shardId
      ? []
      : [
          {
            ShardId: log.shardId,
            SequenceNumberRange: {
              StartingSequenceNumber: sequenceText(1),
              ...(definition.disabledMs === undefined ? {} : { EndingSequenceNumber: sequenceText(log.next - 1) }),
            },
          },
        ];
  return {
    StreamDescription: {
      StreamArn: arn,
      StreamLabel: definition.label,
      StreamStatus: status(definition),
      StreamViewType: definition.view,
      CreationRequestDateTime: definition.createdMs / 1000,
      TableName: table.name,
      KeySchema: keySchema(table),
      Shards: shards,
    },
  };
}

/** What an iterator says, in base64. */
interface Iterator {
  readonly arn: string;
  readonly next: number;
  readonly ms: number;
}

function encodeIterator(iterator: Iterator): string {
  return `${iterator.arn}|1|${Buffer.from(JSON.stringify([iterator.next, iterator.ms])).toString("base64")}`;
}

function decodeIterator(text: string): Iterator {
  const [arn = "", , rest = ""] = text.split("|");
  try {
    const [next, ms] = JSON.parse(Buffer.from(rest, "base64").toString("utf8")) as [unknown, unknown];
    if (Number.isSafeInteger(next) && (next as number) > 0 && typeof ms === "number") {
      return { arn, next: next as number, ms };
    }
  } catch {}
  throw validation("Invalid ShardIterator");
}

function getShardIterator(call: Call): Reply {
  const { engine, input } = call;
  const { log, arn } = streamOf(call);
  const shard = input["ShardId"] as string;
  if (shard !== log.shardId) {
    throw resourceNotFound(`Requested resource not found: Shard does not exist: ${shard}`);
  }
  const type = input["ShardIteratorType"] as string;
  const text = input["SequenceNumber"] as string | undefined;
  let next: number;
  if (type === "TRIM_HORIZON" || type === "LATEST") {
    if (text !== undefined) {
      throw validation(`SequenceNumber must not be provided for ShardIteratorType ${type}`);
    }
    next = type === "LATEST" ? log.next : log.first;
  } else {
    if (text === undefined) {
      throw validation(`SequenceNumber must be provided for ShardIteratorType ${type}`);
    }
    const number = sequenceNumber(text);
    if (number === undefined) throw validation(`Invalid SequenceNumber: ${text}`);
    if (number < log.first && log.first > 1) {
      throw new DynamoError(
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard",
      );
    }
    if (number > log.next) {
      throw validation(`Invalid SequenceNumber: ${text}`);
    }
    next = type === "AFTER_SEQUENCE_NUMBER" ? number + 1 : number;
  }
  return { ShardIterator: encodeIterator({ arn, next, ms: engine.clock.now() }) };
}

function shownRecord(found: Found, number: number, record: StoredRecord): object {
  const { view } = found.log.definition;
  return {
    eventID: `${found.table.definition.id.replaceAll("-", "").slice(0, 16)}${number.toString(16).padStart(16, "0")}`,
    eventName: record.name,
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: found.table.definition.region,
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(record.ms / 1000),
      Keys: record.keys,
      ...(record.after === undefined ? {} : { NewImage: record.after }),
      ...(record.before === undefined ? {} : { OldImage: record.before }),
      SequenceNumber: sequenceText(number),
      SizeBytes: record.bytes,
      StreamViewType: view,
    },
    ...(record.byTtl === undefined ? {} : { userIdentity: { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" } }),
  };
}

function getRecords(call: Call): Reply {
  const { engine, input } = call;
  const iterator = decodeIterator(input["ShardIterator"] as string);
  const now = engine.clock.now();
  if (iterator.ms < now - iteratorMs) throw new DynamoError("ExpiredIteratorException", "Iterator expired");
  const found = findStream(engine, iterator.arn);
  if (found === undefined) {
    throw resourceNotFound(`Requested resource not found: Stream: ${iterator.arn} not found`);
  }
  const { log } = found;
  if (iterator.next < log.first && log.first > 1) {
    throw new DynamoError(
      "TrimmedDataAccessException",
      "The operation attempted to read past the oldest stream record in a shard",
    );
  }
  const records = log.read(iterator.next, (input["Limit"] as number | undefined) ?? mostRecords, largestAnswer);
  const last = records[records.length - 1];
  const next = last === undefined ? iterator.next : last.number + 1;
  // A closed stream's iterator ends behind its last record.
  const ended = log.definition.disabledMs !== undefined && next >= log.next;
  return {
    ...(ended ? {} : { NextShardIterator: encodeIterator({ arn: iterator.arn, next, ms: now }) }),
    Records: records.map(({ number, record }) => shownRecord(found, number, record)),
  };
}

export const streamOperations: readonly Operation[] = [
  {
    name: "ListStreams",
    summary: "lists streams, of one table or of all",
    supported: true,
    members: { TableName: string, ExclusiveStartStreamArn: string, Limit: { kind: "integer", min: 1, max: 100 } },
    run: listStreams,
  },
  {
    name: "DescribeStream",
    summary: "tells what a stream is like; it has one shard",
    supported: true,
    members: { StreamArn: arnShape, ExclusiveStartShardId: string, Limit: { kind: "integer", min: 1, max: 100 } },
    run: describeStream,
  },
  {
    name: "GetShardIterator",
    summary: "gives a place in a shard to read from",
    supported: true,
    members: {
      StreamArn: arnShape,
      ShardId: { kind: "string", required: true, min: 28, max: 65 },
      ShardIteratorType: {
        kind: "string",
        required: true,
        values: ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"],
      },
      SequenceNumber: { kind: "string", min: 21, max: 40 },
    },
    run: getShardIterator,
  },
  {
    name: "GetRecords",
    summary: "reads changes of items from a place on; they are kept for a day",
    supported: true,
    members: {
      ShardIterator: { kind: "string", required: true, min: 1, max: 2048 },
      Limit: { kind: "integer", min: 1, max: mostRecords },
    },
    run: getRecords,
  },
];
