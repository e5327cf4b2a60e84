import type { Adapter, DesignItem, Store, StoreSession } from "../adapters/port/adapter.js";
import type { Capability } from "../adapters/port/capability.js";
import { CursorSigner } from "../internal/cursor.js";
import { Deadline } from "../internal/deadline.js";
import { type Issue, KeyfoldError } from "../internal/errors.js";
import type { ModelData } from "../model/description.js";
import { type AnyModel, describe, isModel } from "../model/model.js";
import type { CapabilityData, UnservedPattern } from "../plan/types.js";
import type { ClientContext } from "./calls.js";
import { makeEntityClient } from "./entity-client.js";
import { GetBatcher } from "./get-batcher.js";
import { makeGetClient, makeListClient, makeRankClient, makeUnserved } from "./pattern-client.js";
import { makeTransact } from "./transact.js";
import type { CallOptions, Client, ClientBase } from "./types.js";

/** Settings of a client. */
export interface ConnectOptions {
  /** Time of a call that names none, retries included. Default 10,000. */
  readonly deadlineMs?: number;
  /**
   * Signs page cursors; at least 16 characters. Processes that pass cursors to each other share it. Left out: a random
   * one that lives with the process, so that cursors do not survive it.
   */
  readonly cursorSecret?: string;
  /** How far a `bounded` read may lag when it does not say. Default 90,000. */
  readonly maxStalenessMs?: number;
  /** Compare the database with the plan once, before the first request. Default true. */
  readonly checkDesign?: boolean;
}

/**
 * Joins a model and an engine to a typed client. Synchronous: nothing is sent before the first request, which waits
 * for one comparison of the database with the plan.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no model or adapter. Requests throw `DESIGN_MISSING` or
 * `DESIGN_DIFFERS` when the database is not as planned.
 *
 * @example
 * ```ts
 * const shop = connect(model, mongodb(client.db("shop")));
 * await shop.line.insert(record);
 * const page = await shop.linesByCustomer({ customerId: "17850" }, { limit: 5 });
 * await shop.$close();
 * ```
 */
export function connect<M extends AnyModel, C extends Capability>(
  model: M,
  adapter: Adapter<C>,
  options: ConnectOptions = {},
): Client<M, C> {
  checkArguments("connect()", model, adapter);
  const data = describe(model);
  const store = adapter.bind(data);
  const shared: Shared = {
    data,
    store,
    capability: adapter.capability,
    cursors: new CursorSigner(options.cursorSecret),
    deadlineMs: options.deadlineMs ?? 10_000,
    maxStalenessMs: options.maxStalenessMs ?? 90_000,
    check: new DesignCheck(store, options.checkDesign ?? true),
  };
  return makeClient(shared, store.session(), () => store.close()) as Client<M, C>;
}

/** Says what is wrong with arguments that no compiler has seen. */
export function checkArguments(caller: string, model: unknown, adapter: unknown): asserts model is AnyModel {
  if (!isModel(model)) {
    throw new KeyfoldError("INPUT_INVALID", `${caller} takes a model first.`, {
      fix: "Pass what defineModel() gives.",
    });
  }
  if (typeof (adapter as Partial<Adapter> | undefined)?.bind !== "function") {
    throw new KeyfoldError("INPUT_INVALID", `${caller} takes an adapter second.`, {
      fix: 'Pass, for example, mongodb(client.db("shop")).',
    });
  }
  checkExpires(describe(model), (adapter as Adapter).capability);
}

/** Refuses a model whose records end, where the engine would keep them for ever. */
function checkExpires(model: ModelData, { engine, expires }: CapabilityData): void {
  const issues = Object.values(model.entities)
    .filter((entity) => entity.expires !== undefined && expires !== true)
    .map(
      ({ name }): Issue => ({
        code: "expires-unsupported",
        path: ["entities", name, "expires"],
        message: `${engine}() does not let records expire, which ${name} asks for`,
        fix: "Keep this entity on an engine that does, or take expires out of the model.",
      }),
    );
  const [first] = issues;
  if (first !== undefined) throw new KeyfoldError("MODEL_INVALID", `${first.message}.`, { fix: first.fix, issues });
}

/** What the sessions of one client have in common. */
interface Shared {
  readonly data: ModelData;
  readonly store: Store;
  readonly capability: CapabilityData;
  readonly cursors: CursorSigner;
  readonly deadlineMs: number;
  readonly maxStalenessMs: number;
  readonly check: DesignCheck;
}

function makeClient(shared: Shared, session: StoreSession, closeStore: () => Promise<void>): ClientBase {
  const { data, store, capability, check } = shared;
  let closed = false;
  const context: ClientContext = {
    engine: capability.engine,
    design: store.plan.design,
    session,
    deadlineMs: shared.deadlineMs,
    maxStalenessMs: shared.maxStalenessMs,
    ready(options, pattern) {
      if (closed)
        throw new KeyfoldError("INPUT_INVALID", "This client was closed.", { fix: "Close it after its last call." });
      if (check.passed(pattern)) return undefined;
      return check.wait(options.deadlineMs ?? shared.deadlineMs, options.signal, pattern);
    },
  };
  const members: Record<string, unknown> = {};
  const batchers = new Map<string, GetBatcher>();
  for (const entity of Object.values(data.entities)) {
    const records = store.entity(entity.name);
    const batcher = new GetBatcher(records);
    batchers.set(entity.name, batcher);
    members[entity.name] = makeEntityClient(context, entity, records, batcher, capability);
  }
  for (const pattern of Object.values(data.patterns)) {
    const plan = store.plan.patterns[pattern.name];
    const entity = data.entities[pattern.entity]!;
    if (plan === undefined || plan.kind === "unserved") {
      members[pattern.name] = makeUnserved(
        (plan as UnservedPattern | undefined)?.why ?? `the plan has no pattern ${pattern.name}`,
      );
    } else if (pattern.kind === "get") {
      members[pattern.name] = makeGetClient(
        context,
        pattern,
        entity,
        store.pattern(pattern.name),
        batchers.get(entity.name)!,
        capability,
      );
    } else if (pattern.kind === "rank") {
      members[pattern.name] = makeRankClient(context, pattern, entity, store.pattern(pattern.name), capability);
    } else {
      members[pattern.name] = makeListClient(
        context,
        pattern,
        entity,
        store.pattern(pattern.name),
        shared.cursors,
        capability,
      );
    }
  }
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await session.close();
    await closeStore();
  };
  const base = {
    get $ready(): Promise<void> {
      return (async () => {
        const waiting = context.ready({});
        if (waiting !== undefined) await waiting;
      })();
    },
    $session: (token?: string) => makeClient(shared, store.session(token), async () => {}),
    $token: () => session.token(),
    $transact: makeTransact(context, data, store),
    $close: close,
    [Symbol.asyncDispose]: close,
  };
  return Object.defineProperties(members, Object.getOwnPropertyDescriptors(base)) as unknown as ClientBase;
}

/** Compares the database with the plan, once for all sessions; a check that failed is made again by the next call. */
class DesignCheck {
  readonly #store: Store;
  #running: Promise<void> | undefined;
  #done: boolean;
  /** What single patterns still wait for, as it was seen last. */
  #waiting: readonly DesignItem[] = [];

  constructor(store: Store, wanted: boolean) {
    this.#store = store;
    this.#done = !wanted;
  }

  /** Whether nothing stands in the way of a call, or of this pattern. */
  passed(pattern: string | undefined): boolean {
    return this.#done && (this.#waiting.length === 0 || this.#waitingFor(pattern).length === 0);
  }

  #waitingFor(pattern: string | undefined): readonly DesignItem[] {
    return pattern === undefined ? [] : this.#waiting.filter((item) => item.pattern === pattern);
  }

  async wait(deadlineMs: number, signal: CallOptions["signal"], pattern: string | undefined): Promise<void> {
    await this.#look(deadlineMs, signal);
    const waiting = this.#waitingFor(pattern);
    if (waiting.length > 0) throw notReady(waiting);
  }

  #look(deadlineMs: number, signal: CallOptions["signal"]): Promise<void> {
    if (this.#running === undefined) {
      // Not bound to one caller's signal: others wait for the same answer.
      this.#running = this.#check(deadlineMs).finally(() => {
        this.#running = undefined;
      });
      this.#running.catch(() => {});
    }
    const running = this.#running;
    if (signal === undefined) return running;
    const deadline = new Deadline({ deadlineMs, signal });
    return deadline.run(() => running).finally(() => deadline.dispose());
  }

  async #check(deadlineMs: number): Promise<void> {
    const state = await this.#store.inspect({ deadlineAt: Date.now() + deadlineMs });
    const wrong = state.items.filter(unready);
    const common = wrong.filter(({ pattern }) => pattern === undefined);
    if (common.length > 0) throw notReady(common);
    this.#waiting = wrong;
    this.#done = true;
  }
}

function unready({ state }: DesignItem): boolean {
  return state === "missing" || state === "differs" || state === "building";
}

function notReady(wrong: readonly DesignItem[]): KeyfoldError {
  const missing = wrong.filter(({ state }) => state !== "differs");
  const listed = wrong
    .slice(0, 5)
    .map(
      ({ kind, name, state, detail }) =>
        `${kind} ${name} ${state === "differs" ? `differs (${detail ?? "otherwise"})` : `is ${state}`}`,
    );
  const more = wrong.length > listed.length ? `, and ${wrong.length - listed.length} more` : "";
  return new KeyfoldError(
    missing.length > 0 ? "DESIGN_MISSING" : "DESIGN_DIFFERS",
    `The database is not as planned: ${listed.join(", ")}${more}.`,
    {
      fix:
        missing.length > 0
          ? "Run keyfold apply MODEL --to URL, which creates what is missing."
          : "Compare keyfold plan with the database; keyfold apply reports what differs.",
      data: { items: wrong },
    },
  );
}
