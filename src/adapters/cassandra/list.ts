import type { Deadline } from "../../internal/deadline.js";
import { bucketStart } from "../../model/bucket.js";
import { BUCKET, identifier } from "../../plan/cassandra/names.js";
import { keepsDead } from "../../plan/cassandra/requests.js";
import { selectText } from "../../plan/cassandra/statements.js";
import type { CqlListPlan } from "../../plan/cassandra/types.js";
import type { Explanation, PageCall, PageData, PatternStore, RecordData } from "../port/adapter.js";
import { BucketWalk, walkedBucket } from "../port/bucket-walk.js";
import { compareValues, compilePath } from "../port/conditions.js";
import { isOver } from "./codec.js";
import type { Row } from "./driver.js";
import type { KeyCheck } from "./keys.js";
import { readLevel } from "./levels.js";
import type { Statement } from "./requests.js";
import { type Asked, type BoundSelect, compileSelect, limitedRows, type MakeSelect } from "./select.js";
import type { StoredEntity } from "./write.js";

type Rec = Record<string, unknown>;

/** Buckets that are looked up at once. */
const NAMES = 64;
/** Reads of one page beyond the first, where rows of records that are over lie: then it is short, and has a cursor. */
const MOST_ROUNDS = 8;

/** A list: of one partition; of shards that are merged; of buckets, one after the other as far as rows are missing. */
export class ListStore implements PatternStore {
  readonly #plan: CqlListPlan;
  readonly #entity: StoredEntity;
  readonly #first: MakeSelect;
  readonly #next: readonly MakeSelect[];
  readonly #position: readonly ((record: RecordData) => unknown)[];
  readonly #compare: (a: RecordData, b: RecordData) => number;
  readonly #buckets: BucketNames | undefined;
  readonly #record: (row: Row) => Rec;
  readonly #fault: KeyCheck;
  /** Values at the beginning of a request that are of the key. */
  readonly #keyed: number;
  /** Rows of records that are not there any more: only their keys were read, for the cursor. */
  readonly #dead = new WeakSet<object>();
  readonly #walk: BucketWalk;

  constructor(plan: CqlListPlan, entity: StoredEntity) {
    const { qualify, bigints } = entity.requests;
    this.#plan = plan;
    this.#walk = new BucketWalk(plan.shards);
    this.#entity = entity;
    this.#first = compileSelect(plan.request, true, qualify, bigints);
    this.#next = plan.next.map((select) => compileSelect(select, true, qualify, bigints));
    this.#position = plan.position.map(({ field }) => compilePath(field));
    const { codec } = entity;
    this.#fault = [codec.home, ...codec.beside].find((table) => table.plan.name === plan.table)!.fault;
    const equal = plan.request.where.filter(({ operator }) => operator === "=");
    this.#keyed = equal.reduce((sum, { slots }) => sum + slots.length, 0);
    const { plan: home } = codec.home;
    const deadBetween = plan.table === home.name && keepsDead(home);
    this.#record = deadBetween ? (row) => this.#alive(row) : codec.reading(plan.reads);
    this.#compare = (a, b) => {
      for (const [at, { type, direction }] of plan.position.entries()) {
        const read = this.#position[at]!;
        const order = compareValues(type, read(a), read(b));
        if (order !== 0) return direction === "asc" ? order : -order;
      }
      return 0;
    };
    this.#buckets = plan.buckets === undefined ? undefined : new BucketNames(plan, entity);
  }

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    // Nothing lies where no server takes a row: it refuses the question, too.
    const { params: values } = this.#first({ params, after: undefined, bucket: undefined, shard: 0 }, call.limit);
    if (this.#fault(values.slice(0, this.#keyed)) !== undefined) return { rows: [], next: undefined };
    using deadline = this.#entity.requests.deadline(call);
    const rows: Rec[] = [];
    let { after, limit } = call;
    for (let round = 0; ; round++) {
      const part = await this.#part(params, { ...call, after, limit }, deadline);
      const missing = call.limit - rows.length;
      rows.push(...part.rows.slice(0, missing));
      const last = rows.at(-1);
      if (part.rows.length > missing && last !== undefined) {
        return { rows, next: this.#position.map((read) => read(last)) };
      }
      if (rows.length === call.limit || part.next === undefined || round === MOST_ROUNDS) {
        return { rows, next: part.next };
      }
      // Rows of records that are over took the place of others: more of them may follow.
      after = part.next;
      limit = Math.max(call.limit - rows.length, Math.min(1_000, 25 * 2 ** round));
    }
  }

  /** One read: the records among as many rows, and where the rows go on. */
  async #part(
    params: RecordData,
    call: PageCall,
    deadline: Deadline,
  ): Promise<PageData & { readonly rows: readonly Rec[] }> {
    const { limit } = call;
    const level = readLevel(call.consistency, this.#entity.requests.levels);
    const found =
      this.#buckets === undefined
        ? await this.#readShards({ params, after: call.after, bucket: undefined }, limit, level, deadline)
        : await this.#readBuckets(this.#buckets, params, call, level, deadline);
    const last = found.at(-1);
    // Too few rows are the end: every partition was read as far as it goes. Too few records are not.
    const next = found.length < limit || last === undefined ? undefined : this.#position.map((read) => read(last));
    const now = this.#entity.requests.clock.now();
    const { expires } = this.#entity.codec;
    const live = found.filter((record) => !this.#dead.has(record) && !isOver(record, expires, now));
    return { rows: this.#filtered(live, params), next };
  }

  /** The record of a home row, or the key of one that was deleted. */
  #alive(row: Row): Rec {
    const { codec, requests } = this.#entity;
    const record = codec.stored(row, requests.clock.now())?.record;
    if (record !== undefined) return record;
    const key = codec.keyIn(row);
    this.#dead.add(key);
    return key;
  }

  /** What a range beside the order leaves of the rows. */
  #filtered(rows: readonly Rec[], params: RecordData): readonly Rec[] {
    const { filter } = this.#plan;
    if (filter === undefined) return rows;
    const type = this.#entity.codec.fields[filter.field];
    if (type === undefined) return rows;
    const read = compilePath(filter.field);
    const bound = (name: "from" | "to"): unknown => {
      const given = params[name];
      return given === undefined || filter.unit === undefined ? given : bucketStart(filter.unit, given as string);
    };
    const [from, to] = [bound("from"), bound("to")];
    return rows.filter((row) => {
      const value = read(row);
      if (value === undefined || value === null) return from === undefined && to === undefined;
      return (
        (from === undefined || compareValues(type, value, from) >= 0) &&
        (to === undefined || compareValues(type, value, to) < 0)
      );
    });
  }

  async #readShards(
    asked: Omit<Asked, "shard">,
    limit: number,
    level: number,
    deadline: Deadline,
  ): Promise<readonly Rec[]> {
    const { shards } = this.#plan;
    if (shards === 1) return this.#readPartition({ ...asked, shard: 0 }, limit, level, deadline);
    const parts = await Promise.all(
      Array.from({ length: shards }, (_, shard) => this.#readPartition({ ...asked, shard }, limit, level, deadline)),
    );
    return parts.flat().sort(this.#compare).slice(0, limit);
  }

  async #readPartition(asked: Asked, limit: number, level: number, deadline: Deadline): Promise<readonly Rec[]> {
    const { requests } = this.#entity;
    const found: Rec[] = [];
    for (const make of asked.after === undefined ? [this.#first] : this.#next) {
      const rows = await limitedRows(
        make(asked, limit - found.length),
        level,
        limit - found.length,
        requests,
        deadline,
      );
      for (const row of rows) found.push(this.#record(row));
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Buckets in the order of the list, as far as rows are missing. */
  async #readBuckets(
    buckets: BucketNames,
    params: RecordData,
    call: PageCall,
    level: number,
    deadline: Deadline,
  ): Promise<readonly Rec[]> {
    const { unit } = this.#plan.buckets!;
    const start = call.after === undefined ? undefined : walkedBucket(unit, call.after[0] as Date);
    const names = buckets.from(start, params, level, deadline);
    const { rows } = await this.#walk.page(names, call.limit, async (bucket, missing) => ({
      // Only in the cursor's own bucket is anything before it.
      rows: await this.#readShards(
        { params, after: bucket === start ? call.after : undefined, bucket },
        missing,
        level,
        deadline,
      ),
    }));
    return rows;
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    const { rows } = await this.page(params, call);
    const asked: Asked = { params, after: call.after, bucket: undefined, shard: 0 };
    const bound: readonly BoundSelect[] = (call.after === undefined ? [this.#first] : this.#next).map((make) =>
      make(asked, call.limit),
    );
    return {
      engine: this.#entity.requests.engine,
      pattern: this.#plan.pattern,
      request: bound.map(({ statement, params: values }) => ({ query: statement.query, params: values })),
      index: this.#plan.table,
      keysExamined: undefined,
      documentsExamined: undefined,
      rows: rows.length,
      raw: undefined,
    };
  }
}

/** Which buckets a group has, from the table that tells. */
class BucketNames {
  readonly #plan: CqlListPlan;
  readonly #entity: StoredEntity;
  readonly #make: MakeSelect;
  readonly #statements = new Map<string, Statement>();

  constructor(plan: CqlListPlan, entity: StoredEntity) {
    this.#plan = plan;
    this.#entity = entity;
    this.#make = compileSelect(plan.buckets!.request, false, entity.requests.qualify, entity.requests.bigints);
  }

  /** Names in the list's order, from one on, within the call's range. */
  async *from(
    start: string | undefined,
    params: RecordData,
    level: number,
    deadline: Deadline,
  ): AsyncGenerator<readonly string[], void, undefined> {
    const { unit, direction } = this.#plan.buckets!;
    const { requests } = this.#entity;
    const ranged = this.#plan.request.where.some(({ optional }) => optional);
    const bound = (name: "from" | "to"): string | undefined => {
      const given = ranged ? params[name] : undefined;
      if (given === undefined) return undefined;
      // The bound is a moment of the field, or a bucket of the question's own unit.
      const moment = given instanceof Date ? given : bucketStart(unitOf(given as string), given as string);
      return walkedBucket(unit, moment);
    };
    let [least, greatest] = [bound("from"), bound("to")];
    if (start !== undefined) {
      if (direction === "desc") greatest = greatest === undefined || start < greatest ? start : greatest;
      else least = least === undefined || start > least ? start : least;
    }
    let beyond = false;
    for (;;) {
      const base = this.#make({ params, after: undefined, bucket: undefined, shard: 0 }, undefined);
      const conditions: string[] = [];
      const values: unknown[] = [...base.params];
      const name = identifier(BUCKET);
      if (least !== undefined) {
        conditions.push(`${name} ${beyond && direction === "asc" ? ">" : ">="} ?`);
        values.push(least);
      }
      if (greatest !== undefined) {
        conditions.push(`${name} ${beyond && direction === "desc" ? "<" : "<="} ?`);
        values.push(greatest);
      }
      const statement = this.#statement(conditions);
      const rows = await limitedRows({ statement, params: [...values, NAMES] }, level, NAMES, requests, deadline);
      const names = rows.map((row) => row[BUCKET] as string);
      if (names.length > 0) yield names;
      const last = names.at(-1);
      if (names.length < NAMES || last === undefined) return;
      beyond = true;
      if (direction === "desc") greatest = last;
      else least = last;
    }
  }

  #statement(conditions: readonly string[]): Statement {
    const id = conditions.join("&");
    let statement = this.#statements.get(id);
    if (statement === undefined) {
      const { request } = this.#plan.buckets!;
      const text = selectText({ ...request, order: [] }, this.#entity.requests.qualify, () => true, false);
      const order = request.order.map(({ column, direction }) => `${identifier(column)} ${direction.toUpperCase()}`);
      const query = `${[text, ...conditions].join(" AND ")}${order.length === 0 ? "" : ` ORDER BY ${order.join(", ")}`} LIMIT ?`;
      statement = { query, operation: "SELECT", table: request.table };
      this.#statements.set(id, statement);
    }
    return statement;
  }
}

/** The unit of a bucket's name. */
function unitOf(name: string): "hour" | "day" | "month" {
  return name.length === 7 ? "month" : name.length === 10 ? "day" : "hour";
}
