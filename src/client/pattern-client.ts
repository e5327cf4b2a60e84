import type { PageCall, PatternStore, Position, ReadCall, RecordData } from "../adapters/port/adapter.js";
import { compilePick } from "../adapters/port/select.js";
import type { CursorSigner, CursorValue } from "../internal/cursor.js";
import { KeyfoldError } from "../internal/errors.js";
import type { Consistency } from "../model/consistency.js";
import type { EntityData, PatternData, Range } from "../model/description.js";
import { type Field, fieldAt } from "../model/field.js";
import type { CapabilityData } from "../plan/types.js";
import { type ClientContext, traced } from "./calls.js";
import { bucketCheck, type Check, compileCheck } from "./check.js";
import type { GetBatcher } from "./get-batcher.js";
import { compileLevels } from "./levels.js";
import { refused } from "./records.js";
import type { CallOptions, ExplainedRequest, GetClient, ListClient, ListOptions, Page, ReadOptions } from "./types.js";

type Params = Record<string, unknown>;
type Row = Record<string, unknown>;
/** Pattern clients without the types of their questions: those are the caller's. */
export type AnyGetClient = GetClient<Params, Row, Consistency>;
export type AnyListClient = ListClient<Params, Row, Consistency>;

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;

/** A `get` pattern: single gets of one tick travel together with those of the entity. */
export function makeGetClient(
  context: ClientContext,
  pattern: PatternData,
  entity: EntityData,
  store: PatternStore,
  batcher: GetBatcher,
  capability: CapabilityData,
): AnyGetClient {
  const select = pattern.kind === "get" ? pattern.select : undefined;
  const whole = (key: RecordData, call: ReadCall) => batcher.get(key, call);
  if (select === undefined) return makeOneClient(context, pattern, entity, store, whole, capability);
  const pick = compilePick(select);
  // Gets of one tick travel together, whatever their patterns want of the records.
  const some = async (key: RecordData, call: ReadCall) => {
    const found = await whole(key, call);
    return found && { record: pick(found.record) };
  };
  return makeOneClient(context, pattern, entity, store, some, capability);
}

/** A `rank` pattern: a page of one row. */
export function makeRankClient(
  context: ClientContext,
  pattern: PatternData,
  entity: EntityData,
  store: PatternStore,
  capability: CapabilityData,
): AnyGetClient {
  const read = async (key: RecordData, call: ReadCall) => {
    const [record] = (await store.page(key, { ...call, limit: 1 })).rows;
    return record === undefined ? undefined : { record };
  };
  return makeOneClient(context, pattern, entity, store, read, capability);
}

/** A pattern that is answered by one row or none. */
function makeOneClient(
  context: ClientContext,
  pattern: PatternData,
  entity: EntityData,
  store: PatternStore,
  read: (params: RecordData, call: ReadCall) => Promise<{ readonly record: RecordData } | undefined>,
  capability: CapabilityData,
): AnyGetClient {
  const check = compileParams(pattern, entity);
  const readCall = compileLevels(
    context,
    pattern.name,
    pattern.kind,
    pattern.consistency,
    pattern.consistency,
    capability,
  );
  const call = (params: Params, options: ReadOptions<Consistency> = {}): Promise<Row | undefined> =>
    traced(
      context,
      pattern.name,
      options.consistency ?? pattern.consistency,
      (row) => (row === undefined ? 0 : 1),
      async () => {
        const waiting = context.ready(options, pattern.name);
        if (waiting !== undefined) await waiting;
        return (await read(check(params), readCall(options)))?.record as Row | undefined;
      },
    );
  const explain = async (params: Params, options: ReadOptions<Consistency> = {}): Promise<ExplainedRequest> => {
    await ready(context, options, pattern);
    return store.explain(check(params), { ...readCall(options), limit: 1 });
  };
  return Object.assign(call, { explain });
}

/** A `list`, `top` or `search` pattern. */
export function makeListClient(
  context: ClientContext,
  pattern: PatternData,
  entity: EntityData,
  store: PatternStore,
  cursors: CursorSigner,
  capability: CapabilityData,
): AnyListClient {
  const check = compileParams(pattern, entity);
  const readCall = compileLevels(
    context,
    pattern.name,
    pattern.kind,
    pattern.consistency,
    pattern.consistency,
    capability,
  );

  const pageCall = (checked: RecordData, options: ListOptions<Consistency>): PageCall => {
    const limit = options.limit ?? DEFAULT_LIMIT;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `limit must be a whole number from 1 to ${MAX_LIMIT}, not ${String(limit)}.`,
        {
          fix: "Take further pages with the cursor, or iterate with .each().",
        },
      );
    }
    const call = { ...readCall(options), limit };
    if (options.cursor === undefined) return call;
    return { ...call, after: cursors.read(questionOf(context, pattern, checked), options.cursor) as Position };
  };

  const page = (params: Params, options: ListOptions<Consistency> = {}): Promise<Page<Row>> => {
    const consistency = options.consistency ?? pattern.consistency;
    return traced(
      context,
      pattern.name,
      consistency,
      (found) => found.items.length,
      async () => {
        await ready(context, options, pattern);
        const checked = check(params);
        const { rows, next } = await store.page(checked, pageCall(checked, options));
        const cursor =
          next === undefined
            ? undefined
            : cursors.sign(questionOf(context, pattern, checked), next as readonly CursorValue[]);
        return { items: rows as Row[], cursor, consistency };
      },
    );
  };

  async function* each(params: Params, options: ListOptions<Consistency> = {}): AsyncGenerator<Row, void, undefined> {
    let { cursor } = options;
    do {
      const found: Page<Row> = await page(params, { ...options, cursor });
      yield* found.items;
      cursor = found.cursor;
    } while (cursor !== undefined);
  }

  const explain = async (params: Params, options: ListOptions<Consistency> = {}): Promise<ExplainedRequest> => {
    await ready(context, options, pattern);
    const checked = check(params);
    return store.explain(checked, pageCall(checked, options));
  };
  return Object.assign(page, { each, explain });
}

/** In place of a pattern that the engine cannot serve: whatever is done with it says why. */
export function makeUnserved(why: string): AnyListClient {
  const fail = (): never => {
    throw new KeyfoldError("PATTERN_UNSUPPORTED", why, { fix: "Run keyfold plan to see what this engine can serve." });
  };
  return Object.assign(fail, { each: fail, explain: fail });
}

async function ready(context: ClientContext, options: CallOptions, pattern: PatternData): Promise<void> {
  const waiting = context.ready(options, pattern.name);
  if (waiting !== undefined) await waiting;
}

/** What a cursor is bound to: the pattern, its parameters and the design. */
function questionOf(context: ClientContext, pattern: PatternData, params: RecordData): string {
  const given = Object.keys(params)
    .filter((name) => params[name] !== undefined)
    .sort()
    .map((name) => [name, textOf(params[name])]);
  return JSON.stringify([context.engine, context.design, pattern.name, given]);
}

function textOf(value: unknown): string {
  if (value instanceof Date) return `d${value.getTime()}`;
  if (typeof value === "bigint") return `i${value}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("base64")}`;
  return JSON.stringify(value) ?? "";
}

/** Compiles the check of a pattern's parameters: all there, none besides, each of its field's type. */
function compileParams(pattern: PatternData, entity: EntityData): (params: unknown) => RecordData {
  const checks = new Map<string, Check>();
  const required: string[] = [];
  const typed = (path: string, optional: boolean): Check => {
    const field = fieldAt(entity.fields, path);
    return compileCheck({ ...(field as Field), optional, nullable: false });
  };
  if (pattern.kind === "rank") {
    for (const field of entity.key) checks.set(field, typed(field, false));
    required.push(...entity.key);
  } else if ("by" in pattern && typeof pattern.by !== "string") {
    for (const part of pattern.by) {
      checks.set(part.param, part.kind === "field" ? typed(part.field, false) : bucketCheck(part.unit));
      required.push(part.param);
    }
  }
  if ("range" in pattern && pattern.range !== undefined) {
    for (const bound of ["from", "to"]) checks.set(bound, boundCheck(pattern.range, typed(pattern.range.field, true)));
  }
  return (params) => {
    if (typeof params !== "object" || params === null || Array.isArray(params)) {
      throw new KeyfoldError("INPUT_INVALID", `${pattern.name} takes an object of parameters.`, { fix: asked(checks) });
    }
    for (const name of required) {
      if ((params as Params)[name] === undefined) {
        throw new KeyfoldError("INPUT_INVALID", `${pattern.name} needs the parameter ${name}.`, { fix: asked(checks) });
      }
    }
    for (const [name, value] of Object.entries(params)) {
      const check = checks.get(name);
      if (check === undefined) {
        throw new KeyfoldError("INPUT_INVALID", `${pattern.name} has no parameter ${name}.`, { fix: asked(checks) });
      }
      const found = check(value);
      if (found !== undefined) throw refused(pattern.name, { ...found, path: [name, ...found.path] });
    }
    return params as RecordData;
  };
}

function boundCheck(range: Range, typed: Check): Check {
  if (range.unit === undefined) return typed;
  const bucket = bucketCheck(range.unit);
  return (value) => (value === undefined ? undefined : bucket(value));
}

function asked(checks: ReadonlyMap<string, Check>): string {
  return checks.size === 0
    ? "It takes no parameters: pass {}."
    : `Its parameters are ${[...checks.keys()].join(", ")}.`;
}
