import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import {
  createKeyspaceText,
  createTableText,
  createTypeText,
  type Replication,
  shapesOf,
  type TableShape,
} from "../../plan/cassandra/ddl.js";
import { limitsOf } from "../../plan/cassandra/limits.js";
import { identifier } from "../../plan/cassandra/names.js";
import { BUCKETS_TABLE, DESIGN_TABLE } from "../../plan/cassandra/own-tables.js";
import type { CqlPlan } from "../../plan/cassandra/types.js";
import type { ApplyCall, Call, DesignItem, DesignState } from "../port/adapter.js";
import type { Design } from "../port/model-store.js";
import type { Buckets } from "./buckets.js";
import { type Contents, ContentsState, contentsOf, isUnbegun, type Known } from "./contents.js";
import { contentsItems, stateOf, tableItems, typeState } from "./design-items.js";
import { fillTables } from "./fill.js";
import { checkOverlap, checkSerial, levelCodes } from "./levels.js";
import type { Requests } from "./requests.js";
import { type FoundSchema, isSchemaAgreed, nodesByDatacenter, readSchema, replicasOf } from "./schema.js";
import { sweepEntity } from "./sweep.js";
import type { StoredEntity } from "./write.js";

/** `apply` waits for what it fills, which may take hours, unless the call has a deadline. */
const APPLY_DEADLINE_MS = 7 * 24 * 3_600_000;
/** How often the nodes' versions of the schema are compared. */
const POLL_MS = 200;
/** How long nodes that are up may take to agree. */
const AGREED_MS = 60_000;

/** What a definition changes: its item, and the statement. */
interface Definition {
  readonly item: string;
  readonly query: string;
  /** What is sent where the server does not know the option `tablets`. */
  readonly otherwise?: string;
}

export interface DesignSettings {
  /** How `apply` replicates a keyspace that it creates; left out: three times in each data centre, or as often as there are nodes. */
  readonly replication: Replication | undefined;
  readonly datacenter: string | undefined;
  readonly buckets: Buckets;
}

/** Compares a plan with a keyspace, and makes it so. */
export class CqlDesign implements Design {
  readonly #requests: Requests;
  readonly #plan: CqlPlan;
  readonly #entities: ReadonlyMap<string, StoredEntity>;
  readonly #settings: DesignSettings;
  readonly #shapes: readonly TableShape[];
  readonly #contents: readonly Contents[];
  readonly #state: ContentsState;

  constructor(
    requests: Requests,
    plan: CqlPlan,
    entities: ReadonlyMap<string, StoredEntity>,
    settings: DesignSettings,
  ) {
    this.#requests = requests;
    this.#plan = plan;
    this.#entities = entities;
    this.#settings = settings;
    this.#shapes = shapesOf(plan);
    this.#contents = contentsOf(plan);
    this.#state = new ContentsState(requests);
  }

  async inspect(call: Call): Promise<DesignState> {
    using deadline = this.#requests.deadline(call);
    const schema = await readSchema(this.#requests, deadline);
    this.#checkReplication(schema);
    return stateOf(await this.#compare(schema, deadline));
  }

  /** What was acknowledged must be seen: reads and writes overlap, or it is said which to raise. */
  #checkReplication({ replication }: FoundSchema): void {
    if (replication === undefined) return;
    const replicas = replicasOf(replication);
    checkOverlap(this.#requests.levels, replicas, this.#settings.datacenter);
    const conditional = Object.values(this.#plan.entities).some(({ writes }) => writes === "conditional");
    const leased = this.#plan.own.some(({ name }) => name === BUCKETS_TABLE);
    if (conditional || leased) checkSerial(this.#requests.levels, replicas);
  }

  async #compare(schema: FoundSchema, deadline: Deadline): Promise<DesignItem[]> {
    const { keyspace } = this.#requests;
    const items: DesignItem[] = [
      { kind: "setting", name: `keyspace ${keyspace}`, state: schema.replication === undefined ? "missing" : "same" },
    ];
    for (const type of this.#plan.types) {
      const found = schema.types.get(type.name);
      const name = `type ${type.name}`;
      if (found === undefined) items.push({ kind: "setting", name, state: "missing" });
      else items.push({ kind: "setting", name, ...typeState(type.fields, found) });
    }
    for (const shape of this.#shapes) {
      const found = schema.tables.get(shape.name);
      if (found === undefined) items.push({ kind: "table", name: shape.name, state: "missing" });
      else items.push(...tableItems(shape, found));
    }
    const known = await this.#known(schema, deadline);
    for (const contents of this.#contents) {
      const found = known.get(contents.table);
      const state = found === undefined ? "missing" : found.whole ? "same" : "building";
      items.push(...contentsItems(contents, state));
    }
    for (const [name] of this.#left(known)) {
      const detail = "a table of an earlier design; nothing reads it";
      items.push({ kind: "table", name, state: "extra", detail });
    }
    return items;
  }

  async #known(schema: FoundSchema, deadline: Deadline): Promise<ReadonlyMap<string, Known>> {
    const planned = this.#shapes.find(({ name }) => name === DESIGN_TABLE);
    const found = schema.tables.get(DESIGN_TABLE);
    // One that an earlier keyfold made has fewer columns until apply adds them: what it says is not known yet.
    const isThere = planned?.columns.every(({ name }) => found?.columns.has(name) === true) === true;
    return isThere ? this.#state.read(deadline) : new Map();
  }

  /**
   * Tables that an earlier design of this model made and this one does not read: of records of its own entities. Another
   * model in the keyspace has entities, and homes, of its own; so has an entity that the model has no more.
   */
  #left(known: ReadonlyMap<string, Known>): readonly (readonly [string, Known])[] {
    const homes = new Set(Object.values(this.#plan.entities).map(({ tables }) => tables[0]?.name));
    const planned = new Set(this.#shapes.map(({ name }) => name));
    return [...known].filter(([name, { home }]) => home !== undefined && homes.has(home) && !planned.has(name));
  }

  async apply(call: ApplyCall): Promise<DesignState> {
    using deadline = this.#requests.deadline({
      deadlineAt: this.#requests.clock.now() + APPLY_DEADLINE_MS,
      ...call,
    });
    const schema = await readSchema(this.#requests, deadline);
    this.#checkReplication(schema);
    if (call.dryRun === true) return stateOf(await this.#compare(schema, deadline));
    await this.#distrustLost(schema, deadline);
    const created = new Set<string>();
    for (const { item, query, otherwise } of await this.#definitions(schema, deadline)) {
      call.onProgress?.({ step: item, state: "started" });
      try {
        await this.#define(query, deadline);
      } catch (error) {
        if (otherwise === undefined || !(error instanceof KeyfoldError) || !/tablets/i.test(error.message)) throw error;
        await this.#define(otherwise, deadline);
      }
      created.add(item);
      call.onProgress?.({ step: item, state: "done" });
    }
    const wrong = (await this.#compare(await readSchema(this.#requests, deadline), deadline)).filter(
      ({ state }) => state === "differs",
    );
    if (wrong.length === 0 || call.drop === true) await this.#distrustLeft(deadline);
    if (wrong.length === 0) await this.#fill(schema, created, call, deadline);
    const swept: DesignItem[] = [];
    if (call.sweep === true && wrong.length === 0) {
      for (const entity of this.#entities.values()) swept.push(...(await sweepEntity(entity, call, deadline)));
    }
    if (call.drop === true) await this.#drop(call, deadline);
    const after = await this.#compare(await readSchema(this.#requests, deadline), deadline);
    const items = after.map((item): DesignItem => {
      const made = created.has(item.kind === "setting" ? item.name : `${item.kind} ${item.name}`);
      return item.state === "same" && made ? { ...item, state: "created" } : item;
    });
    return stateOf([...items, ...swept]);
  }

  /** A table that is not there any more, or whose buckets are not, was dropped by hand: what is made in its place is empty. */
  async #distrustLost(schema: FoundSchema, deadline: Deadline): Promise<void> {
    const { tables } = schema;
    const known = await this.#known(schema, deadline);
    for (const { table, buckets } of this.#contents) {
      const one = known.get(table);
      const isThere = tables.has(table) && (buckets === undefined || tables.has(buckets));
      if (one !== undefined && !isThere) await this.#state.distrust(table, one, deadline);
    }
  }

  /** What this design does not keep is not whole from now on: an earlier or a later one may take it up again. */
  async #distrustLeft(deadline: Deadline): Promise<void> {
    const left = this.#left(await this.#state.read(deadline));
    for (const [name, one] of left) await this.#state.distrust(name, one, deadline);
  }

  /** What must be defined, in an order in which it can be. */
  async #definitions(schema: FoundSchema, deadline: Deadline): Promise<readonly Definition[]> {
    const { keyspace, qualify } = this.#requests;
    const definitions: Definition[] = [];
    if (schema.replication === undefined) {
      const replication = this.#settings.replication ?? (await this.#usualReplication(deadline));
      const plain = createKeyspaceText(keyspace, replication);
      const query = limitsOf(this.#plan.engine).tablets ? createKeyspaceText(keyspace, replication, false) : plain;
      definitions.push({ item: `keyspace ${keyspace}`, query, otherwise: plain });
    }
    for (const type of this.#plan.types) {
      const found = schema.types.get(type.name);
      if (found === undefined) definitions.push({ item: `type ${type.name}`, query: createTypeText(type, qualify) });
      else {
        for (const { name, cql } of type.fields.filter((field) => !found.has(field.name))) {
          const query = `ALTER TYPE ${qualify(type.name)} ADD ${identifier(name)} ${cql}`;
          definitions.push({ item: `type ${type.name}`, query });
        }
      }
    }
    for (const shape of this.#shapes) {
      const found = schema.tables.get(shape.name);
      if (found === undefined)
        definitions.push({ item: `table ${shape.name}`, query: createTableText(shape, qualify) });
      else {
        for (const { name, cql } of shape.columns.filter((column) => !found.columns.has(column.name))) {
          const query = `ALTER TABLE ${qualify(shape.name)} ADD ${identifier(name)} ${cql}`;
          definitions.push({ item: `column ${shape.name}.${name}`, query });
        }
      }
    }
    return definitions;
  }

  async #usualReplication(deadline: Deadline): Promise<Replication> {
    const nodes = await nodesByDatacenter(this.#requests, deadline);
    return Object.fromEntries(Object.entries(nodes).map(([name, count]) => [name, Math.min(3, count)]));
  }

  /** One definition at a time, each known to all nodes before the next. */
  async #define(query: string, deadline: Deadline): Promise<void> {
    try {
      const { info } = await this.#requests.run(query, query.slice(0, query.indexOf(" ")), [], deadline);
      if (info?.isSchemaInAgreement === true) return;
    } catch (error) {
      // Another apply was faster.
      if (!(error instanceof KeyfoldError) || !/already exist|conflicts with an existing/i.test(error.message))
        throw error;
    }
    const { clock } = this.#requests;
    const until = clock.monotonic() + AGREED_MS;
    while (!(await isSchemaAgreed(this.#requests, deadline))) {
      deadline.throwIfOver();
      if (clock.monotonic() > until) {
        throw new KeyfoldError("UNAVAILABLE", `The nodes did not agree on the schema within ${AGREED_MS} ms.`, {
          fix: "Compare schema_versions in nodetool describecluster, and run apply again: it goes on where it was.",
        });
      }
      await clock.sleep(POLL_MS, deadline.signal);
    }
  }

  /** Fills what is not whole; new tables of an entity without records are whole at once. */
  async #fill(before: FoundSchema, created: Set<string>, call: ApplyCall, deadline: Deadline): Promise<void> {
    const known = await this.#state.read(deadline);
    for (const [name, entity] of this.#entities) {
      const open = this.#contents.filter((one) => one.entity === name && known.get(one.table)?.whole !== true);
      if (open.length === 0) continue;
      for (const { table } of open) {
        const one = known.get(table);
        if (isUnbegun(one)) await this.#clear(table, before, one !== undefined, deadline);
      }
      if (!before.tables.has(entity.codec.home.plan.name) || (await this.#isEmpty(entity, deadline))) {
        for (const one of open) await this.#state.write(one, { whole: true, ranges: [] }, deadline);
      } else await fillTables(open, known, this.#state, entity, call, deadline);
      for (const { table } of open) created.add(`contents ${table}`);
    }
  }

  /**
   * Takes away what lies in a table that is taken up again: a fill only adds. Of a table that nobody told of, another apply
   * is making it just now. The rows that say which groups have which buckets stay: processes that told of them do not tell
   * again, and a bucket without rows costs a request.
   */
  async #clear(table: string, before: FoundSchema, isKnown: boolean, deadline: Deadline): Promise<void> {
    if (isKnown && before.tables.has(table)) {
      await this.#requests.run(`TRUNCATE ${this.#requests.qualify(table)}`, "TRUNCATE", [], deadline);
    }
    if (before.tables.has(BUCKETS_TABLE)) await this.#settings.buckets.distrust(table, deadline);
  }

  async #isEmpty({ codec }: StoredEntity, deadline: Deadline): Promise<boolean> {
    const { plan, keyColumns } = codec.home;
    const query = `SELECT ${identifier(keyColumns[0] as string)} FROM ${this.#requests.qualify(plan.name)} LIMIT 1`;
    const statement = { query, operation: "SELECT", table: plan.name };
    const { rows } = await this.#requests.read(statement, [], levelCodes[this.#requests.levels.read], deadline);
    return (rows ?? []).length === 0;
  }

  /**
   * Drops tables of this model's earlier designs: all that is in them was made of records that lie elsewhere. That they are
   * not whole is known by now, and the last to be forgotten, so that an apply which dies on the way is gone on with.
   */
  async #drop(call: ApplyCall, deadline: Deadline): Promise<void> {
    const schema = await readSchema(this.#requests, deadline);
    for (const [name, { buckets }] of this.#left(await this.#known(schema, deadline))) {
      call.onProgress?.({ step: `dropping table ${name}`, state: "started" });
      for (const table of buckets === undefined ? [name] : [name, buckets]) {
        await this.#define(`DROP TABLE IF EXISTS ${this.#requests.qualify(table)}`, deadline);
      }
      // Sums of what was there must not stand for what is there when the table is made again.
      if (schema.tables.has(BUCKETS_TABLE)) await this.#settings.buckets.forget(name, deadline);
      await this.#state.forget(name, deadline);
      call.onProgress?.({ step: `dropping table ${name}`, state: "done" });
    }
  }
}
