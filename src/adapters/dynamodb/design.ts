import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Doc } from "../../patterns/dynamodb/driver.js";
import { indexDefinition, tableDefinition } from "../../plan/dynamodb/create-table.js";
import { indexAttributes } from "../../plan/dynamodb/names.js";
import type { DynamoIndex, DynamoTableDesign } from "../../plan/dynamodb/types.js";
import type { ApplyCall, Call, DesignItem, DesignState } from "../port/adapter.js";
import { type Filled, isOwn, type Place, PlacesState, placesOf } from "./contents.js";
import { fillPlaces } from "./fill.js";
import type { Requests } from "./requests.js";
import type { StoredEntity } from "./write.js";

/** How often a table that is being made or changed is looked at. */
const POLL_MS = 500;
/** `apply` waits for indexes, which may take hours to fill, unless the call has a deadline. */
const APPLY_DEADLINE_MS = 7 * 24 * 3_600_000;

interface StoredIndex {
  readonly IndexName?: string;
  readonly IndexStatus?: string;
  readonly Backfilling?: boolean;
  readonly KeySchema?: readonly { readonly AttributeName?: string; readonly KeyType?: string }[];
  readonly Projection?: { readonly ProjectionType?: string; readonly NonKeyAttributes?: readonly string[] };
}
interface StoredTable {
  readonly TableStatus?: string;
  readonly KeySchema?: StoredIndex["KeySchema"];
  readonly AttributeDefinitions?: readonly { readonly AttributeName?: string; readonly AttributeType?: string }[];
  readonly GlobalSecondaryIndexes?: readonly StoredIndex[];
  readonly LocalSecondaryIndexes?: readonly StoredIndex[];
}

/** Compares a plan with a table, and makes it so. */
export class DynamoDesign {
  readonly #requests: Requests;
  readonly #plan: DynamoTableDesign;
  readonly #entities: ReadonlyMap<string, StoredEntity>;
  readonly #places: readonly Place[];
  readonly #state: PlacesState;

  constructor(requests: Requests, plan: DynamoTableDesign, entities: ReadonlyMap<string, StoredEntity>) {
    this.#requests = requests;
    this.#plan = plan;
    this.#entities = entities;
    this.#places = placesOf(plan);
    this.#state = new PlacesState(requests);
  }

  async inspect(call: Call): Promise<DesignState> {
    using deadline = this.#requests.deadline(call);
    return stateOf(await this.#compare(deadline));
  }

  async #compare(deadline: Deadline): Promise<DesignItem[]> {
    const table = await this.#describe(deadline);
    const items = [this.#tableItem(table), ...(await this.#expiryItems(table, deadline)), ...this.#indexItems(table)];
    const usable = items[0]?.state === "same";
    const known: ReadonlyMap<string, Filled> = usable ? await this.#state.read(deadline) : new Map();
    for (const place of this.#places) {
      const found = known.get(place.name);
      if (place.home !== undefined) {
        if (usable) items.push(...homeItems(place, known));
        continue;
      }
      const state = found === undefined || found.left === true ? "missing" : found.whole ? "same" : "building";
      items.push(...contentsItems(place, state));
    }
    for (const name of known.keys()) {
      if (this.#places.some((place) => place.name === name || isOtherHome(place, name))) continue;
      items.push({
        kind: "contents",
        name,
        state: "extra",
        detail: "items of an earlier design; nothing reads them",
      });
    }
    return items;
  }

  async #describe(deadline: Deadline): Promise<StoredTable | undefined> {
    try {
      const output = await this.#requests.send("DescribeTable", { TableName: this.#requests.table }, deadline);
      return output["Table"] as StoredTable;
    } catch (error) {
      if (error instanceof KeyfoldError && error.code === "DESIGN_MISSING") return undefined;
      throw error;
    }
  }

  /** The table's time to live, where records expire. */
  async #expiryItems(table: StoredTable | undefined, deadline: Deadline): Promise<DesignItem[]> {
    const { expires } = this.#plan.table;
    if (expires === undefined) return [];
    const facts = { kind: "setting", name: "time to live" } as const;
    if (table === undefined) return [{ ...facts, state: "missing" }];
    const output = await this.#requests.send("DescribeTimeToLive", { TableName: this.#requests.table }, deadline);
    const { TimeToLiveStatus: status, AttributeName: attribute } = output["TimeToLiveDescription"] as {
      readonly TimeToLiveStatus?: string;
      readonly AttributeName?: string;
    };
    if (status !== "ENABLED" && status !== "ENABLING") return [{ ...facts, state: "missing" }];
    if (attribute === expires) return [{ ...facts, state: "same" }];
    return [{ ...facts, state: "differs", detail: `it is by ${attribute} and not by ${expires}` }];
  }

  /** Has DynamoDB delete what expired. A table whose time to live is by another attribute is left as it is. */
  async #changeExpiry(table: StoredTable, call: ApplyCall, deadline: Deadline): Promise<boolean> {
    const [item] = await this.#expiryItems(table, deadline);
    if (item?.state !== "missing") return false;
    call.onProgress?.({ step: item.name, state: "started" });
    await this.#requests.send(
      "UpdateTimeToLive",
      {
        TableName: this.#requests.table,
        TimeToLiveSpecification: { AttributeName: this.#plan.table.expires, Enabled: true },
      },
      deadline,
    );
    call.onProgress?.({ step: item.name, state: "done" });
    return true;
  }

  #tableItem(table: StoredTable | undefined): DesignItem {
    const facts = { kind: "table", name: this.#requests.table } as const;
    if (table === undefined) return { ...facts, state: "missing" };
    const difference = keyDifference(table, this.#plan.table.partition, this.#plan.table.sort, table.KeySchema);
    if (difference !== undefined) {
      return { ...facts, state: "differs", detail: `${difference}: ${adoption(table)}` };
    }
    if (table.TableStatus === "CREATING" || table.TableStatus === "DELETING") return { ...facts, state: "building" };
    return { ...facts, state: "same" };
  }

  #indexItems(table: StoredTable | undefined): DesignItem[] {
    const stored = table?.GlobalSecondaryIndexes ?? [];
    const planned = this.#plan.table.indexes.flatMap((index) => {
      const found = stored.find(({ IndexName }) => IndexName === index.name);
      return this.#indexItem(index, table, found);
    });
    const extra = stored
      .filter((one) => !this.#plan.table.indexes.some(({ name }) => name === one.IndexName) && isOwnIndex(one))
      .map(
        ({ IndexName = "" }): DesignItem => ({
          kind: "index",
          name: IndexName,
          state: "extra",
          detail: "no pattern reads it",
        }),
      );
    return [...planned, ...this.#localItems(table), ...extra];
  }

  /** Local indexes are made with the table alone: one that is not there, or is otherwise, is reported and left so. */
  #localItems(table: StoredTable | undefined): DesignItem[] {
    const stored = table?.LocalSecondaryIndexes ?? [];
    const { partition, localIndexes } = this.#plan.table;
    return localIndexes.flatMap((index): DesignItem[] => {
      const facts = { kind: "index", name: index.name } as const;
      if (table === undefined) return [{ ...facts, state: "missing" }];
      const found = stored.find(({ IndexName }) => IndexName === index.name);
      const detail =
        found === undefined
          ? "the table was made without it, and DynamoDB adds no local index later: make a new table with it and copy the records, or take its patterns out of physical.dynamodb.localIndexes"
          : (keyDifference(table, partition, index.sort, found.KeySchema) ??
            projectionDifference(index, found.Projection));
      if (detail === undefined) return [{ ...facts, state: "same" }];
      return index.serves.map((pattern) => ({ ...facts, state: "differs", detail, pattern }));
    });
  }

  /** One item for each pattern that waits for the index alone. */
  #indexItem(index: DynamoIndex, table: StoredTable | undefined, found: StoredIndex | undefined): DesignItem[] {
    const facts = { kind: "index", name: index.name } as const;
    const each = (item: Pick<DesignItem, "state" | "detail">): DesignItem[] =>
      index.serves.map((pattern) => ({ ...facts, ...item, pattern }));
    if (table === undefined) return [{ ...facts, state: "missing" }];
    if (found === undefined) return each({ state: "missing" });
    const difference =
      keyDifference(table, index.partition, index.sort, found.KeySchema) ??
      projectionDifference(index, found.Projection);
    if (difference !== undefined) return each({ state: "differs", detail: difference });
    return found.IndexStatus === undefined || found.IndexStatus === "ACTIVE" || found.IndexStatus === "UPDATING"
      ? [{ ...facts, state: "same" }]
      : each({ state: "building" });
  }

  async apply(call: ApplyCall): Promise<DesignState> {
    using deadline = this.#requests.deadline({ deadlineAt: this.#requests.clock.now() + APPLY_DEADLINE_MS, ...call });
    const before = await this.#compare(deadline);
    if (call.dryRun) return stateOf(before);
    const created = new Set<string>();
    let table = await this.#describe(deadline);
    if (table === undefined) {
      call.onProgress?.({ step: `table ${this.#requests.table}`, state: "started" });
      await this.#create(deadline);
      created.add("table").add("indexes");
      call.onProgress?.({ step: `table ${this.#requests.table}`, state: "done" });
    }
    table = await this.#waitUntilActive(undefined, call, deadline);
    if (this.#tableItem(table).state === "differs") return stateOf(await this.#compare(deadline));
    const known = await this.#state.read(deadline);
    // Where records lie elsewhere than the model says, nothing can be made of them.
    if (this.#places.some((place) => homeItems(place, known).some(({ state }) => state === "differs"))) {
      return stateOf(await this.#compare(deadline));
    }
    if (await this.#changeExpiry(table, call, deadline)) created.add("time to live");
    await this.#changeIndexes(table, created, call, deadline);
    await this.#leave(known, deadline);
    // Places that were whole before are left alone; the others are filled in one pass over the table.
    const unfilled = this.#places.filter((place) => known.get(place.name)?.whole !== true);
    for (const { name, home } of unfilled) {
      if (home !== undefined) await this.#state.write(name, { whole: true, segments: [] }, deadline);
    }
    const open = unfilled.filter(({ home }) => home === undefined);
    if (open.length > 0) {
      await fillPlaces(open, known, this.#state, this.#entities, this.#requests, call, deadline);
      for (const place of open) created.add(place.name);
    }
    const after = await this.#compare(deadline);
    return stateOf(
      after.map((item) => {
        const made =
          created.has(item.name) ||
          (item.kind === "table" && created.has("table")) ||
          (item.kind === "index" && created.has("indexes"));
        return item.state === "same" && made ? { ...item, state: "created" } : item;
      }),
    );
  }

  /**
   * Writers of this design keep no place that it does not have, and entries of its own take the attributes of those in
   * an index: a design that has such a place again does not find it whole.
   */
  async #leave(known: ReadonlyMap<string, Filled>, deadline: Deadline): Promise<void> {
    for (const [name, { left }] of known) {
      if (left === true || this.#places.some((place) => place.name === name) || !isOwn(name, this.#plan)) continue;
      await this.#state.write(name, { whole: false, segments: [], left: true }, deadline);
    }
  }

  async #create(deadline: Deadline): Promise<void> {
    try {
      const definition = tableDefinition(this.#plan.table) as unknown as Doc;
      await this.#requests.send("CreateTable", { TableName: this.#requests.table, ...definition }, deadline);
    } catch (error) {
      // Another apply was faster.
      if (!isInUse(error)) throw error;
    }
  }

  /** One index at a time, as DynamoDB demands; one that is being made by an earlier run is waited for. */
  async #changeIndexes(table: StoredTable, created: Set<string>, call: ApplyCall, deadline: Deadline): Promise<void> {
    const { indexes } = this.#plan.table;
    let current = table;
    // What no index of the table has may not be defined.
    const locals = this.#plan.table.localIndexes.filter(({ name }) =>
      table.LocalSecondaryIndexes?.some(({ IndexName }) => IndexName === name),
    );
    const change = async (update: Doc, definitions: readonly DynamoIndex[]): Promise<void> => {
      await this.#requests.send(
        "UpdateTable",
        {
          TableName: this.#requests.table,
          AttributeDefinitions: tableDefinition(this.#plan.table, definitions, locals).AttributeDefinitions,
          GlobalSecondaryIndexUpdates: [update],
        },
        deadline,
      );
    };
    if (call.drop === true) {
      for (const { name, state } of this.#indexItems(current)) {
        if (state !== "extra" && state !== "differs") continue;
        if (current.GlobalSecondaryIndexes?.every(({ IndexName }) => IndexName !== name) ?? true) continue;
        call.onProgress?.({ step: `dropping index ${name}`, state: "started" });
        const kept = indexes.filter((index) => index.name !== name);
        await change({ Delete: { IndexName: name } }, kept);
        current = await this.#waitUntilActive(undefined, call, deadline);
        call.onProgress?.({ step: `dropping index ${name}`, state: "done" });
      }
    }
    for (const index of indexes) {
      if (current.GlobalSecondaryIndexes?.some(({ IndexName }) => IndexName === index.name)) continue;
      const step = `index ${index.name}`;
      call.onProgress?.({ step, state: "started" });
      const there = current.GlobalSecondaryIndexes ?? [];
      const known = indexes.filter((one) => one === index || there.some(({ IndexName }) => IndexName === one.name));
      const provisioned = throughputOf(current);
      await change({ Create: { ...(indexDefinition(index) as unknown as Doc), ...provisioned } }, known);
      current = await this.#waitUntilActive(step, call, deadline);
      created.add(index.name);
      call.onProgress?.({ step, state: "done" });
    }
  }

  /** Waits until the table and all its indexes can be used and changed. */
  async #waitUntilActive(step: string | undefined, call: ApplyCall, deadline: Deadline): Promise<StoredTable> {
    for (let looks = 0; ; looks++) {
      const table = await this.#describe(deadline);
      const indexes = table?.GlobalSecondaryIndexes ?? [];
      const active =
        table !== undefined &&
        (table.TableStatus === undefined || table.TableStatus === "ACTIVE") &&
        indexes.every(({ IndexStatus }) => IndexStatus === undefined || IndexStatus === "ACTIVE");
      if (active) return table;
      if (step !== undefined) call.onProgress?.({ step, state: "running" });
      // A laptop's engine is ready at once; AWS takes seconds or hours.
      await this.#requests.clock.sleep(Math.min(POLL_MS, 10 * 2 ** looks), deadline.signal);
    }
  }
}

/** Whether keyfold made an index: others of an adopted table are not its own to drop. */
function isOwnIndex({ KeySchema = [] }: StoredIndex): boolean {
  const [partition, sort] = KeySchema.map(({ AttributeName = "" }) => AttributeName);
  const slot = /^(gsi\d+)pk$/.exec(partition ?? "")?.[1];
  return slot !== undefined && sort === indexAttributes(slot).sort;
}

/** What can be done with a table whose key is another one. */
function adoption(table: StoredTable): string {
  const keys = (table.KeySchema ?? []).map(({ AttributeName }) => AttributeName ?? "");
  const typeOf = (name: string): string | undefined =>
    table.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
  const [partition = "", sort] = keys;
  if (sort === undefined) return "a table without a sort key cannot hold a model, which puts many items under one key";
  const other = keys.find((name) => typeOf(name) !== "S");
  return other === undefined
    ? `adopt it with physical: { dynamodb: { key: { partition: ${JSON.stringify(partition)}, sort: ${JSON.stringify(sort)} } } } in the model`
    : `keyfold's keys are text, and ${other} is a ${typeOf(other) === "N" ? "number" : "binary"}: such a table cannot be adopted`;
}

/** What differs between a key as planned and as it is. */
function keyDifference(
  table: StoredTable,
  partition: string,
  sort: string,
  schema: StoredIndex["KeySchema"],
): string | undefined {
  const typeOf = (name: string | undefined): string | undefined =>
    table.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
  const found = (schema ?? []).map(({ AttributeName }) => `${AttributeName} (${typeOf(AttributeName)})`).join(", ");
  const planned = `${partition} (S), ${sort} (S)`;
  return found === planned ? undefined : `its key is ${found} and not ${planned}`;
}

function projectionDifference(index: DynamoIndex, found: StoredIndex["Projection"]): string | undefined {
  const text = (type: string | undefined, includes: readonly string[] = []): string =>
    [type, ...[...includes].sort()].join(" ");
  const is = text(found?.ProjectionType, found?.NonKeyAttributes);
  const planned = text(index.projection, index.includes);
  return is === planned ? undefined : `it projects ${is} and not ${planned}`;
}

/** An index of a table with provisioned capacity must have some of its own: that of the table. */
function throughputOf(table: StoredTable): Doc {
  const { BillingModeSummary, ProvisionedThroughput } = table as {
    readonly BillingModeSummary?: { readonly BillingMode?: string };
    readonly ProvisionedThroughput?: { readonly ReadCapacityUnits?: number; readonly WriteCapacityUnits?: number };
  };
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = ProvisionedThroughput ?? {};
  if (BillingModeSummary?.BillingMode === "PAY_PER_REQUEST" || ReadCapacityUnits === 0) return {};
  return { ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits } };
}

function isInUse(error: unknown): boolean {
  return (error as { readonly data?: { readonly name?: unknown } }).data?.name === "ResourceInUseException";
}

function isOtherHome(place: Place, name: string): boolean {
  return place.home !== undefined && name !== place.name && name.startsWith(place.home);
}

/** Where the records of an entity lie: said only where something is to be done. */
function homeItems(place: Place, known: ReadonlyMap<string, Filled>): readonly DesignItem[] {
  const facts = { kind: "contents", name: place.name } as const;
  if (place.home === undefined || known.get(place.name)?.whole === true) return [];
  const other = [...known.keys()].find((name) => isOtherHome(place, name));
  if (other === undefined) return [{ ...facts, state: known.has(place.name) ? "building" : "missing" }];
  const lies = other.slice(place.home.length);
  return [
    {
      ...facts,
      state: "differs",
      detail: `its records lie by ${lies}, where this model does not find them: keep the key's fields and types, the patterns and the numbers of the workload that decide it, or copy the records into a new table`,
    },
  ];
}

function contentsItems(place: Place, state: "missing" | "same" | "building"): DesignItem[] {
  const facts = { kind: "contents", name: place.name, state } as const;
  // A unique constraint that is not whole would admit what it must refuse: everything waits for it.
  if (state === "same" || place.patterns.length === 0) return [facts];
  return place.patterns.map((pattern) => ({ ...facts, pattern }));
}

function stateOf(items: readonly DesignItem[]): DesignState {
  const ready = items.every(({ state }) => state === "same" || state === "created" || state === "extra");
  return { ready, items };
}
