import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type RunningDynamodb, startDynamodb } from "../../src/engines/dynamodb/server.js";
import { call, tableInput } from "./client.js";

interface Shard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

const hour = 3_600_000;
let now = 0;
let engine: RunningDynamodb;
afterEach(() => engine.close());

async function begin(options: Parameters<typeof startDynamodb>[0] = {}): Promise<void> {
  now = Date.parse("2026-01-01T00:00:00Z");
  engine = await startDynamodb({ clock: { now: () => now }, ...options });
}

/** Moves the clock, and lets the engine do what is due, as its own timer does every second. */
async function pass(ms: number): Promise<void> {
  now += ms;
  await engine.expire();
}

async function ask(operation: string, input: object): Promise<Record<string, unknown>> {
  const { status, json } = await call(engine.port, operation, input);
  if (status !== 200) throw new Error(`${json["__type"]}: ${json["message"] ?? json["Message"]}`);
  return json;
}

async function createStream(): Promise<string> {
  const stream = { StreamEnabled: true, StreamViewType: "KEYS_ONLY" as const };
  const made = await ask("CreateTable", tableInput("told", { StreamSpecification: stream }));
  return (made["TableDescription"] as { LatestStreamArn: string }).LatestStreamArn;
}

const put = (sk: string) => ask("PutItem", { TableName: "told", Item: { pk: { S: "p" }, sk: { S: sk } } });

async function shardsOf(StreamArn: string, more: object = {}): Promise<Shard[]> {
  const { StreamDescription } = await ask("DescribeStream", { StreamArn, ...more });
  return (StreamDescription as { Shards: Shard[] }).Shards;
}

/** Sort keys of all records of a shard, and whether it is at its end, by one iterator followed as consumers do. */
async function readShard(StreamArn: string, ShardId: string, type: object = { ShardIteratorType: "TRIM_HORIZON" }) {
  let { ShardIterator } = (await ask("GetShardIterator", { StreamArn, ShardId, ...type })) as {
    ShardIterator?: string;
  };
  const keys: string[] = [];
  for (;;) {
    const reply = await ask("GetRecords", { ShardIterator, Limit: 2 });
    const records = reply["Records"] as { dynamodb: { Keys: { sk: { S: string } } } }[];
    keys.push(...records.map(({ dynamodb }) => dynamodb.Keys.sk.S));
    ShardIterator = reply["NextShardIterator"] as string | undefined;
    if (ShardIterator === undefined) return { keys, ended: true };
    if (records.length === 0) return { keys, ended: false };
  }
}

/** All records, as a consumer in the manner of the KCL reads them: a shard when its parent is read to its end. */
async function readLineage(arn: string): Promise<string[]> {
  const shards = await shardsOf(arn);
  const done = new Set<string>();
  const keys: string[] = [];
  const known = new Set(shards.map(({ ShardId }) => ShardId));
  for (let left = [...shards].reverse(); left.length > 0; ) {
    const ready = left.find(
      ({ ParentShardId: parent }) => parent === undefined || !known.has(parent) || done.has(parent),
    );
    if (ready === undefined) throw new Error("a shard's parent comes never");
    const read = await readShard(arn, ready.ShardId);
    expect(read.ended).toBe(ready.SequenceNumberRange.EndingSequenceNumber !== undefined);
    keys.push(...read.keys);
    done.add(ready.ShardId);
    left = left.filter((each) => each !== ready);
  }
  return keys;
}

describe("shards of a stream", () => {
  it("are closed after four hours, each the parent of the next, and read in that order give every change", async () => {
    await begin();
    const arn = await createStream();
    for (const sk of ["a", "b", "c"]) await put(sk);
    expect(await shardsOf(arn)).toHaveLength(1);
    await pass(4 * hour);
    for (const sk of ["d", "e"]) await put(sk);
    await pass(4 * hour);
    const [first, second, third, ...rest] = await shardsOf(arn);
    expect(rest).toEqual([]);
    expect([first?.ParentShardId, second?.ParentShardId, third?.ParentShardId]).toEqual([
      undefined,
      first?.ShardId,
      second?.ShardId,
    ]);
    expect(third?.SequenceNumberRange.EndingSequenceNumber).toBeUndefined();
    const ends = [first, second].map((shard) => shard?.SequenceNumberRange.EndingSequenceNumber ?? "");
    expect(ends[0]! < second!.SequenceNumberRange.StartingSequenceNumber).toBe(true);
    expect(ends[1]! < third!.SequenceNumberRange.StartingSequenceNumber).toBe(true);
    expect(await readShard(arn, first!.ShardId)).toEqual({ keys: ["a", "b", "c"], ended: true });
    expect(await readShard(arn, third!.ShardId)).toEqual({ keys: [], ended: false });
    await put("f");
    expect(await readLineage(arn)).toEqual(["a", "b", "c", "d", "e", "f"]);
    // At the last record of a closed shard there is one more, behind it none.
    const last = { SequenceNumber: ends[0] };
    expect(await readShard(arn, first!.ShardId, { ShardIteratorType: "AT_SEQUENCE_NUMBER", ...last })).toEqual({
      keys: ["c"],
      ended: true,
    });
    for (const type of [{ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", ...last }, { ShardIteratorType: "LATEST" }]) {
      expect(await readShard(arn, first!.ShardId, type)).toEqual({ keys: [], ended: true });
    }
    // A number of another shard.
    const foreign = { ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: ends[1] };
    await expect(readShard(arn, first!.ShardId, foreign)).rejects.toThrow("Invalid SequenceNumber");
  });

  it("are told page by page, and children of one by a filter", async () => {
    await begin({ streamShardMs: hour });
    const arn = await createStream();
    for (let at = 0; at < 4; at++) await pass(hour);
    const all = await shardsOf(arn);
    expect(all).toHaveLength(5);
    const page = await ask("DescribeStream", { StreamArn: arn, Limit: 2 });
    const { LastEvaluatedShardId } = page["StreamDescription"] as { LastEvaluatedShardId: string };
    expect(LastEvaluatedShardId).toBe(all[1]?.ShardId);
    expect(await shardsOf(arn, { ExclusiveStartShardId: LastEvaluatedShardId })).toEqual(all.slice(2));
    const children = { ShardFilter: { Type: "CHILD_SHARDS", ShardId: all[2]?.ShardId } };
    expect(await shardsOf(arn, children)).toEqual([all[3]]);
  });

  it("go a day after they are closed, with their records; what is older is refused as trimmed", async () => {
    await begin();
    const arn = await createStream();
    await put("old");
    const [first] = await shardsOf(arn);
    await pass(4 * hour);
    await put("young");
    const atFirst = {
      ShardIteratorType: "AT_SEQUENCE_NUMBER",
      SequenceNumber: first?.SequenceNumberRange.StartingSequenceNumber,
    };
    expect((await readShard(arn, first!.ShardId, atFirst)).keys).toEqual(["old"]);
    // A day after the first record, four hours before its shard goes.
    await pass(20 * hour);
    expect((await shardsOf(arn))[0]?.ShardId).toBe(first?.ShardId);
    expect(await readShard(arn, first!.ShardId)).toEqual({ keys: [], ended: true });
    await expect(readShard(arn, first!.ShardId, atFirst)).rejects.toThrow("TrimmedDataAccessException");
    expect(await readLineage(arn)).toEqual(["young"]);
    await pass(4 * hour);
    const left = await shardsOf(arn);
    expect(left.some(({ ShardId }) => ShardId === first?.ShardId)).toBe(false);
    // The oldest that is left still names its parent.
    expect(left[0]?.ParentShardId).toBe(first?.ShardId);
  });

  it("stay as they are over a restart; a stream that is closed ends its shard, and goes a day later", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "keyfold-streams-"));
    await begin({ dataDir });
    const arn = await createStream();
    await put("a");
    await pass(4 * hour);
    await put("b");
    const before = await shardsOf(arn);
    expect(before).toHaveLength(2);
    await engine.close();
    engine = await startDynamodb({ dataDir, clock: { now: () => now } });
    expect(await shardsOf(arn)).toEqual(before);
    await put("c");
    expect(await readLineage(arn)).toEqual(["a", "b", "c"]);
    await ask("UpdateTable", { TableName: "told", StreamSpecification: { StreamEnabled: false } });
    expect(await readLineage(arn)).toEqual(["a", "b", "c"]);
    expect((await shardsOf(arn)).at(-1)?.SequenceNumberRange.EndingSequenceNumber).toBeDefined();
    await pass(25 * hour);
    await expect(shardsOf(arn)).rejects.toThrow("ResourceNotFoundException");
    await engine.close();
    await rm(dataDir, { recursive: true });
    engine = await startDynamodb();
  });

  it("an iterator at a number that a cancelled transaction left unused goes on to the next record", async () => {
    await begin();
    const arn = await createStream();
    const [shard] = await shardsOf(arn);
    const latest = { StreamArn: arn, ShardId: shard?.ShardId, ShardIteratorType: "LATEST" };
    const { ShardIterator } = await ask("GetShardIterator", latest);
    const item = (sk: string, more: object = {}) => ({
      Put: { TableName: "told", Item: { pk: { S: "p" }, sk: { S: sk } }, ...more },
    });
    const cancelled = ask("TransactWriteItems", {
      TransactItems: [item("never"), item("nor", { ConditionExpression: "attribute_exists(pk)" })],
    });
    await expect(cancelled).rejects.toThrow("TransactionCanceledException");
    await put("a");
    const { Records } = await ask("GetRecords", { ShardIterator });
    expect(Records).toHaveLength(1);
  });
});
