import type { Deadline } from "../../internal/deadline.js";
import type { PatternData, TopPattern } from "../../model/description.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { ENTITY } from "../../plan/dynamodb/names.js";
import type {
  DynamoListPlan,
  DynamoPatternPlan,
  DynamoQuery,
  DynamoTogetherPlan,
  DynamoTopPlan,
  DynamoWalk,
  KeyPart,
} from "../../plan/dynamodb/types.js";
import type { Explanation, PageCall, PageData, PatternStore, Position, RecordData } from "../port/adapter.js";
import { BucketWalk, walkedBucket } from "../port/bucket-walk.js";
import { topPage } from "../port/totals.js";
import { notDeletable, notExpired } from "./expiry.js";
import type { Placeholders } from "./expressions.js";
import { decodeSortKey } from "./keys.js";
import { type BucketNames, compileNames } from "./listed-buckets.js";
import { compileQuery, type MakeQuery, queryPage } from "./query.js";
import { recordsOf, rowsOf } from "./read-records.js";
import type { Requests } from "./requests.js";
import { readTotals, type Sums } from "./top.js";
import type { StoredEntity } from "./write.js";

/** A page, and what it took. */
interface Answer extends PageData {
  readonly units: number;
  readonly requests: readonly Doc[];
  readonly index: string | undefined;
}

/** One pattern, compiled from its plan. */
export abstract class DynamoPatternStore implements PatternStore {
  protected readonly requests: Requests;
  readonly #pattern: string;

  constructor(pattern: string, requests: Requests) {
    this.#pattern = pattern;
    this.requests = requests;
  }

  protected abstract answer(params: RecordData, call: PageCall): Promise<Answer>;

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    const { rows, next } = await this.answer(params, call);
    return { rows, next };
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    const { rows, units, requests, index } = await this.answer(params, call);
    return {
      engine: "dynamodb",
      pattern: this.#pattern,
      request: requests.length === 1 ? requests[0] : requests,
      index,
      keysExamined: undefined,
      documentsExamined: undefined,
      rows: rows.length,
      units,
      raw: { ConsumedCapacity: { TableName: this.requests.table, CapacityUnits: units } },
    };
  }
}

/** Makes the store of a plan. */
export function patternStore(
  plan: DynamoPatternPlan,
  pattern: PatternData,
  entities: ReadonlyMap<string, StoredEntity>,
  sums: Sums | undefined,
  requests: Requests,
): DynamoPatternStore {
  const entity = entities.get(plan.entity) as StoredEntity;
  switch (plan.kind) {
    case "get":
      return new GetStore(plan.pattern, entity);
    case "list":
      return new ListStore(plan, entity);
    case "together":
      return new TogetherStore(plan, entities, requests);
    case "top":
      return new TopStore(plan, pattern as TopPattern, sums as Sums, requests);
    default:
      return plan satisfies never;
  }
}

class GetStore extends DynamoPatternStore {
  readonly #entity: StoredEntity;

  constructor(pattern: string, entity: StoredEntity) {
    super(pattern, entity.requests);
    this.#entity = entity;
  }

  protected async answer(params: RecordData, call: PageCall): Promise<Answer> {
    using deadline = this.requests.deadline(call);
    const request: Doc = {
      TableName: this.requests.table,
      Key: this.#entity.codec.keyItem(params),
      ConsistentRead: call.consistency !== "eventual",
    };
    const output = await this.requests.send("GetItem", { ...request, ReturnConsumedCapacity: "TOTAL" }, deadline);
    const item = output["Item"] as Item | undefined;
    const units = Number(
      (output["ConsumedCapacity"] as { readonly CapacityUnits?: number } | undefined)?.CapacityUnits ?? 0,
    );
    return {
      rows: item === undefined ? [] : recordsOf(item, this.#entity),
      next: undefined,
      units,
      requests: [request],
      index: undefined,
    };
  }
}

/** Buckets of time that one page reads: behind them it ends, short or empty, and its cursor goes on. */
const MOST_BUCKETS = 256;

/** Components of a sort key before those of the order. */
function orderParts(query: DynamoQuery): {
  readonly skip: number;
  readonly parts: readonly { readonly type: never; readonly direction: "asc" | "desc" }[];
} {
  const bound = query.forward ? query.from : query.to;
  const parts = bound?.parts ?? [];
  const skip = parts.findIndex((part) => part.kind === "after");
  return { skip: skip === -1 ? parts.length : skip, parts: parts.filter((part) => part.kind === "after") as never };
}

class ListStore extends DynamoPatternStore {
  readonly #plan: DynamoListPlan;
  readonly #first: MakeQuery;
  readonly #next: MakeQuery;
  readonly #order: ReturnType<typeof orderParts>;
  readonly #rows: ReturnType<typeof rowsOf>;
  /** Where the place is cut by time. */
  readonly #names: BucketNames | undefined;
  readonly #walk: BucketWalk;

  constructor(plan: DynamoListPlan, entity: StoredEntity) {
    const { requests, codec } = entity;
    super(plan.pattern, requests);
    this.#plan = plan;
    const hide = codec.entity.expires === undefined ? undefined : (to: Placeholders) => notExpired(entity, to);
    this.#first = compileQuery(plan.request, requests.table, codec.fields, codec.attribute, hide);
    this.#next = compileQuery(plan.next, requests.table, codec.fields, codec.attribute, hide);
    this.#order = orderParts(plan.next);
    this.#rows = rowsOf(plan.fields, entity);
    this.#walk = new BucketWalk(plan.request.shards, MOST_BUCKETS);
    this.#names = plan.walk && compileNames(plan.walk, requests);
  }

  protected async answer(params: RecordData, call: PageCall): Promise<Answer> {
    using deadline = this.requests.deadline(call);
    if (this.#names !== undefined) return await this.#walked(this.#names, params, call, deadline);
    const make = call.after === undefined ? this.#first : this.#next;
    const query = call.after === undefined ? this.#plan.request : this.#plan.next;
    const { items, next, units } = await queryPage(query, make, params, call, this.requests, deadline);
    return {
      rows: this.#rows(items),
      next: next === undefined ? undefined : decodeSortKey(next, this.#order.skip, this.#order.parts),
      units,
      requests: Array.from({ length: query.shards }, (_, shard) => make(params, call, shard)),
      index: query.index,
    };
  }

  /** One bucket after the other, as far as rows are missing. */
  async #walked(names: BucketNames, params: RecordData, call: PageCall, deadline: Deadline): Promise<Answer> {
    const { unit } = this.#plan.walk as DynamoWalk;
    const { skip, parts } = this.#order;
    const { sortAttribute, shards, index } = this.#plan.request;
    const at = call.after?.[0];
    // Only in the cursor's own bucket is anything before it.
    const begun = at instanceof Date ? walkedBucket(unit, at) : undefined;
    let units = 0;
    const sent: Doc[] = [];
    const listed = names(params, call, (more) => (units += more), deadline);
    const page = await this.#walk.page(listed, call.limit, async (bucket, limit) => {
      const here = bucket === begun;
      const [query, make] = here ? [this.#plan.next, this.#next] : [this.#plan.request, this.#first];
      const asked = { ...call, limit, after: here ? call.after : undefined };
      for (let shard = 0; shard < shards; shard++) sent.push(make(params, asked, shard, bucket));
      const found = await queryPage(query, make, params, asked, this.requests, deadline, bucket);
      units += found.units;
      const next = found.next === undefined ? undefined : decodeSortKey(found.next, skip, parts);
      return { rows: found.items, next };
    });
    const last = page.rows.at(-1);
    const full = page.rows.length >= call.limit && last !== undefined;
    return {
      rows: this.#rows(page.rows),
      next: full
        ? decodeSortKey(last[sortAttribute]?.S ?? "", skip, parts)
        : (page.next ?? (page.beyond === undefined ? undefined : [page.beyond])),
      units,
      requests: sent,
      index,
    };
  }
}

class TogetherStore extends DynamoPatternStore {
  readonly #plan: DynamoTogetherPlan;
  readonly #members: ReadonlyMap<string, StoredEntity>;
  readonly #first: MakeQuery;
  readonly #next: ReadonlyMap<string, MakeQuery>;
  /** From the first record of an entity on. */
  readonly #begin: ReadonlyMap<string, MakeQuery>;
  readonly #sortParts: ReadonlyMap<string, readonly (KeyPart & { readonly kind: "field" })[]>;

  constructor(plan: DynamoTogetherPlan, entities: ReadonlyMap<string, StoredEntity>, requests: Requests) {
    super(plan.pattern, requests);
    this.#plan = plan;
    this.#members = new Map(plan.entities.map((name) => [name, entities.get(name) as StoredEntity]));
    const { codec } = entities.get(plan.entity) as StoredEntity;
    const expire = [...this.#members.values()].some((member) => member.codec.entity.expires !== undefined);
    const hide = expire ? (to: Placeholders) => notDeletable(requests, to) : undefined;
    const compile = (query: DynamoQuery): MakeQuery =>
      compileQuery(query, requests.table, codec.fields, codec.attribute, hide);
    this.#first = compile(plan.request);
    this.#next = new Map(Object.entries(plan.next).map(([name, query]) => [name, compile(query)]));
    this.#begin = new Map(
      plan.entities.map((text) => [
        text,
        compile({ ...plan.request, from: { bound: "from", parts: [{ kind: "text", text }] } }),
      ]),
    );
    this.#sortParts = new Map(
      Object.entries(plan.next).map(([name, query]) => [
        name,
        (query.from?.parts ?? []).filter((part) => part.kind === "after") as never,
      ]),
    );
  }

  protected async answer(params: RecordData, call: PageCall): Promise<Answer> {
    using deadline = this.requests.deadline(call);
    const make = this.#queryAfter(call.after);
    const { items, next, units } = await queryPage(this.#plan.request, make, params, call, this.requests, deadline);
    return {
      rows: items.flatMap((item) => {
        const entity = item[ENTITY]?.S ?? "";
        const member = this.#members.get(entity);
        // Entities of other patterns may lie between those of this one.
        return member === undefined ? [] : recordsOf(item, member).map((record) => ({ entity, record }));
      }),
      next: next === undefined ? undefined : this.#position(next),
      units,
      requests: Array.from({ length: this.#plan.request.shards }, (_, shard) => make(params, call, shard)),
      index: this.#plan.request.index,
    };
  }

  #queryAfter(after: Position | undefined): MakeQuery {
    if (after === undefined) return this.#first;
    const [entity, following] = after as readonly [string, string];
    return (entity === "" ? this.#begin.get(following) : this.#next.get(entity)) ?? this.#first;
  }

  /** An entity and the rest of a key; or "" and an entity: from its first record on. */
  #position(sortKey: string): Position | undefined {
    const end = sortKey.indexOf("#");
    const entity = end === -1 ? sortKey : sortKey.slice(0, end);
    const parts = this.#sortParts.get(entity);
    if (parts !== undefined) return [entity, ...decodeSortKey(sortKey, 1, parts)];
    // Among items of others: they lie between two entities of this pattern, or behind the last one.
    const following = this.#plan.entities.find((name) => name > entity);
    return following === undefined ? undefined : ["", following];
  }
}

class TopStore extends DynamoPatternStore {
  readonly #plan: DynamoTopPlan;
  readonly #pattern: TopPattern;
  readonly #sums: Sums;

  constructor(plan: DynamoTopPlan, pattern: TopPattern, sums: Sums, requests: Requests) {
    super(plan.pattern, requests);
    this.#plan = plan;
    this.#pattern = pattern;
    this.#sums = sums;
  }

  protected async answer(params: RecordData, call: PageCall): Promise<Answer> {
    using deadline = this.requests.deadline(call);
    const { totals, units } = await readTotals(this.#sums, this.#pattern, params, call, deadline);
    return {
      ...topPage(this.#sums.adder, totals, this.#plan, call),
      units,
      requests: [{ TableName: this.requests.table, contributions: this.#sums.contribution.name }],
      index: undefined,
    };
  }
}
