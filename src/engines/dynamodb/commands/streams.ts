import { type StreamDefinition, streamArn } from "../data/definition.js";
import type { Shard } from "../data/shards.js";
import type { StoredRecord, StreamLog } from "../data/stream-log.js";
import { sequenceNumber, sequenceText } from "../data/stream-numbers.js";
import type { Table } from "../data/table.js";
import { DynamoError, resourceNotFound, validation } from "../errors.js";
import { type Shape, string } from "../protocol/shapes.js";
import type { Call, Engine, Operation, Reply } from "./operation.js";
import { findTable } from "./parameters.js";

/** How long an iterator can be used. */
const iteratorMs = 15 * 60 * 1000;
const mostRecords = 1000;
const mostShards = 100;
/** Bytes of records that one answer has. */
const largestAnswer = 1024 * 1024;

const arnShape: Shape = { kind: "string", required: true, min: 37, max: 1024 };

const shardId: Shape = { kind: "string", required: true, min: 28, max: 65 };

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

function shownShard({ id, parentId, first, last }: Shard): object {
  return {
    ShardId: id,
    SequenceNumberRange: {
      StartingSequenceNumber: sequenceText(first),
      ...(last === undefined ? {} : { EndingSequenceNumber: sequenceText(last) }),
    },
    ...(parentId === undefined ? {} : { ParentShardId: parentId }),
  };
}

function describeStream(call: Call): Reply {
  const { engine, input } = call;
  const { table, log, arn } = streamOf(call);
  const { definition } = log;
  const start = input["ExclusiveStartShardId"] as string | undefined;
  const limit = (input["Limit"] as number | undefined) ?? mostShards;
  const filter = input["ShardFilter"] as { Type?: string; ShardId?: string } | undefined;
  // Ids sort as shards follow each other: they begin with a time.
  const shards = log
    .shards(engine.clock.now())
    .filter(({ id }) => start === undefined || id > start)
    .filter(({ parentId }) => filter === undefined || parentId === filter.ShardId);
  const page = shards.slice(0, limit);
  return {
    StreamDescription: {
      StreamArn: arn,
      StreamLabel: definition.label,
      StreamStatus: status(definition),
      StreamViewType: definition.view,
      CreationRequestDateTime: definition.createdMs / 1000,
      TableName: table.name,
      KeySchema: keySchema(table),
      Shards: page.map(shownShard),
      ...(shards.length > page.length ? { LastEvaluatedShardId: page.at(-1)!.id } : {}),
    },
  };
}

/** What an iterator says, in base64. */
interface Iterator {
  readonly arn: string;
  /** The first number of its shard. */
  readonly shard: number;
  readonly next: number;
  readonly ms: number;
}

function encodeIterator({ arn, shard, next, ms }: Iterator): string {
  return `${arn}|1|${Buffer.from(JSON.stringify([shard, next, ms])).toString("base64")}`;
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

function decodeIterator(text: string): Iterator {
  const [arn = "", , rest = ""] = text.split("|");
  try {
    const [shard, next, ms] = JSON.parse(Buffer.from(rest, "base64").toString("utf8")) as unknown[];
    if (isNumber(shard) && isNumber(next) && typeof ms === "number") return { arn, shard, next, ms };
  } catch {}
  throw validation("Invalid ShardIterator");
}

function trimmed(): DynamoError {
  return new DynamoError(
    "TrimmedDataAccessException",
    "The operation attempted to read past the oldest stream record in a shard",
  );
}

function getShardIterator(call: Call): Reply {
  const { engine, input } = call;
  const { log, arn } = streamOf(call);
  const now = engine.clock.now();
  const id = input["ShardId"] as string;
  const shard = log.shards(now).find((each) => each.id === id);
  if (shard === undefined) throw resourceNotFound(`Requested resource not found: Shard does not exist: ${id}`);
  const next = placeIn(shard, log, now, input["ShardIteratorType"] as string, input["SequenceNumber"]);
  return { ShardIterator: encodeIterator({ arn, shard: shard.first, next, ms: now }) };
}

/** The number that an iterator of this type begins with. */
function placeIn({ first, last }: Shard, log: StreamLog, now: number, type: string, text: unknown): number {
  const horizon = log.horizon(now);
  const end = last === undefined ? log.next : last + 1;
  if (type === "TRIM_HORIZON" || type === "LATEST") {
    if (text !== undefined) throw validation(`SequenceNumber must not be provided for ShardIteratorType ${type}`);
    return type === "LATEST" ? end : Math.min(Math.max(first, horizon), end);
  }
  if (text === undefined) throw validation(`SequenceNumber must be provided for ShardIteratorType ${type}`);
  const number = sequenceNumber(text as string);
  if (number === undefined || number < first || number > end) throw validation(`Invalid SequenceNumber: ${text}`);
  if (number < horizon) throw trimmed();
  return type === "AFTER_SEQUENCE_NUMBER" ? number + 1 : number;
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
  const shard = log.shards(now).find((each) => each.first === iterator.shard);
  if (shard === undefined) throw trimmed();
  const end = shard.last === undefined ? undefined : shard.last + 1;
  if (iterator.next < log.horizon(now) && iterator.next !== end) throw trimmed();
  const limit = (input["Limit"] as number | undefined) ?? mostRecords;
  const records = log.read(iterator.next, shard.last, limit, largestAnswer);
  const newest = records.at(-1);
  const next = newest === undefined ? iterator.next : newest.number + 1;
  // Behind its last record a closed shard's iterator ends. Numbers that were left unused are not waited for.
  const ended = end !== undefined && (next >= end || records.length === 0);
  return {
    ...(ended ? {} : { NextShardIterator: encodeIterator({ ...iterator, next, ms: now }) }),
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
    summary: "tells what a stream is like, with its shards: which are closed, and whose child each is",
    supported: true,
    members: {
      StreamArn: arnShape,
      ExclusiveStartShardId: { ...shardId, required: false },
      Limit: { kind: "integer", min: 1, max: mostShards },
      ShardFilter: {
        kind: "structure",
        name: "ShardFilter",
        members: { Type: { kind: "string", values: ["CHILD_SHARDS"] }, ShardId: { ...shardId, required: false } },
      },
    },
    run: describeStream,
  },
  {
    name: "GetShardIterator",
    summary: "gives a place in a shard to read from",
    supported: true,
    members: {
      StreamArn: arnShape,
      ShardId: shardId,
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
