import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import type { Field } from "../../model/field.js";
import type { AttributeValue, Doc, Item } from "../../patterns/dynamodb/driver.js";
import { conditionFailed } from "../../patterns/dynamodb/errors.js";
import { checkSize, itemSize } from "../../patterns/dynamodb/item-size.js";
import { VERSION, WRITES } from "../../plan/dynamodb/names.js";
import type { Changes, ConditionalCall, RecordData } from "../port/adapter.js";
import { scaledInteger, scaledText } from "../port/conditions.js";
import { MOST_DECIMAL } from "../port/increments.js";
import { failed, MAX_RACES, notApplied, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { runWrite, type Write } from "../port/write.js";
import type { Codec, StoredItem } from "./codec.js";
import { living, notExpired } from "./expiry.js";
import { conditionExpressions, type Names, Placeholders } from "./expressions.js";
import { Kept, keyOfNames } from "./kept.js";
import { listBuckets } from "./listed-buckets.js";
import type { WriteReply } from "./requests.js";
import {
  absent,
  type ChangeOf,
  hasVersion,
  NO_WRITE,
  present,
  putChange,
  remember,
  seenUpdate,
  updateChange,
} from "./seen-change.js";
import { besides, blockers, deleteBeside, putBeside, transact } from "./transaction.js";
import { mayBeForgotten, readHome, type StoredEntity, settle, versionOfWrite } from "./write.js";

/** Stores a record, whatever is there. */
export async function putOne(
  record: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const { codec } = entity;
  const { entity: stored } = codec;
  const conditional = call.ifVersion !== undefined || (call.if?.length ?? 0) > 0;
  const change = putChange(record, entity);
  const beside = stored.copies.length + stored.contributions.length + stored.uniques.length > 0;
  return runWrite(call, whole, async (write) => {
    if (!beside) {
      await listBuckets([record], entity, write.attempts);
      return modifyBlindly(record, { ...change, add: [], entries: codec.entries(record) }, !conditional, write, entity);
    }
    return modifySeen(record, () => change, !conditional, write, entity);
  });
}

/** Changes, removes and increments fields of one record. */
export async function updateOne(
  key: RecordData,
  changes: Changes,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const { codec } = entity;
  const touched = [...Object.keys(changes.set), ...changes.unset, ...Object.keys(changes.increment)];
  return runWrite(call, whole, async (write) => {
    if (codec.touches(touched)) return modifySeen(key, updateChange(changes, entity), false, write, entity);
    const set: Item = {};
    for (const [name, value] of Object.entries(changes.set)) {
      if (value !== undefined) set[codec.attribute(name)] = codec.encoder(name)(value);
    }
    checkSize(itemSize(set), codec.entity.entity);
    const remove = changes.unset.map((name) => codec.attribute(name));
    const add = Object.entries(changes.increment).filter(([, amount]) => amount !== undefined);
    return modifyBlindly(key, { set, remove, add, entries: {} }, false, write, entity);
  });
}

interface BlindChange {
  readonly set: { readonly [attribute: string]: AttributeValue };
  readonly remove: readonly string[];
  readonly add: readonly (readonly [string, unknown])[];
  readonly entries: { readonly [attribute: string]: AttributeValue | undefined };
}

/** What an increment adds, and within which bound the stored number must be. */
interface Addition {
  readonly attribute: string;
  readonly amount: AttributeValue;
  readonly room: Room | undefined;
}

/** The texts of a blind change; changes of one shape differ in their values alone. */
interface Shape {
  readonly update: string;
  readonly condition: string;
  readonly names: Names;
}

const shapes = new WeakMap<Codec, Kept<Shape>>();
const ZERO: AttributeValue = { N: "0" };
const ONE: AttributeValue = { N: "1" };

/** The shape of a change. Its values are numbered in the order in which they are made here: `valuesOf` has the same. */
function shapeOf(
  set: readonly string[],
  remove: readonly string[],
  additions: readonly Addition[],
  upsert: boolean,
  codec: Codec,
): Shape {
  let known = shapes.get(codec);
  if (known === undefined) {
    known = new Kept();
    shapes.set(codec, known);
  }
  const added = additions.map(({ attribute, room }) => `${room?.up ?? "any"} ${attribute}`);
  const names = [upsert ? "put" : "update", ...set, "", ...remove, "", ...added];
  return known.get(keyOfNames(names), () => {
    const to = new Placeholders();
    const sets = set.map((name) => `${to.name(name)} = ${to.value(ZERO)}`);
    const guards: string[] = [];
    for (const { attribute, room } of additions) {
      const name = to.name(attribute);
      sets.push(`${name} = if_not_exists(${name}, ${to.value(ZERO)}) + ${to.value(ZERO)}`);
      if (room !== undefined)
        guards.push(`(attribute_not_exists(${name}) OR ${name} ${room.up ? "<=" : ">="} ${to.value(room.limit)})`);
    }
    const version = to.name(VERSION);
    sets.push(`${version} = if_not_exists(${version}, ${to.value(ZERO)}) + ${to.value(ONE)}`);
    const { sets: remembers, id } = remember("", to);
    sets.push(...remembers);
    const removes = remove.map((name) => to.name(name));
    const conditions = [
      ...(upsert ? [] : [`attribute_exists(${to.key(codec.tableKey.partition)})`]),
      // The write is not among those that the item remembers.
      ...WRITES.map((name) => `NOT ${to.name(name)} = ${id}`),
      ...guards,
    ];
    return {
      update: `SET ${sets.join(", ")}${removes.length === 0 ? "" : ` REMOVE ${removes.join(", ")}`}`,
      condition: conditions.join(" AND "),
      names: to.names,
    };
  });
}

/** A change that needs not know what is stored: one UpdateItem, tested and done by the server. */
async function modifyBlindly(
  key: RecordData,
  change: BlindChange,
  upsert: boolean,
  write: Write,
  entity: StoredEntity,
): Promise<WriteOutcome> {
  const { requests, codec } = entity;
  const { call } = write;
  const set = { ...change.set, ...present(change.entries) };
  const remove = [...change.remove, ...absent(change.entries)];
  const additions = change.add.map(([name, amount]): Addition => {
    const room = roomFor(codec.fields[name] as Field, amount);
    return { attribute: codec.attribute(name), amount: codec.encoder(name)(amount), room };
  });
  const shape = shapeOf(Object.keys(set), remove, additions, upsert, codec);
  const to = new Placeholders(shape.names);
  for (const name in set) to.value(set[name] as AttributeValue);
  for (const { amount, room } of additions) {
    to.value(ZERO);
    to.value(amount);
    if (room !== undefined) to.value(room.limit);
  }
  // A record that is not there begins with a version of the clock, so that one that was deleted does not come back.
  const base = upsert ? requests.nextVersion() : 0;
  to.value({ N: String(base) });
  to.value(ONE);
  to.value(NO_WRITE);
  to.value({ S: write.id });
  const demanded = [...(upsert ? [] : notExpired(entity, to)), ...demands(call, entity, to)];
  const input: Doc = {
    TableName: requests.table,
    Key: codec.keyItem(key),
    UpdateExpression: shape.update,
    ConditionExpression: demanded.length === 0 ? shape.condition : [shape.condition, ...demanded].join(" AND "),
    ...to.members(),
    // What was there tells the version as well as what is there now, and is nothing where the record is new.
    ReturnValues: "UPDATED_OLD",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
  for (let race = 0; race < MAX_RACES; race++) {
    const reply = await requests.write("UpdateItem", input, write.attempts);
    if (reply.kind === "reply") {
      const was = reply.output["Attributes"] as { readonly [attribute: string]: AttributeValue } | undefined;
      return { kind: "applied", version: Number(was?.[VERSION]?.N ?? base) + 1 };
    }
    if (reply.kind === "failed") {
      return reply.mayHaveRun ? settle(key, write, entity, reply.error) : failed(reply.error);
    }
    const outcome = await refusal(
      reply,
      key,
      write,
      entity,
      additions.some(({ room }) => room !== undefined),
    );
    if (outcome !== undefined) return outcome;
  }
  return raced(codec.entity.entity);
}

/** Why a condition did not hold; undefined: another writer was between, and it may hold now. */
async function refusal(
  reply: WriteReply & { readonly kind: "refused" },
  key: RecordData,
  write: Write,
  entity: StoredEntity,
  guarded: boolean,
): Promise<WriteOutcome | undefined> {
  const { call } = write;
  const seen = conditionFailed(reply.thrown)?.item;
  const found = seen === undefined ? await readHome(key, entity, write.whole) : entity.codec.stored(seen);
  const version = versionOfWrite(found, write.id);
  if (version !== undefined) return { kind: "applied", version };
  const stored = living(found, entity);
  if (reply.mayHaveRun && mayBeForgotten(found)) {
    return unknown("Others wrote this record so often that it no longer tells whether this write was done.", undefined);
  }
  if (stored === undefined) return notApplied("missing", undefined);
  if (call.ifVersion !== undefined && stored.version !== call.ifVersion) return notApplied("version", stored.version);
  if ((call.if?.length ?? 0) > 0) return notApplied("condition", stored.version);
  if (guarded) {
    return failed(
      new KeyfoldError(
        "OUT_OF_RANGE",
        `The increment would take a field of ${entity.codec.entity.entity} out of its type's range.`,
      ),
    );
  }
  return undefined;
}

/** A change that must know what is stored, because keys, copies or sums follow from it: read, then written if nobody was between. */
async function modifySeen(
  key: RecordData,
  changeOf: ChangeOf,
  upsert: boolean,
  write: Write,
  entity: StoredEntity,
): Promise<WriteOutcome> {
  const { requests, codec } = entity;
  const { call } = write;
  let mayHaveRun = false;
  for (let race = 0; race < MAX_RACES; race++) {
    if (race > 0)
      await requests.clock
        .sleep(
          fullJitterMs(race, 5, 200, () => requests.clock.random()),
          write.attempts.signal,
        )
        .catch(() => {});
    let found: StoredItem | undefined;
    try {
      found = await readHome(key, entity, race === 0 ? write.attempts : write.whole);
    } catch (thrown) {
      if (mayHaveRun) return unknown("The write was sent, and no read could tell what became of it.", thrown);
      return failed(thrown as KeyfoldError);
    }
    const done = versionOfWrite(found, write.id);
    if (done !== undefined) return { kind: "applied", version: done };
    const stored = living(found, entity);
    if (mayHaveRun && mayBeForgotten(found)) {
      return unknown(
        "Others wrote this record so often that it no longer tells whether this write was done.",
        undefined,
      );
    }
    if (stored === undefined && !upsert) return notApplied("missing", undefined);
    if (call.ifVersion !== undefined && stored?.version !== call.ifVersion)
      return notApplied("version", stored?.version);

    const change = changeOf(stored);
    const { update, version, puts, gone } = seenUpdate(
      key,
      { found, stored },
      change,
      (to) => demands({ ...call, ifVersion: undefined }, entity, to),
      write.id,
      entity,
    );
    try {
      await listBuckets([change.record], entity, write.attempts);
      await entity.buckets.open(besides([...puts, ...gone]), write.attempts);
    } catch (thrown) {
      if (mayHaveRun)
        return unknown("The write was sent, and what it needed could not be made to send it again.", thrown);
      return failed(thrown as KeyfoldError);
    }
    let reply: WriteReply;
    if (puts.length + gone.length === 0) reply = await requests.write("UpdateItem", update, write.attempts);
    else {
      const items = [
        { Update: update },
        ...puts.map((one) => putBeside(one, requests)),
        ...gone.map((one) => deleteBeside(one, requests)),
      ];
      reply = await transact(items, entity, write.attempts);
    }
    if (reply.kind === "reply") return { kind: "applied", version };
    if (reply.kind === "failed")
      return reply.mayHaveRun || mayHaveRun ? settle(key, write, entity, reply.error) : failed(reply.error);
    mayHaveRun ||= reply.mayHaveRun;
    const block = blockers(reply.thrown, puts);
    if (block !== undefined) return block;
    if ((call.if?.length ?? 0) > 0) {
      const now = await readHome(key, entity, write.whole);
      // The version is the same: it was the condition that did not hold.
      if (now !== undefined && now.version === found?.version) return notApplied("condition", now.version);
    }
  }
  return raced(codec.entity.entity);
}

/** What a call demands of the stored record. */
export function demands(call: ConditionalCall, { codec }: StoredEntity, to: Placeholders): string[] {
  const conditions = conditionExpressions(call.if ?? [], codec.fields, codec.attribute, to);
  if (call.ifVersion !== undefined) conditions.push(hasVersion(call.ifVersion, to));
  return conditions;
}

/** The most, or the least, that may be stored for the sum to fit the field. */
interface Room {
  readonly limit: AttributeValue;
  readonly up: boolean;
}

function roomFor(field: Field, amount: unknown): Room | undefined {
  const within = (limit: string, up: boolean): Room => ({ limit: { N: limit }, up });
  switch (field.kind) {
    case "int": {
      const by = amount as number;
      return within(String(by >= 0 ? Number.MAX_SAFE_INTEGER - by : Number.MIN_SAFE_INTEGER - by), by >= 0);
    }
    case "int64": {
      const by = amount as bigint;
      return within(String(by >= 0n ? 2n ** 63n - 1n - by : -(2n ** 63n) - by), by >= 0n);
    }
    case "decimal": {
      const by = scaledInteger(amount as string, field.scale);
      return within(scaledText(by >= 0n ? MOST_DECIMAL - by : -MOST_DECIMAL - by, field.scale), by >= 0n);
    }
    default:
      return undefined;
  }
}
