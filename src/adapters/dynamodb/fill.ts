import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { inParallel } from "../../internal/in-parallel.js";
import { fullJitterMs } from "../../internal/retry.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { splitKey } from "../../plan/dynamodb/key-encoding.js";
import { ENTITY, PLACE } from "../../plan/dynamodb/names.js";
import type { ApplyCall } from "../port/adapter.js";
import { MAX_RACES } from "../port/outcome.js";
import type { Derived, StoredItem } from "./codec.js";
import { expiryPlace, type Filled, type Place, type PlacesState } from "./contents.js";
import { Placeholders } from "./expressions.js";
import { listBuckets } from "./listed-buckets.js";
import type { Requests } from "./requests.js";
import { sameVersion } from "./seen-change.js";
import { besides, blockers, putBeside, transact } from "./transaction.js";
import { readHome, type StoredEntity } from "./write.js";

/** Segments of the scan that are read at once. */
const SEGMENTS = 4;
/** Records of a segment that are written at once. */
const IN_FLIGHT = 8;
/** Items of one page: progress is kept after each. */
const PAGE_ITEMS = 200;

/**
 * Fills places from the records that are there, in one pass over the table, while others write: a record is written
 * only if nobody changed it since it was read, and writers of this design fill the places themselves. Where it stands is
 * kept in the table, so that a killed pass goes on where it was.
 */
export async function fillPlaces(
  places: readonly Place[],
  known: ReadonlyMap<string, Filled>,
  state: PlacesState,
  entities: ReadonlyMap<string, StoredEntity>,
  requests: Requests,
  call: ApplyCall,
  deadline: Deadline,
): Promise<void> {
  const names = new Set(places.map(({ name }) => name));
  const left = new Set([...names].filter((name) => known.get(name)?.left === true));
  if (left.size > 0) await clearPlaces(left, requests, call, deadline);
  const step = `contents of ${[...names].join(", ")}`;
  // A pass goes on only where all of its places stand at the same point: else it begins anew, which is harmless.
  const stands = places.map(({ name }) => JSON.stringify(known.get(name)?.segments ?? []));
  const resumed = known.get(places[0]?.name ?? "")?.segments;
  const segments: (Item | "" | undefined)[] =
    new Set(stands).size === 1 && resumed?.length === SEGMENTS
      ? [...resumed]
      : new Array<undefined>(SEGMENTS).fill(undefined);
  const keep = async (whole: boolean): Promise<void> => {
    for (const name of names) await state.write(name, { whole, segments }, deadline);
  };
  await keep(false);
  call.onProgress?.({ step, state: "started" });
  let done = 0;
  let keeping = Promise.resolve();
  const total = await itemCount(requests, deadline);
  await Promise.all(
    segments.map(async (from, segment) => {
      for await (const { items, next } of scanned(segment, from, requests, deadline)) {
        await inParallel(items, IN_FLIGHT, (item) => fillItem(item, names, entities, deadline));
        done += items.length;
        segments[segment] = next;
        keeping = keeping.then(() => keep(false));
        await keeping;
        call.onProgress?.({
          step,
          state: "running",
          done: Math.min(done, total ?? done),
          ...(total === undefined ? {} : { total }),
        });
      }
    }),
  );
  await keep(true);
  call.onProgress?.({ step, state: "done" });
}

/** The pages of a segment of the table, and where each ends: "" at the segment's end. */
async function* scanned(
  segment: number,
  from: Item | "" | undefined,
  requests: Requests,
  deadline: Deadline,
): AsyncGenerator<{ readonly items: readonly Item[]; readonly next: Item | "" }> {
  let start = from;
  while (start !== "") {
    const output: Doc = await requests.send(
      "Scan",
      {
        TableName: requests.table,
        ConsistentRead: true,
        Segment: segment,
        TotalSegments: SEGMENTS,
        Limit: PAGE_ITEMS,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      },
      deadline,
    );
    start = (output["LastEvaluatedKey"] as Item | undefined) ?? "";
    yield { items: (output["Items"] as readonly Item[] | undefined) ?? [], next: start };
  }
}

/**
 * Deletes what lies in places that were left: a fill only adds, and records have moved and gone since. What writers of
 * this design put there meanwhile the fill puts there again.
 */
async function clearPlaces(
  names: ReadonlySet<string>,
  requests: Requests,
  call: ApplyCall,
  deadline: Deadline,
): Promise<void> {
  const step = `clearing ${[...names].join(", ")}`;
  call.onProgress?.({ step, state: "started" });
  const remove = async (item: Item): Promise<void> => {
    const { pk, sk } = requests.key.of(item);
    const [place = ""] = splitKey(pk);
    if (!names.has(place)) return;
    await requests.send("DeleteItem", { TableName: requests.table, Key: requests.key.item({ pk, sk }) }, deadline);
  };
  await Promise.all(
    Array.from({ length: SEGMENTS }, async (_, segment) => {
      for await (const { items } of scanned(segment, undefined, requests, deadline))
        await inParallel(items, IN_FLIGHT, remove);
    }),
  );
  call.onProgress?.({ step, state: "done" });
}

/** What DynamoDB counted some hours ago: good enough for a progress bar. */
async function itemCount(requests: Requests, deadline: Deadline): Promise<number | undefined> {
  const output = await requests.send("DescribeTable", { TableName: requests.table }, deadline);
  const count = (output["Table"] as { readonly ItemCount?: number } | undefined)?.ItemCount;
  return count === undefined || count === 0 ? undefined : count;
}

/** Writes what is made of one home item into the places, if nobody changed it since it was read. */
async function fillItem(
  item: Item,
  names: ReadonlySet<string>,
  entities: ReadonlyMap<string, StoredEntity>,
  deadline: Deadline,
): Promise<void> {
  const entity = entities.get(item[ENTITY]?.S ?? "");
  // Copies and contributions are made of home items; what has no entity is of somebody else.
  if (entity === undefined || item[PLACE] !== undefined) return;
  const { codec, requests } = entity;
  let stored: StoredItem | undefined = codec.stored(item);
  for (let race = 0; race < MAX_RACES; race++) {
    if (stored === undefined) return;
    const derived: readonly Derived[] = codec
      .derive(stored.record)
      .filter(({ place }) => names.has(place) || names.has(expiryPlace(codec.entity.entity)));
    const entries = codec.entries(stored.record);
    const to = new Placeholders();
    const sets = Object.entries(entries).flatMap(([name, value]) =>
      value === undefined ? [] : [`${to.name(name)} = ${to.value(value)}`],
    );
    const removes = Object.entries(entries).flatMap(([name, value]) => (value === undefined ? [to.name(name)] : []));
    if (sets.length + removes.length + derived.length === 0) return;
    const unchanged = sameVersion(stored, requests.key, to);
    const expression = [
      ...(sets.length === 0 ? [] : [`SET ${sets.join(", ")}`]),
      ...(removes.length === 0 ? [] : [`REMOVE ${removes.join(", ")}`]),
    ].join(" ");
    const facts = {
      TableName: requests.table,
      Key: codec.keyItem(stored.record),
      ConditionExpression: unchanged,
      ...to.members(),
    };
    const home: Doc =
      expression === "" ? { ConditionCheck: facts } : { Update: { ...facts, UpdateExpression: expression } };
    await listBuckets([stored.record], entity, deadline);
    await entity.buckets.open(besides(derived), deadline);
    const reply =
      derived.length === 0
        ? await requests.write("UpdateItem", home["Update"] as Doc, deadline)
        : await transact([home, ...derived.map((one) => putBeside(one, requests))], entity, deadline);
    if (reply.kind === "reply") return;
    if (reply.kind === "failed") throw reply.error;
    const block = blockers(reply.thrown, derived);
    if (block !== undefined) throw notUnique(codec.entity.entity, stored.record, codec.entity.key, derived);
    await requests.clock.sleep(
      fullJitterMs(race, 5, 200, () => requests.clock.random()),
      deadline.signal,
    );
    stored = await readHome(stored.record, entity, deadline);
  }
  throw new KeyfoldError(
    "THROTTLED",
    `A ${codec.entity.entity} is changed so often that its places could not be filled.`,
    {
      fix: "Run keyfold apply again when it is written less; it goes on where it was.",
    },
  );
}

function notUnique(
  entity: string,
  record: Readonly<Record<string, unknown>>,
  key: readonly string[],
  derived: readonly Derived[],
): KeyfoldError {
  const fields = derived.find((one) => one.kind === "unique")?.fields ?? [];
  return new KeyfoldError(
    "CONFLICT",
    `Two ${entity} records share ${fields.join(", ")}, which the model declares unique.`,
    {
      fix: "Change or delete one of them, and run keyfold apply again.",
      data: { entity, key: Object.fromEntries(key.map((name) => [name, record[name]])), unique: fields },
    },
  );
}
