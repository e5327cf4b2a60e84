import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { MongoCollection, MongoIndex, MongoPlan } from "../../plan/mongodb/types.js";
import type { ApplyCall, ApplyProgress, Call, DesignItem, DesignState } from "../port/adapter.js";
import { numberOf } from "./bson-values.js";
import { type DbLike, type Doc, sendCommand } from "./driver.js";
import { duplicateOf } from "./errors.js";
import type { Requests } from "./requests.js";

/** How often the progress of an index build is asked for. */
const POLL_MS = 500;
/** `apply` waits for index builds, which may take hours, unless the call has a deadline. */
const APPLY_DEADLINE_MS = 7 * 24 * 3_600_000;

/** An index as `listIndexes` says it. */
interface StoredIndex {
  readonly name: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly unique?: boolean;
  readonly sparse?: boolean;
  readonly partialFilterExpression?: Doc;
  readonly expireAfterSeconds?: unknown;
  readonly hidden?: boolean;
  readonly collation?: Doc;
}

/** Compares a plan with what is on the server, and makes it so. */
export class MongoDesign {
  readonly #requests: Requests;
  readonly #db: DbLike;
  readonly #plan: MongoPlan;

  constructor(requests: Requests, db: DbLike, plan: MongoPlan) {
    this.#requests = requests;
    this.#db = db;
    this.#plan = plan;
  }

  async inspect(call: Call): Promise<DesignState> {
    using deadline = this.#requests.deadline(call);
    return stateOf(await this.#compare(deadline));
  }

  async #compare(deadline: Deadline): Promise<DesignItem[]> {
    const collections = Object.values(this.#plan.collections);
    const found = await this.#requests.plain(
      {
        listCollections: 1,
        filter: { name: { $in: collections.map(({ name }) => name) } },
        cursor: { batchSize: 10_000 },
      },
      "",
      deadline,
    );
    const stored = new Map<string, string>();
    for (const each of (
      found["cursor"] as { readonly firstBatch: readonly { readonly name: string; readonly type?: string }[] }
    ).firstBatch) {
      stored.set(each.name, each.type ?? "collection");
    }
    const items = await Promise.all(
      collections.map(async (collection): Promise<DesignItem[]> => {
        const type = stored.get(collection.name);
        if (type === undefined) {
          return [
            { kind: "collection", name: collection.name, state: "missing" },
            ...collection.indexes.map(
              (index): DesignItem => ({ kind: "index", name: fullName(collection, index), state: "missing" }),
            ),
          ];
        }
        if (type !== "collection") {
          return [
            {
              kind: "collection",
              name: collection.name,
              state: "differs",
              detail: `It is a ${type}, not a collection.`,
            },
          ];
        }
        return [
          { kind: "collection", name: collection.name, state: "same" },
          ...compareIndexes(collection, await this.#indexes(collection.name, deadline)),
        ];
      }),
    );
    return items.flat();
  }

  async #indexes(collection: string, deadline: Deadline): Promise<readonly StoredIndex[]> {
    const reply = await this.#requests.plain(
      { listIndexes: collection, cursor: { batchSize: 1_000 } },
      collection,
      deadline,
    );
    return (reply["cursor"] as { readonly firstBatch: readonly StoredIndex[] }).firstBatch;
  }

  async apply(call: ApplyCall): Promise<DesignState> {
    const clock = this.#requests.clock;
    using deadline = this.#requests.deadline({
      ...call,
      deadlineAt: call.deadlineAt ?? clock.now() + APPLY_DEADLINE_MS,
    });
    const items = await this.#compare(deadline);
    if (call.dryRun === true) return stateOf(items);
    const progress = call.onProgress ?? (() => {});
    const done: DesignItem[] = [];
    for (const item of items) done.push(await this.#make(item, call, progress, deadline));
    // Items that were dropped are not there any more.
    return stateOf(done.filter((item) => item.detail !== DROPPED));
  }

  async #make(
    item: DesignItem,
    call: ApplyCall,
    progress: (progress: ApplyProgress) => void,
    deadline: Deadline,
  ): Promise<DesignItem> {
    const step = `${item.kind} ${item.name}`;
    const report = (state: ApplyProgress["state"], more: Partial<ApplyProgress> = {}) =>
      progress({ step, state, ...more });
    if (item.kind === "collection") {
      if (item.state !== "missing") return item;
      report("started");
      await this.#create(item.name, deadline);
      report("done");
      return { ...item, state: "created" };
    }
    const drop = call.drop === true;
    const { collection, index } = this.#find(item.name);
    if (item.state === "extra" && drop) {
      report("started");
      await this.#requests.plain(
        { dropIndexes: collection.name, index: item.name.slice(collection.name.length + 1) },
        collection.name,
        deadline,
      );
      report("done");
      return { ...item, detail: DROPPED };
    }
    if (index === undefined || (item.state !== "missing" && !(item.state === "differs" && drop))) return item;
    report("started");
    if (item.state === "differs") await this.#dropLike(collection, index, deadline);
    await this.#build(collection, index, deadline, (more) => report("running", more));
    report("done");
    return { kind: "index", name: item.name, state: "created" };
  }

  async #create(name: string, deadline: Deadline): Promise<void> {
    try {
      await this.#requests.plain({ create: name }, name, deadline);
    } catch (error) {
      // Another apply was first (NamespaceExists).
      if (codeOf(error) !== 48) throw error;
    }
  }

  /** Drops the index that stands in the way: the one of the same name, or of the same key. */
  async #dropLike(collection: MongoCollection, index: MongoIndex, deadline: Deadline): Promise<void> {
    for (const stored of await this.#indexes(collection.name, deadline)) {
      if (stored.name === index.name || keyText(stored.key) === keyText(index.key)) {
        await this.#requests.plain({ dropIndexes: collection.name, index: stored.name }, collection.name, deadline);
      }
    }
  }

  async #build(
    collection: MongoCollection,
    index: MongoIndex,
    deadline: Deadline,
    running: (more: Partial<ApplyProgress>) => void,
  ): Promise<void> {
    const spec: Doc = { key: index.key, name: index.name };
    if (index.unique) spec["unique"] = true;
    if (index.partialFilterExpression !== undefined) spec["partialFilterExpression"] = index.partialFilterExpression;
    if (index.expireAfterSeconds !== undefined) spec["expireAfterSeconds"] = index.expireAfterSeconds;
    const build = this.#requests.plain({ createIndexes: collection.name, indexes: [spec] }, collection.name, deadline);
    let built = false;
    const finished = build.then(
      () => {
        built = true;
      },
      () => {
        built = true;
      },
    );
    let watching = true;
    while (!built) {
      await Promise.race([finished, this.#requests.clock.sleep(POLL_MS)]);
      if (built) break;
      const at = watching ? await this.#progressOf(collection.name, index.name) : undefined;
      if (at === "refused") watching = false;
      running(typeof at === "object" ? at : {});
    }
    try {
      await build;
    } catch (error) {
      const duplicate = duplicateOf((error as { readonly cause?: unknown }).cause ?? error);
      if (duplicate !== undefined) {
        throw new KeyfoldError(
          "CONFLICT",
          `${fullName(collection, index)} cannot be unique: stored records share a value. ${(error as Error).message}`,
          {
            cause: error,
            fix: "Correct the duplicates, then run keyfold apply again.",
          },
        );
      }
      throw error;
    }
  }

  /** What `$currentOp` says of a build; "refused" where the server does not know it or does not allow it. */
  async #progressOf(collection: string, index: string): Promise<Partial<ApplyProgress> | "refused" | undefined> {
    const { client } = this.#db;
    if (client.db === undefined) return "refused";
    try {
      const match = { "command.createIndexes": collection, "command.indexes.name": index };
      const reply = await sendCommand(
        client.db("admin"),
        { aggregate: 1, pipeline: [{ $currentOp: { allUsers: true } }, { $match: match }], cursor: {} },
        { signal: AbortSignal.timeout(2_000) },
      );
      for (const operation of (reply["cursor"] as { readonly firstBatch: readonly Doc[] }).firstBatch) {
        const at = operation["progress"] as { readonly done?: unknown; readonly total?: unknown } | undefined;
        const done = numberOf(at?.done);
        const total = numberOf(at?.total);
        if (done !== undefined && total !== undefined) return { done, total };
      }
      return undefined;
    } catch {
      return "refused";
    }
  }

  #find(name: string): { collection: MongoCollection; index: MongoIndex | undefined } {
    for (const collection of Object.values(this.#plan.collections)) {
      const index = collection.indexes.find((each) => fullName(collection, each) === name);
      if (index !== undefined) return { collection, index };
    }
    // An index that is not in the plan: its collection's name is the longest that fits.
    const collection = Object.values(this.#plan.collections)
      .filter((each) => name.startsWith(`${each.name}.`))
      .sort((a, b) => b.name.length - a.name.length)[0]!;
    return { collection, index: undefined };
  }
}

const DROPPED = "dropped";

function fullName(collection: MongoCollection, index: { readonly name: string }): string {
  return `${collection.name}.${index.name}`;
}

function stateOf(items: readonly DesignItem[]): DesignState {
  return { ready: items.every(({ state }) => state === "same" || state === "created" || state === "extra"), items };
}

function codeOf(error: unknown): unknown {
  return (error as { readonly data?: { readonly code?: unknown } }).data?.code;
}

/** A key pattern as text: order and directions count. */
function keyText(key: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(
    Object.entries(key).map(([path, direction]) => [path, numberOf(direction) ?? String(direction)]),
  );
}

function compareIndexes(collection: MongoCollection, stored: readonly StoredIndex[]): DesignItem[] {
  const items: DesignItem[] = [];
  const used = new Set<StoredIndex>();
  for (const index of collection.indexes) {
    // By key: an index that someone else made under another name serves as well.
    const found =
      stored.find((each) => keyText(each.key) === keyText(index.key)) ??
      stored.find((each) => each.name === index.name);
    if (found === undefined) {
      items.push({ kind: "index", name: fullName(collection, index), state: "missing" });
      continue;
    }
    used.add(found);
    const detail = differenceOf(index, found);
    items.push({
      kind: "index",
      name: fullName(collection, index),
      state: detail === undefined ? "same" : "differs",
      ...(detail === undefined ? {} : { detail }),
    });
  }
  for (const each of stored) {
    if (each.name !== "_id_" && !used.has(each)) {
      items.push({
        kind: "index",
        name: fullName(collection, each),
        state: "extra",
        detail: "No pattern of this model needs it.",
      });
    }
  }
  return items;
}

function differenceOf(planned: MongoIndex, stored: StoredIndex): string | undefined {
  if (keyText(planned.key) !== keyText(stored.key))
    return `Its key is ${JSON.stringify(stored.key)}, planned is ${JSON.stringify(planned.key)}.`;
  if (planned.unique !== (stored.unique === true)) return planned.unique ? "It is not unique." : "It is unique.";
  const filter = (each: unknown) => JSON.stringify(each ?? null);
  if (filter(planned.partialFilterExpression) !== filter(stored.partialFilterExpression)) {
    return `It covers ${filter(stored.partialFilterExpression)}, planned is ${filter(planned.partialFilterExpression)} (null: every record).`;
  }
  if (stored.sparse === true) return "It is sparse: records without the field are not in it.";
  if (stored.hidden === true) return "It is hidden from the query planner.";
  if (stored.collation !== undefined && stored.collation["locale"] !== "simple")
    return `It has a collation (${JSON.stringify(stored.collation["locale"] ?? stored.collation)}).`;
  if (numberOf(stored.expireAfterSeconds) !== planned.expireAfterSeconds) {
    return stored.expireAfterSeconds === undefined
      ? "It is no TTL index: records that have ended would stay."
      : planned.expireAfterSeconds === undefined
        ? "It is a TTL index: MongoDB deletes records by it."
        : `MongoDB deletes records ${String(stored.expireAfterSeconds)} seconds after its date, not at it.`;
  }
  return undefined;
}
